"""Stacks of matrices that LAPACK takes in parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.ops.linalg import lapack


@pytest.mark.parametrize("lead", [(7,), (2, 3), (1, 5)])
@pytest.mark.parametrize(
    "function",
    [
        torch.linalg.inv, torch.linalg.eigh, torch.linalg.svd, torch.linalg.qr, torch.linalg.eig,
        torch.linalg.cholesky, lambda a: torch.linalg.solve(a, a[..., :2]),
        lambda a: torch.linalg.solve(a[..., :1, :, :], a[..., :2]),
        lambda a: torch.linalg.eigh(a.mT),
    ],
)  # fmt: skip
def test_the_parts_are_the_whole(function: Any, lead: tuple, monkeypatch: Any) -> None:
    x = np.random.default_rng(0).standard_normal((*lead, 4, 4))
    a = torch.from_numpy(x @ x.swapaxes(-1, -2) + np.eye(4))
    whole = function(a)
    monkeypatch.setattr(lapack, "WORK", 100)
    parts = function(a)
    for one, other in zip(*((y if isinstance(y, tuple) else (y,)) for y in (whole, parts))):
        assert one.shape == other.shape
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_singular_matrix_is_found_in_its_part(monkeypatch: Any) -> None:
    monkeypatch.setattr(lapack, "WORK", 100)
    a = torch.eye(4).repeat(7, 1, 1)
    a[5, 2] = 0
    with pytest.raises(torch.linalg.LinAlgError, match="Batch element 5"):
        torch.linalg.inv(a)


COLUMNS = {
    (4, 3): ((1, 4), (1, 4), (1, 3), (1, 4)),
    (3, 4): ((1, 3), (1, 3), (1, 3), (1, 3)),
    (2, 4, 3): ((12, 1, 4), (12, 1, 4), (9, 1, 3), (12, 1, 4)),
    (2, 3, 5): ((15, 1, 3), (9, 1, 3), (15, 1, 3), (15, 1, 3)),
}
"""By shape: PyTorch's strides of the compact LU, of Q and R, and of geqrf's reflections."""


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
@pytest.mark.parametrize("shape", COLUMNS)
def test_factors_lie_by_columns(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> None:
    a = torch.ones(shape, dtype=dtype, device=device)
    lu = torch.linalg.lu_factor_ex(a).LU
    q, r = torch.linalg.qr(a)
    found = [x.stride() for x in (lu, q, r, torch.geqrf(a).a)]
    assert found == list(COLUMNS[shape])
    assert torch.linalg.qr(a, "r").R.stride() == COLUMNS[shape][2]


@pytest.mark.parametrize("driver", ["gelsy", "gelsd"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
@pytest.mark.parametrize(
    ("lead", "m", "n", "k", "strides"),
    [
        ((), 4, 3, 2, (1, 4)), ((), 4, 2, 1, (1, 4)), ((), 3, 4, 2, (1, 4)),
        ((2,), 4, 3, 2, (8, 1, 4)), ((2,), 3, 5, 2, (10, 1, 5)),
    ],
)  # fmt: skip
def test_least_squares_lie_in_the_right_hand_sides(
    lead: tuple, m: int, n: int, k: int, strides: tuple, dtype: torch.dtype, driver: str
) -> None:
    a, b = torch.ones(*lead, m, n, dtype=dtype), torch.ones(*lead, m, k, dtype=dtype)
    assert torch.linalg.lstsq(a, b, driver=driver).solution.stride() == strides


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("n", [3, 40, 300])
def test_inverses_and_solutions_lie_by_columns(n: int, device: str) -> None:
    a, b = torch.eye(n, device=device), torch.ones(n, 2, device=device)
    assert torch.linalg.inv(a).stride() == (1, n)
    assert torch.linalg.solve(a, b).stride() == (1, n)
    several, right = a.repeat(64, 1, 1), b.repeat(64, 1, 1)
    assert torch.linalg.inv(several).stride() == (n * n, 1, n)
    assert torch.linalg.solve(several, right).stride() == (2 * n, 1, n)


@pytest.mark.parametrize("lead", [(), (3,), (2, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_factors_give_the_matrix_back(lead: tuple, dtype: Any) -> None:
    torch.manual_seed(0)
    a, b = torch.rand(*lead, 5, 5, dtype=dtype) + torch.eye(5), torch.rand(*lead, 5, 2, dtype=dtype)
    s, close = a + a.mT, {"rtol": 1e-3, "atol": 1e-4}
    p, lower, u = torch.linalg.lu(a)
    np.testing.assert_allclose((p @ lower @ u).numpy(), a.numpy(), **close)
    lu, pivots = torch.linalg.lu_factor(a)
    x = torch.linalg.lu_solve(lu, pivots, b)
    np.testing.assert_allclose((a @ x).numpy(), b.numpy(), **close)
    x = torch.linalg.lu_solve(lu, pivots, b, adjoint=True)
    np.testing.assert_allclose((a.mT @ x).numpy(), b.numpy(), **close)
    x = torch.linalg.lu_solve(lu, pivots, b.mT, left=False)
    np.testing.assert_allclose((x @ a).numpy(), b.mT.numpy(), **close)
    ld, blocks = torch.linalg.ldl_factor(s)
    assert not ld.triu(1).any()
    x = torch.linalg.ldl_solve(ld, blocks, b)
    np.testing.assert_allclose((s @ x).numpy(), b.numpy(), **close)
    vectors, tau = torch.geqrf(a)
    q, r = torch.orgqr(vectors, tau), vectors.triu()
    np.testing.assert_allclose((q @ r).numpy(), a.numpy(), **close)
    np.testing.assert_allclose(torch.ormqr(vectors, tau, b).numpy(), (q @ b).numpy(), **close)
    turned = torch.ormqr(vectors, tau, b.mT, left=False, transpose=True)
    np.testing.assert_allclose(turned.numpy(), (b.mT @ q.mT).numpy(), **close)


@pytest.mark.parametrize("pivots", [[1, 2, 9], [1, 0, 3], [1, -2, 3]])
def test_pivots_that_name_no_row_are_refused(pivots: list[int]) -> None:
    """A negative one is half of a block of two rows."""
    lu, b, swaps = torch.eye(3), torch.ones(3, 1), torch.tensor(pivots, dtype=torch.int32)
    with pytest.raises(IndexError):
        torch.linalg.ldl_solve(lu, swaps, b)
    with pytest.raises(IndexError):
        torch.linalg.lu_solve(lu, swaps, b)


@pytest.mark.parametrize(("rows", "columns", "factors"), [(4, 3, 0), (4, 0, 0), (0, 0, 0)])
def test_no_reflections_pass_gradients_on(rows: int, columns: int, factors: int) -> None:
    a, tau, x = (
        torch.ones(*n, requires_grad=True) for n in ((rows, columns), (factors,), (rows, 2))
    )
    found = torch.autograd.grad(torch.ormqr(a, tau, x).sum(), (a, tau, x))
    assert [g.shape for g in found] == [a.shape, tau.shape, x.shape]
    assert not found[0].any()
    assert bool((found[2] == 1).all())
