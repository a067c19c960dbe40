"""Linear algebra: what recorded numbers do not show. Properties, codes, printing, sizes of zero."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import flambeau as torch


def matrix(*shape: int, dtype: str = "float64", seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=shape)
    if dtype.startswith("complex"):
        a = a + 1j * rng.normal(size=shape)
    return torch.from_numpy(a.astype(dtype))


def assert_equal(got: torch.Tensor, want: torch.Tensor, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=tolerance, atol=tolerance)


DTYPES = ["float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(70, 70), (2, 5, 7), (3, 7, 5), (40, 33), (0, 3), (2, 0, 0)])
def test_factors_multiply_to_the_matrix(shape, dtype) -> None:
    a = matrix(*shape, dtype=dtype)
    tolerance = 1e-3 if dtype in ("float32", "complex64") else 1e-10
    p, lower, upper = torch.linalg.lu(a)
    assert_equal(p @ lower @ upper, a, tolerance)
    q, r = torch.linalg.qr(a)
    assert_equal(q @ r, a, tolerance)
    u, s, vh = torch.linalg.svd(a, full_matrices=False)
    assert_equal((u * s[..., None, :]) @ vh, a, tolerance)
    assert {x.dtype for x in (p, lower, upper, q, r, u, vh)} == {a.dtype}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hermitian", [False, True])
def test_ldl_solves_indefinite_systems(dtype, hermitian) -> None:
    a = matrix(3, 6, 6, dtype=dtype)
    a = a + (a.mH if hermitian else a.mT)
    a[:, 0, 0] = 0  # needs a block of two
    b = matrix(3, 6, 2, dtype=dtype, seed=1)
    ld, pivots = torch.linalg.ldl_factor(a, hermitian=hermitian)
    x = torch.linalg.ldl_solve(ld, pivots, b, hermitian=hermitian)
    assert_equal(a @ x, b, 1e-2 if dtype in ("float32", "complex64") else 1e-9)
    assert (pivots < 0).any()


def test_codes_of_matrices_that_cannot_be_factored() -> None:
    a = torch.stack([torch.eye(3), torch.tensor([[1.0, 2, 0], [2, 1, 0], [0, 0, 1]])])
    assert torch.linalg.cholesky_ex(a).info.tolist() == [0, 2]
    singular = torch.tensor([[1.0, 2], [2, 4]])
    assert torch.linalg.lu_factor_ex(singular).info.item() == 2
    assert torch.linalg.inv_ex(singular).info.item() == 2
    assert torch.linalg.solve_ex(singular, torch.ones(2)).info.item() == 2
    assert torch.linalg.ldl_factor_ex(torch.zeros(2, 2)).info.item() == 1


def test_the_matrices_beside_a_singular_one_are_solved() -> None:
    a = torch.stack([torch.zeros(2, 2), 2 * torch.eye(2)])
    inverse, info = torch.linalg.inv_ex(a)
    assert info.tolist() == [1, 0]
    assert inverse[1].tolist() == [[0.5, 0.0], [0.0, 0.5]]


def test_pivots_are_those_of_lapack() -> None:
    a = torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 10]])
    lu, pivots = torch.linalg.lu_factor(a)
    assert pivots.tolist() == [3, 3, 3]
    assert pivots.dtype is torch.int32
    want = [[7.0, 8, 10], [0.14285715, 0.85714287, 1.5714285], [0.5714286, 0.5, -0.5]]
    np.testing.assert_allclose(lu.numpy(), want, rtol=1e-5)


def test_named_results_print_and_pickle_as_tuples() -> None:
    result = torch.linalg.eigh(torch.tensor([[2.0, 0], [0, 1]]))
    assert repr(result) == (
        "torch.return_types.linalg_eigh(\neigenvalues=tensor([1., 2.]),\n"
        "eigenvectors=tensor([[0., 1.],\n        [1., 0.]]))"
    )
    values, vectors = result
    assert values is result.eigenvalues
    assert vectors is result[1]
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is type(result)
    assert again.eigenvalues.tolist() == [1.0, 2.0]
    assert torch.return_types.linalg_eigh is type(result)
    with pytest.raises(TypeError, match="2-sequence"):
        type(result)((1, 2, 3))


def test_determinants_of_singular_matrices_have_gradients() -> None:
    a = torch.tensor([[1.0, 2], [2, 4]], dtype=torch.float64, requires_grad=True)
    torch.linalg.det(a).backward()
    np.testing.assert_allclose(a.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-12)


def test_triangular_solves_read_one_triangle_and_divide_by_zero_quietly() -> None:
    a = torch.tensor([[2.0, float("nan")], [1, 1]])
    b = torch.tensor([[2.0], [2]])
    assert torch.linalg.solve_triangular(a, b, upper=False).tolist() == [[1.0], [1.0]]
    zero = torch.linalg.solve_triangular(torch.zeros(1, 1), torch.ones(1, 1), upper=True)
    assert zero.tolist() == [[float("inf")]]


@pytest.mark.parametrize(
    ("options", "rank"),
    [
        ({}, 2),
        ({"tol": 2.5}, 1),
        ({"atol": 2.5}, 1),
        ({"rtol": 0.9}, 1),
        ({"hermitian": True}, 2),
        ({"atol": 1.0, "rtol": 0.9}, 1),
    ],
)
def test_ranks(options, rank) -> None:
    assert (
        torch.linalg.matrix_rank(torch.eye(3) * torch.tensor([3.0, 2, 0]), **options).item() == rank
    )


def test_pinv_takes_a_tolerance_for_each_matrix() -> None:
    a = torch.stack([torch.eye(2), torch.eye(2)]) * torch.tensor([1.0, 0.1])
    got = torch.linalg.pinv(a, atol=torch.tensor([0.0, 0.5]))
    want = [[[1, 0], [0, 10]], [[1, 0], [0, 0]]]
    np.testing.assert_allclose(got.numpy(), want, atol=1e-5)


def test_least_squares_fill_in_what_their_driver_computes() -> None:
    a, b = matrix(5, 3), matrix(5, 2, seed=1)
    by_driver = {d: torch.linalg.lstsq(a, b, driver=d) for d in ("gels", "gelsy", "gelsd", "gelss")}
    want = np.linalg.lstsq(a.numpy(), b.numpy(), rcond=None)
    for driver, result in by_driver.items():
        np.testing.assert_allclose(result.solution.numpy(), want[0], atol=1e-12)
        assert result.rank.shape == (() if driver != "gels" else (0,))
        assert result.singular_values.shape == ((3,) if driver in ("gelsd", "gelss") else (0,))
    np.testing.assert_allclose(by_driver["gelsd"].residuals.numpy(), want[1], atol=1e-12)
    assert by_driver["gelsy"].residuals.shape == (0,)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_exponentials_of_rotations(scale) -> None:
    a = scale * torch.tensor([[0.0, -1], [1, 0]], dtype=torch.float64)
    want = [[np.cos(scale), -np.sin(scale)], [np.sin(scale), np.cos(scale)]]
    np.testing.assert_allclose(torch.linalg.matrix_exp(a).numpy(), want, atol=1e-12)


def test_norms_of_nothing_are_zero() -> None:
    for order in (1, 2, float("inf"), "fro", "nuc"):
        assert torch.linalg.matrix_norm(torch.ones(2, 0, 3), order).tolist() == [0.0, 0.0]
    with pytest.raises(IndexError):
        torch.linalg.matrix_norm(torch.ones(2, 0, 3), -float("inf"))


def test_low_rank_decompositions_find_low_rank() -> None:
    a = matrix(9, 2) @ matrix(2, 7, seed=1)
    for x in (a, a.mT):
        u, s, v = torch.svd_lowrank(x, q=3)
        assert_equal((u * s) @ v.mT, x, 1e-10)
    u, s, v = torch.pca_lowrank(a, q=2)
    assert_equal((u * s) @ v.mT, a - a.mean(0), 1e-10)


def test_results_go_where_out_says() -> None:
    a = matrix(3, 3)
    out = torch.empty(0, dtype=torch.float64)
    assert torch.linalg.inv(a, out=out) is out
    assert_equal(out @ a, torch.eye(3, dtype=torch.float64))
    q, r = torch.empty(3, 3, dtype=torch.float64), torch.empty(3, 3, dtype=torch.float64)
    result = torch.linalg.qr(a, out=(q, r))
    assert result.Q is q
    assert_equal(q @ r, a)
    with pytest.raises(TypeError, match="'out' must be a tuple of 2 Tensors"):
        torch.linalg.qr(a, out=q)


class Logged(torch.Tensor):
    """A subclass that sees the functions called on it."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return function.__name__, len(args)


def test_subclasses_see_the_call() -> None:
    x = torch.eye(2).as_subclass(Logged)
    assert torch.linalg.det(x) == ("det", 1)


def test_slogdet_of_nan_has_no_sign() -> None:
    x = torch.tensor([[[float("nan"), 1.0], [1.0, 2.0]], [[-1.0, 0.0], [0.0, 2.0]]])
    sign, magnitude = torch.linalg.slogdet(x)
    assert sign.tolist() == [0, -1]
    np.testing.assert_equal(magnitude.numpy(), np.array([np.nan, np.log(2)], np.float32))


def test_vandermonde_matrices_begin_with_ones() -> None:
    powers = torch.linalg.vander(torch.tensor([float("nan"), float("inf"), 2.0]), N=3)
    np.testing.assert_equal(powers.numpy(), [[1, np.nan, np.nan], [1, np.inf, np.inf], [1, 2, 4]])
