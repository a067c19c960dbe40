"""Reading, writing and adding at keys, against NumPy."""

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.cuda.gather import indexed
from flambeau.kernels.gather.plan import Along, Unsigned
from flambeau.kernels.runtime import determinism

FULL = slice(None)
random = np.random.default_rng(0)
SHAPE = (12, 6, 8)


def ints(n, *shape):
    return random.integers(-n, n, shape)


KEYS = {
    "rows": (ints(12, 30),),
    "rows of int32": (ints(12, 30).astype(np.int32),),
    "table": (ints(12, 3, 4),),
    "second": (FULL, ints(6, 5)),
    "last": (FULL, FULL, ints(8, 5)),
    "two": (ints(12, 7), ints(6, 7)),
    "all": (ints(12, 7), ints(6, 7), ints(8, 7)),
    "broadcast": (ints(12, 4, 1), ints(6, 3)),
    "apart": (ints(12, 7), FULL, ints(8, 7)),
    "behind": (FULL, ints(6, 4), ints(8, 4)),
    "slice": (slice(2, 9, 2), ints(6, 4)),
    "mask": (random.random(SHAPE) < 0.4,),
    "row mask": (random.random(12) < 0.4,),
    "two of three": (random.random((12, 6)) < 0.4,),
    "mask and index": (random.random(12) < 2, ints(6, 12)),
    "no": (np.zeros(0, np.int64),),
    "true": (np.array(True),),
    "false": (np.array(False),),
    "one": (np.array(3), np.array(2)),
}
DTYPES = [np.float32, np.int64, np.int8, np.float16, np.complex128, bool]
VIEWS = {
    "in order": lambda x: x,
    "turned": lambda x: x.reshape(8, 6, 12).transpose(2, 1, 0),
    "every other": lambda x: x.reshape(12, 6, 8)[::-1],
}


def numbers(shape, dtype):
    return (np.arange(np.prod(shape)).reshape(shape) % 100 - 20).astype(dtype)


def there(xp, key):
    return tuple(k if k.__class__ is slice else xp.asarray(k) for k in key)


def unsigned(key):
    return Unsigned(k if k.__class__ is slice or k.dtype == bool else abs(k) - (k < 0) for k in key)


@pytest.fixture(params=[False, True], ids=["", "deterministic"])
def demanded(request, monkeypatch):
    monkeypatch.setattr(determinism, "demanded", request.param)
    return request.param


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("key", KEYS)
def test_take(xp, key, view):
    x = numbers(SHAPE, np.float32)
    made = indexed.take(VIEWS[view](xp.asarray(x)), there(xp, KEYS[key]))
    assert made.flags.c_contiguous
    np.testing.assert_array_equal(made.get(), VIEWS[view](x)[KEYS[key]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_take_of_each_size(xp, dtype):
    x = numbers(SHAPE, dtype)
    for key in ("rows", "last"):
        made = indexed.take(xp.asarray(x), there(xp, KEYS[key]))
        np.testing.assert_array_equal(made.get(), x[KEYS[key]])


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("key", KEYS)
def test_put(xp, key, view):
    x = numbers(SHAPE, np.float32)
    gpu = xp.asarray(x)
    values = numbers(x[KEYS[key]].shape, np.float32) + 0.5
    indexed.put_at(VIEWS[view](gpu), there(xp, KEYS[key]), xp.asarray(values))
    VIEWS[view](x)[KEYS[key]] = values
    np.testing.assert_array_equal(gpu.get(), x)


def test_put_of_one_value(xp):
    x = numbers(SHAPE, np.float32)
    for key in KEYS.values():
        gpu = xp.asarray(x)
        indexed.put_at(gpu, there(xp, key), np.asarray(7))
        expected = x.copy()
        expected[key] = 7
        np.testing.assert_array_equal(gpu.get(), expected)


@pytest.mark.parametrize("dtype", [*DTYPES, ml_dtypes.bfloat16, np.float64, np.uint8, np.complex64])
@pytest.mark.parametrize("key", ["rows", "two", "all", "apart", "mask", "behind", "slice"])
def test_add(xp, key, dtype, demanded):
    x = numbers(SHAPE, dtype)
    gpu = xp.asarray(x)
    values = numbers(x[KEYS[key]].shape, dtype)
    indexed.add_at(gpu, there(xp, KEYS[key]), xp.asarray(values))
    half = np.dtype(dtype).itemsize == 2
    wide = x.astype(np.float32) if half else x
    np.add.at(wide, KEYS[key], values.astype(wide.dtype))
    np.testing.assert_array_equal(gpu.get(), wide.astype(dtype))


@pytest.mark.parametrize("how", ["multiply", "maximum", "minimum"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int32, np.uint64, bool])
def test_combine(xp, how, dtype):
    x = (numbers(SHAPE, np.int64) % 3).astype(dtype)
    gpu, key = xp.asarray(x), (ints(3, 20) % 12, ints(2, 20) % 6)
    values = (numbers((20, 8), np.int64) % 3).astype(dtype)
    indexed.combine_at(how, gpu, there(xp, key), xp.asarray(values))
    getattr(np, how).at(x, key, values)
    np.testing.assert_array_equal(gpu.get(), x)


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_along(xp, dim, demanded):
    x = numbers(SHAPE, np.float32)
    shape = tuple(n if i == dim else n - 1 for i, n in enumerate(SHAPE))
    index = abs(ints(SHAPE[dim], *shape)) % SHAPE[dim]
    key, gpu_key = Along(index, dim), Along(xp.asarray(index), dim)
    gpu = xp.asarray(x)
    np.testing.assert_array_equal(indexed.take(gpu, gpu_key).get(), x[tuple(key)])
    values = numbers(shape, np.float32) + 0.5
    indexed.add_at(gpu, gpu_key, xp.asarray(values))
    np.add.at(x, tuple(key), values)
    np.testing.assert_array_equal(gpu.get(), x)
    indexed.put_at(gpu, gpu_key, xp.asarray(values))
    x[tuple(key)] = values
    np.testing.assert_array_equal(gpu.get(), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64])
def test_placed_and_spread(xp, dtype):
    x, key = numbers(SHAPE, dtype), KEYS["two"]
    values = numbers((7, 8), dtype)
    for add in (False, True):
        made = indexed.placed(xp.asarray(x), there(xp, key), xp.asarray(values), add)
        expected = x.copy()
        if add:
            np.add.at(expected, key, values)
        else:
            expected[key] = values
        np.testing.assert_array_equal(made.get(), expected)
    made = indexed.spread(SHAPE, there(xp, key), xp.asarray(values))
    expected = np.zeros(SHAPE, dtype)
    np.add.at(expected, key, values)
    np.testing.assert_array_equal(made.get(), expected)


def test_half_sums_are_rounded_once(xp):
    x = np.array([256.0], np.float16)
    gpu = xp.asarray(x)
    indexed.add_at(gpu, (xp.zeros(10, np.int64),), xp.asarray(np.full(10, 0.1, np.float16)))
    assert gpu.get().tolist() == [257.0]


def test_the_last_of_repeated_indices_counts(xp):
    index = np.zeros(5000, np.int64)
    gpu = xp.zeros(2)
    indexed.put_at(gpu, (xp.asarray(index),), xp.asarray(np.arange(5000.0)))
    assert gpu.get().tolist() == [4999.0, 0.0]


@pytest.mark.parametrize("index", [[0, 12], [-13, 0], [1 << 40]])
def test_out_of_range(xp, index):
    x = xp.zeros(SHAPE)
    key = (xp.asarray(np.array(index)),)
    for call in (
        lambda: indexed.take(x, key),
        lambda: indexed.put_at(x, key, np.asarray(1.0)),
        lambda: indexed.add_at(x, key, np.asarray(1.0)),
        lambda: indexed.take(x, (key[0].astype(np.int32),) if abs(index[0]) < 99 else key),
    ):
        with pytest.raises(IndexError, match="size 12"):
            call()
    indexed.take(x, (xp.zeros(3, np.int64),))  # the error was told once


def test_negative_where_they_must_not_be(xp):
    x, key = xp.zeros(4), xp.asarray(np.array([-1]))
    assert indexed.take(x, (key,)).shape == (1,)
    for wrong in (Unsigned((key,)), Along(key, 0)):
        with pytest.raises(IndexError, match="size 4"):
            indexed.take(x, wrong)


def test_nothing_to_take(xp):
    x = xp.zeros((0, 3))
    assert indexed.take(x, (xp.zeros(0, np.int64),)).shape == (0, 3)
    with pytest.raises(IndexError, match="size 0"):
        indexed.take(x, (xp.zeros(2, np.int64),))
    with pytest.raises(IndexError, match="mask"):
        indexed.take(x, (xp.zeros(2, bool),))


def test_values_must_broadcast(xp):
    with pytest.raises(ValueError, match="broadcast"):
        indexed.put_at(xp.zeros(5), (xp.zeros(3, np.int64),), xp.zeros(2))


def test_a_key_in_the_target(xp):
    x = np.arange(6)[::-1].copy()
    gpu = xp.asarray(x)
    indexed.put_at(gpu, (gpu,), gpu)
    x[x.copy()] = x.copy()
    np.testing.assert_array_equal(gpu.get(), x)


@pytest.mark.parametrize("along", [False, True])
def test_a_column_of_the_target_as_key(xp, along):
    rows = np.arange(100)[::-1, None].repeat(2, 1).copy()
    gpu, values = xp.asarray(rows), np.arange(200).reshape(100, 2)
    if along:
        indexed.put_at(gpu, Along(gpu[:, ::-1], 0), xp.asarray(values))
        np.put_along_axis(rows, rows[:, ::-1].copy(), values, 0)
    else:
        indexed.put_at(gpu, (gpu[:, 1],), xp.asarray(values))
        rows[rows[:, 1].copy()] = values
    np.testing.assert_array_equal(gpu.get(), rows)


@pytest.mark.parametrize("count", [31, 32, 33, 64, 1000, 3000])
@pytest.mark.parametrize("places", [1, 3, 50])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.complex64, np.int8])
def test_places_that_are_named_often(xp, count, places, dtype):
    index = np.random.default_rng(count).integers(0, places, count)
    x, values = numbers((50, 9), dtype), numbers((count, 9), np.int64) % 3 - 1
    values = values.astype(dtype)
    gpu, key = xp.asarray(x), (xp.asarray(index),)
    indexed.combine_at("add", gpu, key, xp.asarray(values))
    wide = x.astype(np.float32) if dtype is np.float16 else x.copy()
    np.add.at(wide, index, values)
    np.testing.assert_array_equal(gpu.get(), wide.astype(dtype))
    ones = np.ones((50, 9), dtype)
    gpu = xp.asarray(ones)
    indexed.combine_at("multiply", gpu, key, xp.asarray(values))
    np.multiply.at(ones, index, values)
    np.testing.assert_array_equal(gpu.get(), ones)


def test_sums_at_often_named_places_have_the_same_bits_again(xp):
    random = np.random.default_rng(0)
    index, values = random.integers(0, 3, 5000), random.normal(size=(5000, 8)).astype(np.float32)
    made = []
    for _ in range(2):
        gpu = xp.zeros((3, 8), np.float32)
        indexed.add_at(gpu, (xp.asarray(index),), xp.asarray(values))
        made.append(gpu.get())
    assert made[0].tobytes() == made[1].tobytes()
    exact = np.zeros((3, 8))
    np.add.at(exact, index, values.astype(np.float64))
    np.testing.assert_allclose(made[0], exact, 0, 2e-5)
