"""Kernels whose indices have 64 bits: those of arrays that are too large for these tests, made for small ones."""

import numpy as np
import pytest

from flambeau.kernels.cuda.array import concatenate, copy, fill, layout, masked_fill
from flambeau.kernels.cuda.gather import combine, indexed, plan
from flambeau.kernels.gather.plan import Along


def _forget():
    functions = [layout.layout, copy._squares]
    for module in (plan, indexed, combine):
        functions += [f for f in vars(module).values() if hasattr(f, "cache_clear")]
    for function in functions:
        function.cache_clear()


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch):
    for module in (layout, concatenate, plan, combine):
        monkeypatch.setattr(module, "LIMIT", -1)
    _forget()
    yield
    _forget()


def numbers(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_copies(xp):
    x = numbers(6, 40, 50)
    gpu = xp.asarray(x)
    assert layout.layout(x.shape, layout.facts(gpu)).form.index == "i64"
    for view in (lambda a: a[:, ::2, 3:], lambda a: a.transpose(2, 1, 0), lambda a: a[:, ::-1]):
        np.testing.assert_array_equal(copy.contiguous(view(gpu)).get(), view(x))
    fill.write(gpu[1, ::2], 7)
    x[1, ::2] = 7
    np.testing.assert_array_equal(gpu.get(), x)


def test_masks_and_joins(xp):
    x = numbers(12, 16)
    gpu, mask = xp.asarray(x), x[0] % 3 == 0
    made = masked_fill.filled(gpu, xp.asarray(mask), np.float32(1))
    np.testing.assert_array_equal(made.get(), np.where(mask, 1, x))
    made = concatenate.concatenate([gpu, gpu[:, :3]], 1)
    np.testing.assert_array_equal(made.get(), np.concatenate([x, x[:, :3]], 1))


def test_indices(xp):
    x, rows = numbers(12, 16), np.array([3, -1, 3, 0])
    gpu, key = xp.asarray(x), (xp.asarray(rows),)
    np.testing.assert_array_equal(indexed.take(gpu, key).get(), x[rows])
    values = numbers(4, 16)
    indexed.add_at(gpu, key, xp.asarray(values))
    np.add.at(x, rows, values)
    np.testing.assert_array_equal(gpu.get(), x)
    index = np.abs(numbers(12, 5).astype(np.int64) % 16)
    along = Along(xp.asarray(index), 1)
    indexed.put_at(gpu, along, xp.asarray(numbers(12, 5)))
    np.put_along_axis(x, index, numbers(12, 5), 1)
    indexed.add_at(gpu, along, xp.asarray(numbers(12, 5)))
    np.add.at(x, tuple(Along(index, 1)), numbers(12, 5))
    np.testing.assert_array_equal(gpu.get(), x)
