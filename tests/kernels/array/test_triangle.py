"""Triangles of matrices of any element, in a copy and in place."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.array import triangle

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2, 7, 4), (65, 700), (0, 3), (3, 0)])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "c16"])
@pytest.mark.parametrize("diagonal", [-100, -3, 0, 1, 1 << 62])
def test_triangles(
    shape: tuple[int, ...], dtype: str, diagonal: int, each_number_of_threads
) -> None:
    x = (np.random.default_rng(0).normal(size=shape) * 9).astype(dtype)
    near = min(diagonal, 1000)
    for _ in each_number_of_threads:
        for upper, expected in ((True, np.triu(x, near)), (False, np.tril(x, near - 1))):
            for given in (x, np.asfortranarray(x)):
                assert np.array_equal(triangle.kept(given, diagonal, upper), expected)
            target = x.copy()
            assert triangle.clear(target, diagonal, upper) is None
            assert np.array_equal(target, expected)


def test_what_lies_otherwise_or_is_locked_is_left() -> None:
    x = np.ones((3, 4))
    assert triangle.clear(x.T, 0, True) is NotImplemented
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        triangle.clear(x, 0, True)
    assert (x == 1).all()
