"""Products with sparse matrices: against SciPy, in kernels and without, with gradients of two orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.kernels.sparse import product

scipy_sparse = pytest.importorskip("scipy.sparse")
LAYOUTS = ("coo", "csr", "csc", "bsr")


@pytest.fixture(params=["kernels", "numpy"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "numpy":
        monkeypatch.setattr(product, "enabled", lambda: False)
    return str(request.param)


def matrix(rows: int, columns: int, density: float, dtype: Any = np.float64) -> Any:
    random = np.random.default_rng(rows * columns)
    return scipy_sparse.random_array(
        (rows, columns), density=density, format="csr", dtype=dtype, rng=random
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(40, 60, 0.2), (7, 300, 0.1), (33, 5, 0.5), (4, 6, 0.0)])
def test_products_and_their_gradients(way: str, shape: tuple, dtype: Any) -> None:
    a = matrix(*shape, dtype)
    random = np.random.default_rng(1)
    tolerance = {"rtol": 2e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-10}
    for width in (1, 3, 16, 17, 64, 130):
        y = random.standard_normal((shape[1], width)).astype(dtype)
        g = random.standard_normal((shape[0], width)).astype(dtype)
        x = torch.sparse.from_scipy(a).requires_grad_()
        right = torch.from_numpy(y).requires_grad_()
        result = x @ right
        assert result.dtype is right.dtype
        np.testing.assert_allclose(result.detach().numpy(), a @ y, **tolerance)
        result.backward(torch.from_numpy(g))
        np.testing.assert_allclose(right.grad.numpy(), a.T @ g, **tolerance)
        where = a.tocoo()
        wanted = (g @ y.T)[where.row, where.col]
        np.testing.assert_allclose(x.grad.values().numpy(), wanted, **tolerance)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_and_every_order(layout: str) -> None:
    a = matrix(6, 4, 0.4)
    x = torch.sparse.from_scipy(a.asformat(layout))
    y = np.arange(12.0).reshape(4, 3)
    dense = torch.from_numpy(y)
    np.testing.assert_allclose((x @ dense).numpy(), a @ y)
    np.testing.assert_allclose((dense.t() @ x.transpose(0, 1)).numpy(), y.T @ a.T.toarray())
    np.testing.assert_allclose(torch.mv(x, dense[:, 0]).numpy(), a @ y[:, 0])
    np.testing.assert_allclose(torch.nn.functional.linear(dense.t(), x).numpy(), y.T @ a.T)
    both = torch.sparse.mm(x, x.transpose(0, 1))
    np.testing.assert_allclose(both.to_dense().numpy(), (a @ a.T).toarray())


def test_coordinates_in_any_order() -> None:
    """Uncoalesced ones have every value counted."""
    i = torch.tensor([[2, 0, 2, 2, 1], [1, 0, 1, 0, 2]])
    x = torch.sparse_coo_tensor(i, torch.arange(1.0, 6.0), (3, 3))
    y = torch.arange(9.0).reshape(3, 3)
    assert (x @ y).tolist() == (x.to_dense() @ y).tolist()
    assert torch.smm(x, y).to_dense().tolist() == (x.to_dense() @ y).tolist()
    assert torch.hspmm(x, y).to_dense().tolist() == (x.to_dense() @ y).tolist()
    batch = torch.stack([x, x * 2])
    assert torch.bmm(batch, torch.stack([y, y])).tolist() == [
        (x.to_dense() @ y).tolist(),
        (x.to_dense() @ y * 2).tolist(),
    ]


def leaf(a: Any, layout: str) -> torch.Tensor:
    return torch.sparse.from_scipy(a.asformat(layout)).requires_grad_()


@pytest.mark.parametrize("layout", ["coo", "csr", "bsr"])
def test_gradients_of_gradients(layout: str) -> None:
    a = matrix(3, 4, 0.5)
    y = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)
    for function in (
        lambda x, y: torch.sparse.mm(x, y) ** 2,
        lambda x, y: torch.sparse.mm(x, torch.sparse.mm(x.transpose(0, 1), x @ y)),
        lambda x, y: torch.sparse.addmm(y[:3] ** 2, x * 2, y, beta=0.5, alpha=3),
        lambda x, y: (x * x).to_dense() @ y,
    ):
        assert torch.autograd.gradcheck(function, (leaf(a, layout), y))
        assert torch.autograd.gradgradcheck(function, (leaf(a, layout), y))


def test_sampled_products() -> None:
    a = matrix(5, 4, 0.5)
    x, left = leaf(a, "csr"), torch.rand(5, 3, dtype=torch.float64, requires_grad=True)
    right = torch.rand(3, 4, dtype=torch.float64, requires_grad=True)

    def function(x: Any, left: Any, right: Any) -> Any:
        return torch.sparse.sampled_addmm(x, left, right, beta=0.5, alpha=2.0)

    found = function(x, left, right).to_dense().detach().numpy()
    product_ = left.detach().numpy() @ right.detach().numpy()
    np.testing.assert_allclose(found, 0.5 * a.toarray() + 2 * product_ * (a.toarray() != 0))
    assert torch.autograd.gradcheck(function, (x, left, right))
    assert torch.autograd.gradgradcheck(function, (x, left, right))
    with pytest.raises(RuntimeError, match="layout sparse_csr"):
        torch.sparse.sampled_addmm(x.to_sparse_csc(), left, right)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        torch.sparse.sampled_addmm(x, left, right.t())


@pytest.mark.parametrize("reduce", ["sum", "mean", "amax", "amin"])
def test_reductions_of_terms(reduce: str) -> None:
    a = matrix(6, 5, 0.4)
    y = torch.rand(5, 3, dtype=torch.float64, requires_grad=True)
    terms = a.toarray()[:, :, None] * y.detach().numpy()[None]
    function = {"sum": np.sum, "mean": np.mean, "amax": np.max, "amin": np.min}[reduce]
    for row, found in enumerate(torch.sparse.mm(leaf(a, "csr"), y, reduce).tolist()):
        columns = a[[row]].nonzero()[1]
        wanted = function(terms[row, columns], 0) if len(columns) else np.zeros(3)
        np.testing.assert_allclose(found, wanted)
    assert torch.autograd.gradcheck(lambda x, y: torch.sparse.mm(x, y, reduce), (leaf(a, "csr"), y))


def test_threads_do_not_change_bits() -> None:
    a = matrix(400, 300, 0.2, np.float32)
    x, y = torch.sparse.from_scipy(a), torch.rand(300, 70)
    before = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append((x @ y).numpy().tobytes())
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


def test_half_and_whole_numbers_and_complex_ones() -> None:
    a = matrix(6, 5, 0.4).toarray().round(1)
    y = np.arange(10.0).reshape(5, 2)
    for dtype in (torch.float16, torch.bfloat16, torch.int64, torch.complex128):
        x = torch.from_numpy(10 * a).to(dtype)
        right = torch.from_numpy(y).to(dtype)
        torch.testing.assert_close(
            x.to_sparse_csr() @ right,
            (x.double() @ right.double()).to(dtype) if not dtype.is_complex else x @ right,
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.sparse_coo_tensor([[0], [9]], [1.0], (2, 2)), "index 9"),
        (lambda: torch.sparse_coo_tensor([[-1], [0]], [1.0], (2, 2)), "index"),
        (lambda: torch.sparse_csr_tensor([0, 1, 1], [7], [1.0], (2, 2)), "index 7"),
        (lambda: torch.sparse_csr_tensor([0, 9, 1], [0], [1.0], (2, 2)), "pointers"),
        (lambda: torch.sparse_csr_tensor([0, 1, 5], [0], [1.0], (2, 2)), "pointers"),
    ],
)
def test_wrong_indices_are_found_before_memory_is_touched(make: Any, message: str) -> None:
    for use in (
        lambda x: x @ torch.ones(2, 40),
        lambda x: x.to_dense(),
        lambda x: x * torch.eye(2),
    ):
        with pytest.raises(IndexError, match=message):
            use(make())


def test_written_indices_are_seen() -> None:
    """What is derived of a pattern is derived again when its indices were written to."""
    i = torch.tensor([[0, 1], [0, 1]])
    x = torch.sparse_coo_tensor(i, [1.0, 2.0], (2, 2), is_coalesced=True)
    y = torch.tensor([[1.0], [10.0]])
    assert (x @ y).tolist() == [[1.0], [20.0]]
    x.indices()[1] = torch.tensor([1, 0])
    assert (x @ y).tolist() == [[10.0], [2.0]]
    assert x.to_dense().tolist() == [[0.0, 1.0], [2.0, 0.0]]


def test_solutions() -> None:
    a = matrix(5, 5, 0.5) + scipy_sparse.eye_array(5) * 3
    b = torch.rand(5, 2, dtype=torch.float64, requires_grad=True)
    x = leaf(a, "csr")
    torch.testing.assert_close(torch.mm(x, torch.sparse.spsolve(x, b)), b)
    assert torch.autograd.gradcheck(torch.sparse.spsolve, (x, b))
    assert torch.autograd.gradgradcheck(
        torch.sparse.spsolve, (x, b[:, 0].detach().requires_grad_())
    )
    with pytest.raises(RuntimeError, match="singular"):
        torch.sparse.spsolve((x * 0).detach(), b)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_scipy_both_ways(layout: str) -> None:
    a = matrix(6, 4, 0.4).asformat(layout)
    x = torch.sparse.from_scipy(a)
    assert str(x.layout) == f"torch.sparse_{layout}"
    assert (x.to_dense().numpy() == a.toarray()).all()
    back = torch.sparse.to_scipy(x)
    assert back.format == layout
    assert (back.toarray() == a.toarray()).all()
    assert np.shares_memory(
        back.data, x.values().numpy() if layout != "coo" else x._values().numpy()
    )
    with pytest.raises(TypeError, match="takes a sparse tensor"):
        torch.sparse.to_scipy(torch.eye(2))
    with pytest.raises(RuntimeError, match="detach"):
        torch.sparse.to_scipy(x.requires_grad_())


def test_dense_matrices_are_multiplied_too():
    x = torch.tensor([[1.0, 2.0]])
    assert torch.sparse.mm(x, x.t()).tolist() == [[5]]
    with pytest.raises(RuntimeError, match="sparse_csr"):
        torch.sparse.mm(x, x.t(), "mean")
