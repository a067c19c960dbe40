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
