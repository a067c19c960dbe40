"""Kernels that move data, on random shapes, layouts and dtypes against NumPy; nothing beside an output is touched."""

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.array import (
    argmax,
    compress,
    concatenate,
    fill,
    masked_fill,
    scan,
    sort,
)
from flambeau.kernels.array import (
    copy as copying,
)
from flambeau.kernels.gather import indexed, plan

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")

DTYPES = ["?", "i1", "u1", "i2", "f2", "i4", "f4", "i8", "f8", "c8", "c16"]
ADDED = ["i1", "u1", "i2", "i4", "f4", "i8", "f8"]
SEEDS = range(12)
FULL = slice(None)


@pytest.fixture(autouse=True)
def _any_size(monkeypatch, guard):
    """Small arrays go to machine code, too, and what kernels make lies between guard zones."""
    for module in (
        copying, argmax, fill, indexed, concatenate, masked_fill, scan, compress, sort,
    ):  # fmt: skip
        monkeypatch.setattr(module, "SMALL", -1)
        guard(module)


def generator(seed, dtype):
    """Other cases for each dtype."""
    return np.random.default_rng([seed, DTYPES.index(dtype)])


def shape_of(rng, ndim=None):
    ndim = int(rng.integers(1, 5)) if ndim is None else ndim
    largest = (2000, 60, 20, 9)[ndim - 1]
    return tuple(int(n) for n in rng.integers(1, largest + 1, ndim))


def numbers(shape, dtype, rng):
    """Small whole numbers, whose sums are exact in every dtype."""
    return rng.integers(0, 2 if dtype == "?" else 5, shape).astype(dtype)


class Framed:
    """An array of random layout within a larger one: dimensions in any order, gaps, an offset, backwards.

    Attributes:
        array: It.
        whole: The memory around it, as bytes.
    """

    def __init__(self, shape, dtype, rng, repeats=False):
        dtype = np.dtype(dtype)
        order = rng.permutation(len(shape))
        gaps = [int(rng.choice([1, 1, 2, 3])) for _ in shape]
        pads = [int(rng.integers(0, 3)) for _ in shape]
        room = [shape[i] * gaps[i] + pads[i] for i in order]
        offset = int(rng.integers(1, 9))
        count = int(np.prod(room))
        self.whole = rng.integers(0, 2, (count + 2 * offset) * dtype.itemsize).astype(np.uint8)
        inner = self.whole.view(dtype)[offset : offset + count].reshape(room)
        array = inner.transpose(np.argsort(order))
        array = array[tuple(slice(0, n * g, g) for n, g in zip(shape, gaps))]
        for i in range(len(shape)):
            if rng.random() < 0.2:
                array = np.flip(array, i)
        array[...] = numbers(shape, dtype, rng)
        if repeats and rng.random() < 0.3:  # a step of 0
            i = int(rng.integers(len(shape)))
            array = np.broadcast_to(array[(FULL,) * i + (slice(0, 1),)], shape)
        assert array.shape == tuple(shape)
        self.array = array

    def twin(self):
        """The same array in the same layout, in memory of its own."""
        other = object.__new__(Framed)
        other.whole = self.whole.copy()
        offset = self.array.__array_interface__["data"][0] - self.whole.ctypes.data
        kind = self.array.dtype
        other.array = np.ndarray(self.array.shape, kind, other.whole, offset, self.array.strides)
        return other


def source(shape, dtype, rng):
    """An array in any layout, with steps of 0 among them; now and then in order."""
    if rng.random() < 0.3:
        return numbers(shape, dtype, rng)
    return Framed(shape, dtype, rng, repeats=True).array


def key_for(shape, rng, signed=True):
    """A key of index arrays and whole dimensions."""
    ndim = len(shape)
    before = int(rng.integers(0, ndim))
    several = int(rng.integers(1, min(3, ndim - before) + 1))
    own = shape_of(rng, int(rng.integers(1, 3)))
    arrays = []
    for i in range(before, before + several):
        if rng.random() < 0.3 and max(own) <= shape[i]:
            arrays.append(_counting(own, shape[i], rng))
            continue
        part = own if rng.random() < 0.7 else (1,) * (len(own) - 1) + own[-1:]
        low = -shape[i] if signed and rng.random() < 0.5 else 0
        array = rng.integers(low, shape[i], part).astype(rng.choice([np.int64, np.int32]))
        arrays.append(array[..., ::-1] if rng.random() < 0.2 else array)
    return (FULL,) * before + tuple(arrays)


def _counting(own, size, rng):
    """An index array that only counts along one of the key's dimensions, up or down, from somewhere."""
    at = int(rng.integers(len(own)))
    array = np.arange(own[at]) + int(rng.integers(size - own[at] + 1))
    array = array[::-1] if rng.random() < 0.3 else array
    return array.reshape([-1 if i == at else 1 for i in range(len(own))])


def along_for(shape, rng):
    """The key of gather and scatter."""
    dim = int(rng.integers(len(shape)))
    sizes = [int(rng.integers(1, n + 1)) for n in shape]
    sizes[dim] = int(rng.integers(1, 40))
    index = rng.integers(0, shape[dim], sizes)
    return plan.Along(index if rng.random() < 0.7 else np.asfortranarray(index), dim)


def any_key(shape, rng):
    choice = rng.random()
    if choice < 0.4:
        return along_for(shape, rng)
    if choice < 0.6:
        return plan.Unsigned(key_for(shape, rng, signed=False))
    return key_for(shape, rng)


def put(x, key, values):
    x[tuple(key)] = values


def add(x, key, values):
    np.add.at(x, tuple(key), values)


def values_for(x, key, rng):
    shape = x[tuple(key)].shape
    if rng.random() < 0.2:  # broadcast along some dimensions
        shape = tuple(n if rng.random() < 0.5 else 1 for n in shape)
    return source(shape, x.dtype.str[1:], rng) if shape else numbers((), x.dtype, rng)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_reading_at_indices(dtype, seed):
    rng = generator(seed, dtype)
    x = source(shape_of(rng), dtype, rng)
    key = any_key(x.shape, rng)
    made, expected = indexed.take(x, key), x[tuple(key)]
    assert made.dtype == expected.dtype
    assert made.shape == expected.shape
    assert made.tobytes() == expected.tobytes(), (x.shape, x.strides, key)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("dtype", "adds"), [*((d, False) for d in DTYPES), *((d, True) for d in ADDED)]
)
def test_writing_at_indices(dtype, seed, adds):
    rng = generator(seed, dtype)
    frame = Framed(shape_of(rng), dtype, rng)
    key = any_key(frame.array.shape, rng)
    values = values_for(frame.array, key, rng)
    expected = frame.twin()
    (add if adds else put)(expected.array, key, values)
    plain = np.array(frame.array)
    for x in (frame.array, plain):
        before = x.copy()
        made = indexed.placed(x, key, values, adds)
        assert np.array_equal(made, expected.array), (x.shape, x.strides, key)
        assert np.array_equal(x, before)
    (indexed.add_at if adds else indexed.put_at)(frame.array, key, values)
    assert frame.whole.tobytes() == expected.whole.tobytes(), (frame.array.strides, key)
    if adds:
        zeros = np.zeros(frame.array.shape, dtype)
        add(zeros, key, values)
        assert np.array_equal(indexed.spread(zeros.shape, key, values), zeros)


@pytest.mark.parametrize("seed", range(40))
def test_an_index_out_of_range_leaves_everything_as_it_was(seed):
    rng = np.random.default_rng(seed)
    frame = Framed(shape_of(rng), "f4", rng)
    key = any_key(frame.array.shape, rng)
    places = [i for i, item in enumerate(key) if item.__class__ is np.ndarray]
    place = key.dim if isinstance(key, plan.Along) else int(rng.choice(places))
    index, size = key[place].astype(np.int64), frame.array.shape[place]
    values = values_for(frame.array, key, rng)
    before = frame.whole.copy()
    wrong = [size, size + 1, -size - 1, 1 << 40, -(1 << 62), (1 << 63) - 1, -(1 << 63)]
    for bad in (*wrong, *((-1,) if isinstance(key, plan.Unsigned) else ())):
        index.flat[rng.integers(index.size)], kept = bad, index.copy()
        broken = _with(key, place, index)
        for call in (
            lambda key: indexed.take(frame.array, key),
            lambda key: indexed.take(np.array(frame.array), key),
            lambda key: indexed.add_at(frame.array, key, values),
            lambda key: indexed.put_at(frame.array, key, values),
            lambda key: indexed.placed(frame.array, key, values, True),
            lambda key: indexed.placed(np.array(frame.array), key, values, False),
            lambda key: indexed.spread(frame.array.shape, key, values),
        ):
            with pytest.raises(IndexError):
                call(broken)
            assert frame.whole.tobytes() == before.tobytes()
        index[...] = np.where(kept == bad, 0, kept)


def _with(key, place, index):
    if isinstance(key, plan.Along):
        return plan.Along(index, key.dim)
    return key.__class__((*key[:place], index, *key[place + 1 :]))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_joining(dtype, seed):
    rng = generator(seed, dtype)
    shape = list(shape_of(rng))
    dim = int(rng.integers(-len(shape), len(shape)))
    parts = []
    for _ in range(rng.integers(1, 6)):
        shape[dim] = int(rng.integers(0, 40))
        parts.append(source(shape, dtype, rng) if shape[dim] else np.empty(shape, dtype))
    expected = np.concatenate(parts, dim)
    made = concatenate.concatenate(parts, dim)
    assert made.shape == expected.shape
    assert made.tobytes() == expected.tobytes()
    alike = [source(shape_of(rng, 2), dtype, rng)]
    alike += [source(alike[0].shape, dtype, rng) for _ in range(rng.integers(0, 4))]
    for at in range(-3, 3):
        made, expected = concatenate.stack(alike, at), np.stack(alike, at)
        assert made.shape == expected.shape
        assert made.tobytes() == expected.tobytes()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_copying_and_filling(dtype, seed):
    rng = generator(seed, dtype)
    x = source(shape_of(rng), dtype, rng)
    assert copying.contiguous(x).tobytes() == x.tobytes()
    frame = Framed(x.shape, dtype, rng)
    expected = frame.twin()
    expected.array[...] = x
    copying.copy_into(frame.array, x)
    assert frame.whole.tobytes() == expected.whole.tobytes(), (frame.array.strides, x.strides)
    room = np.full(x.size + 20, 1, dtype)
    value = numbers((), dtype, rng)
    fill.fill(room[7 : 7 + x.size], value)
    assert (room[7 : 7 + x.size] == value).all()
    assert (room[:7] == 1).all()
    assert (room[7 + x.size :] == 1).all()
    expected = frame.twin()
    expected.array.fill(value)
    fill.write(frame.array, value)
    assert frame.whole.tobytes() == expected.whole.tobytes()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_masking(dtype, seed):
    rng = generator(seed, dtype)
    x = source(shape_of(rng), dtype, rng)
    ndim = int(rng.integers(1, x.ndim + 1))
    shape = [n if rng.random() < 0.7 else 1 for n in x.shape[-ndim:]]
    mask = source(shape, "?", rng)
    value = numbers((), dtype, rng)
    assert masked_fill.filled(x, mask, value).tobytes() == np.where(mask, value, x).tobytes()
    mask = source(x.shape, "?", rng)
    for whole in (x, mask):
        assert indexed.take(whole, (mask,)).tobytes() == whole[mask].tobytes()
    frame = Framed(x.shape, dtype, rng) if rng.random() < 0.5 else _in_order(x)
    expected = frame.twin()
    expected.array[mask] = value
    masked_fill.fill(frame.array, mask, value)
    assert frame.whole.tobytes() == expected.whole.tobytes()


def _in_order(x):
    """A frame with the elements of x in order."""
    frame = object.__new__(Framed)
    frame.whole = np.zeros(x.nbytes + 2 * 16 * 9, np.uint8)
    frame.array = frame.whole[16 * 9 : 16 * 9 + x.nbytes].view(x.dtype).reshape(x.shape)
    frame.array[...] = x
    return frame


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "i4", "f4", "i8", "f8"])
def test_scans_orders_and_places(dtype, seed):
    rng = generator(seed, dtype)
    x = source(shape_of(rng), dtype, rng)
    dim = int(rng.integers(x.ndim))
    wide = np.float64 if x.dtype.kind == "f" else np.int64
    sums = np.cumsum(x, dim, wide)
    assert np.array_equal(scan.running_sum(x, dim), sums)
    largest = bool(rng.integers(2))
    found, index = scan.running_extreme(x, dim, largest)
    running = (np.maximum if largest else np.minimum).accumulate(x, dim)
    assert np.array_equal(found, running)
    assert np.array_equal(np.take_along_axis(x, index, dim), running)
    place = (np.argmax if largest else np.argmin)(x, dim)
    assert np.array_equal(argmax.place(x, dim, largest), place)
    order = np.argsort(x, dim, kind="stable")
    assert np.array_equal(sort.order(x, dim), order)
