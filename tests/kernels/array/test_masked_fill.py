"""Masked fills against np.where: dtypes, broadcast masks, layouts, threads."""

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.array import masked_fill

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.fixture(autouse=True)
def _any_size(monkeypatch, guard):
    monkeypatch.setattr(masked_fill, "SMALL", 0)
    guard(masked_fill)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "?", "u1", "i2", "i4", "i8", "c8", "c16"])
def test_fills(dtype):
    rng = np.random.default_rng(0)
    for shape in ((1,), (7,), (64,), (129,), (3, 70), (2, 5, 33), (2, 3, 1, 40), (0, 4)):
        x = rng.integers(0, 9, shape).astype(dtype)
        value = np.asarray(3).astype(dtype)
        masks = [shape, shape[1:], shape[-1:], (1,), (), (*shape[:-1], 1), (1, *shape[1:])]
        for own in masks:
            mask = rng.random(own) < 0.5
            for y in (x, np.asfortranarray(x), np.repeat(x, 2, -1)[..., ::2]):
                for m in (np.asarray(mask), np.asfortranarray(mask)):
                    made = masked_fill.filled(y, m, value)
                    assert made.dtype == x.dtype
                    assert np.array_equal(made, np.where(mask, value, x)), (shape, own)


def test_a_mask_with_more_dimensions_is_numpys():
    x, mask = np.arange(3.0), np.array([[True, False, True], [False] * 3])
    assert masked_fill.filled(x, mask, -1.0).tolist() == [[-1, 1, -1], [0, 1, 2]]


def test_large_fills_on_any_number_of_threads(each_number_of_threads):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((30, 40, 101)).astype("f4")
    for own in (x.shape, x.shape[1:], (30, 1, 101), (101,)):
        mask = rng.random(own) < 0.5
        for _ in each_number_of_threads if own == x.shape else (1,):
            expected = np.where(mask, np.float32(np.nan), x)
            made = masked_fill.filled(x, mask, np.float32(np.nan))
            assert made.tobytes() == expected.tobytes()
