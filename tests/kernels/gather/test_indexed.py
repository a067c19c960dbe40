"""Reading, writing and adding at index arrays, against NumPy; errors come before anything is written."""

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.gather import indexed, plan

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
FULL = slice(None)


@pytest.fixture(autouse=True)
def _any_size(monkeypatch, guard):
    monkeypatch.setattr(indexed, "SMALL", -1)
    guard(indexed)


def places(shape, size, rng, dtype=np.int64):
    return rng.integers(-size, size, shape).astype(dtype)


def keys(shape, rng):
    """Keys of every kind that a walk is made for, over an array of this shape."""
    ndim = len(shape)
    for first in range(ndim):
        n = shape[first]
        for own in ((7,), (3, 5), (1,), (4, 1), ()):
            yield (FULL,) * first + (places(own, n, rng),)
        yield (FULL,) * first + (np.arange(n)[::-1], *(FULL,) * (ndim - first - 1))
        if first + 1 < ndim:
            yield (FULL,) * first + (
                places((6,), n, rng),
                places((3, 1), shape[first + 1], rng, np.int32),
            )
    for dim in range(ndim):
        sizes = [int(rng.integers(1, n + 1)) for n in shape]
        sizes[dim] = 5
        grid = [np.arange(m).reshape([-1 if i == j else 1 for j in range(ndim)])
                for i, m in enumerate(sizes)]  # fmt: skip
        grid[dim] = places(sizes, shape[dim], rng)
        yield tuple(grid)
    if ndim == 3:
        yield tuple(places((4, 3), n, rng) for n in shape)


def arrays(dtype, rng):
    for shape in ((9,), (6, 8), (5, 1), (4, 7, 3), (3, 4, 40), (2, 130)):
        x = rng.integers(0, 100, shape).astype(dtype)
        yield x
        yield np.asfortranarray(x)
        wide = np.zeros((*[2 * n + 3 for n in shape[:-1]], shape[-1] + 4), dtype)
        part = wide[(*(slice(1, 1 + 2 * n, 2) for n in shape[:-1]), slice(2, 2 + shape[-1]))]
        part[...] = x
        yield part


@pytest.mark.parametrize(
    "dtype", ["f4", "f8", "?", "i1", "u1", "i2", "f2", "i4", "i8", "c8", "c16"]
)
def test_reading(dtype):
    rng = np.random.default_rng(0)
    native = 0
    for x in arrays(dtype, rng):
        for key in keys(x.shape, rng):
            native += plan.plan_of(x, key) is not None
            made, expected = indexed.take(x, key), x[key]
            assert made.shape == expected.shape
            assert made.flags.c_contiguous
            assert made.dtype == x.dtype
            assert np.array_equal(made, expected), (x.shape, x.strides, key)
    assert native > 150


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "u1", "i2", "i4", "i8", "f2", "?"])
def test_writing_and_adding(dtype):
    rng = np.random.default_rng(1)
    for x in arrays(dtype, rng):
        owner = x if x.base is None else x.base
        for key in keys(x.shape, rng):
            values = rng.integers(0, 9, x[key].shape).astype(dtype)
            before = owner.copy()
            for write, reference in (
                (indexed.add_at, np.add.at),
                (indexed.put_at, lambda a, k, v: a.__setitem__(k, v)),
            ):
                expected = x.copy()
                reference(expected, key, values)
                rest = owner.copy()
                write(x, key, values)
                assert np.array_equal(x, expected), (write, x.shape, x.strides, key)
                x[...] = 0
                there = np.ndarray(x.shape, dtype, rest, _offset(x, owner), x.strides)
                there[...] = 0
                assert np.array_equal(owner, rest)  # nothing beside x was written
                owner[...] = before


def _offset(x, owner):
    return x.__array_interface__["data"][0] - owner.__array_interface__["data"][0]


def test_values_are_broadcast():
    x = np.zeros((4, 6))
    key = (np.array([0, 2, 2, 1]),)
    indexed.add_at(x, key, np.array(1.5))
    assert x[:, 0].tolist() == [1.5, 1.5, 3.0, 0.0]
    indexed.put_at(x, key, np.arange(6.0))
    assert np.array_equal(x[0], np.arange(6.0))
    with pytest.raises(ValueError, match=r"broadcast|remapped"):
        indexed.add_at(x, key, np.ones(5))


def test_an_index_out_of_range_is_an_error_before_anything_is_written():
    x = np.zeros((50, 40), np.float32)
    for bad in (50, -51, 1 << 62, -(1 << 63)):
        index = np.arange(30).reshape(5, 6)
        index[3, 4] = bad
        values = np.ones((5, 6, 40), np.float32)
        for function in (indexed.add_at, indexed.put_at):
            with pytest.raises(IndexError):
                function(x, (index,), values)
            assert not x.any()
        with pytest.raises(IndexError):
            indexed.take(x, (index,))
        with pytest.raises(IndexError):
            indexed.take(x, (FULL, np.array([bad] * 40)))


def test_ranges():
    rng = np.random.default_rng(2)
    for size in (1, 15, 17, 64, 1001):
        index = rng.integers(-5, 9, size)
        assert indexed.within(index, -5, 9)
        for bad in (-6, 9, 1 << 62, -(1 << 63), (1 << 63) - 1):
            index[rng.integers(size)], kept = bad, index.copy()
            assert not indexed.within(index, -5, 9)
            index[...] = np.where(kept == bad, 0, kept)
    assert indexed.within(np.empty(0, np.int64), 0, 0)


def test_sums_in_the_order_of_the_key_on_any_number_of_threads(each_number_of_threads):
    rng = np.random.default_rng(3)
    table, rows = np.zeros((50, 300), np.float32), rng.standard_normal((900, 300)).astype("f4")
    along, grid = rng.integers(0, 9, (200, 300)), np.arange(300)
    flat = rng.standard_normal(60_000).astype("f4")
    index = rng.integers(0, 50, 900)
    expected = [table.copy(), np.zeros((200, 9), "f4"), np.zeros((9, 300), "f4"), np.zeros(9, "f4")]
    order = [
        (index,), (np.arange(200)[:, None], along), (along, grid), (along.reshape(-1),),
    ]  # fmt: skip
    given = [rows, flat.reshape(200, 300), flat.reshape(200, 300), flat]
    for whole, key, values in zip(expected, order, given):
        np.add.at(whole, key, values)
    for _ in each_number_of_threads:
        for whole, key, values in zip(expected, order, given):
            made = np.zeros_like(whole)
            indexed.add_at(made, key, values)
            assert made.tobytes() == whole.tobytes()
            assert indexed.take(whole, key).tobytes() == np.ascontiguousarray(whole[key]).tobytes()


def test_what_a_walk_is_not_made_for_is_numpys():
    x = np.arange(24.0).reshape(4, 6)
    mask = x % 3 == 0
    for key in (
        (mask,),
        (np.array([0, 1]), None),
        (np.array([1]), FULL, None),
        (slice(1, 3), np.array([0])),
    ):
        assert np.array_equal(indexed.take(x, key), x[key])
    indexed.add_at(x, (np.array([0, 0]),), np.float32(1))
    assert x[0, 0] == 2
    indexed.put_at(x, (np.arange(3),), x[1:])  # overlapping
    assert x[0, 0] == 6
    frozen = np.zeros(5)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        indexed.put_at(frozen, (np.arange(3),), np.ones(3))


def test_walks_that_begin_elsewhere_than_at_the_front():
    """A constant, or a count from somewhere, beside an index array."""
    rng = np.random.default_rng(8)
    square, matrix = rng.integers(0, 9, (5, 5, 30)).astype("f4"), rng.random((6, 40), np.float32)
    for x, key in (
        (square, (np.array([3]), rng.integers(0, 5, 12))),
        (matrix, (np.arange(3)[:, None] + 2, rng.integers(0, 40, (3, 9)))),
        (matrix, (np.arange(3)[:, None][::-1], rng.integers(0, 40, (3, 9)))),
    ):
        values = rng.integers(0, 9, x[key].shape).astype("f4")
        expected = x.copy()
        np.add.at(expected, key, values)
        assert np.array_equal(indexed.placed(x, key, values, True), expected)
        changed = x.copy()
        indexed.add_at(changed, key, values)
        assert np.array_equal(changed, expected)
        expected[key] = values
        assert np.array_equal(indexed.placed(x, key, values, False), expected)
        assert np.array_equal(indexed.take(expected, key), expected[key])


def test_keys_of_gather_take_no_negative_index():
    x = np.arange(12.0).reshape(3, 4)
    index = np.array([[0, 1], [-1, 2], [3, 3]])
    for key in (plan.Along(index, 1), plan.Unsigned((np.array([0, -1]),))):
        for call in (
            lambda key: indexed.take(x, key),
            lambda key: indexed.placed(x, key, np.float64(1), True),
            lambda key: indexed.placed(x, key, np.float64(1), False),
            lambda key: indexed.spread((3, 4), key, np.ones(x[tuple(key)].shape)),
        ):
            with pytest.raises(IndexError):
                call(key)
    key = plan.Along(np.abs(index), 1)
    kept = key.snapshot()
    key.index[...] = 0
    assert np.array_equal(indexed.take(x, kept), np.take_along_axis(x, np.abs(index), 1))
