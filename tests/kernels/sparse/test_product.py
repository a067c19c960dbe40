"""Kernels of sparse products: NumPy's results, on arrays that end where memory ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flambeau.kernels.sparse import product

from ..fenced import Arena, Placed


@pytest.fixture(scope="module")
def arenas() -> list[Arena]:
    return [Arena() for _ in range(4)]


def pattern(rng: np.random.Generator, rows: int, columns: int) -> tuple[Any, Any]:
    counts = rng.integers(0, columns + 1, rows)
    places = [np.sort(rng.choice(columns, n, replace=False)) for n in counts]
    pointers = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return pointers, np.concatenate([*places, []]).astype(np.int64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 2, 15, 16, 17, 40, 64, 129])
def test_times_and_dots(arenas: list[Arena], dtype: Any, width: int) -> None:
    rng = np.random.default_rng(width)
    rows, columns = 23, 31
    pointers, plain = pattern(rng, rows, columns)
    placed = [
        Placed(arena, values, rng, plain=True)
        for arena, values in zip(
            arenas,
            (
                rng.standard_normal(len(plain)).astype(dtype),
                rng.standard_normal((columns, width)).astype(dtype),
                rng.standard_normal((rows, width)).astype(dtype),
                product.private(plain, columns),
            ),
        )
    ]
    values, y, x, where = (item.array for item in placed)
    rtol = 1e-4 if dtype == np.float32 else 1e-11
    found = product.times(pointers, where, values, y)
    dense = np.zeros((rows, columns))
    owner = np.repeat(np.arange(rows), np.diff(pointers))
    dense[owner, plain] = values
    np.testing.assert_allclose(found, dense @ y.astype(np.float64), rtol=rtol, atol=rtol)
    dots = product.dots(product.private(owner, rows), where, x, y)
    wanted = (x.astype(np.float64) @ y.T.astype(np.float64))[owner, plain]
    np.testing.assert_allclose(dots, wanted, rtol=rtol, atol=rtol)
    for item in placed:
        assert (item.room == item.before).all()


def test_wrong_indices() -> None:
    for wrong in ([0, 3], [-1, 2]):
        with pytest.raises(IndexError, match="index out of range"):
            product.private(np.array(wrong), 3)
    assert product.private(np.array([0, 2]), 3).dtype == np.int32
    assert product.private(np.array([0, 2]), 1 << 31).dtype == np.int64
