"""Copies between layouts against NumPy's: any permutation, step, dtype; nothing outside is written."""

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.array import copy as copying

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
DTYPES = ["?", "i1", "u2", "f2", "f4", "i8", "f8", "c8", "c16"]


@pytest.fixture(autouse=True)
def _any_size(monkeypatch):
    """Small arrays too, and a refusal of an array that the code is made for is an error."""
    monkeypatch.setattr(copying, "SMALL", 0)
    monkeypatch.setattr(copying, "SHARED", 0)


def values(shape, dtype, rng):
    return rng.integers(0, 2, (*shape, np.dtype(dtype).itemsize)).astype("u1").view(dtype)[..., 0]


def strided(shape, dtype, rng, gap=False):
    """An array whose dimensions lie in memory in some order, perhaps with steps and backwards."""
    order = rng.permutation(len(shape))
    steps = [rng.integers(1, 3) if gap else 1 for _ in shape]
    whole = values([shape[i] * steps[i] + (3 if gap else 0) for i in order], dtype, rng)
    array = whole.transpose(np.argsort(order))
    array = array[tuple(slice(None, n * s, s) for n, s in zip(shape, steps))]
    if gap and rng.random() < 0.5:
        array = np.flip(array, rng.integers(len(shape)))
    assert array.shape == tuple(shape)
    return array


def shapes(rng):
    for _ in range(25):
        yield tuple(rng.integers(1, 7, rng.integers(1, 6)))
    for _ in range(25):
        yield tuple(rng.integers(1, 40, rng.integers(1, 4)))
    yield from ((70, 90), (3, 200), (200, 3), (2, 65, 129), (129, 2, 65), (16, 16), (64, 64, 2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_contiguous_copies_of_any_layout(dtype):
    rng = np.random.default_rng(1)
    for shape in shapes(rng):
        for gap in (False, True):
            x = strided(shape, dtype, rng, gap)
            made = copying.contiguous(x)
            assert made.flags.c_contiguous
            assert made.dtype == x.dtype
            assert made.tobytes() == x.tobytes(), (shape, x.strides)


@pytest.mark.parametrize("dtype", DTYPES)
def test_copies_into_a_part_write_nothing_else(dtype):
    rng = np.random.default_rng(2)
    used = 0
    for shape in shapes(rng):
        order = rng.permutation(len(shape))
        # The last dimension in memory is dense; the others have guards around and between.
        room = [shape[i] * 2 + 5 for i in order[:-1]] + [shape[order[-1]] + 5]
        whole = values(room, dtype, rng)
        part = whole[
            (*(slice(2, 2 + 2 * shape[i], 2) for i in order[:-1]), slice(3, 3 + shape[order[-1]]))
        ].transpose(np.argsort(order))
        x = strided(shape, dtype, rng, gap=True)
        expected = whole.copy()
        expected_part = np.ndarray(
            part.shape, part.dtype, expected, part.ctypes.data - whole.ctypes.data, part.strides
        )
        expected_part[...] = x
        if not copying._copied(part, x):
            continue  # its dense dimension has size 1
        used += 1
        assert whole.tobytes() == expected.tobytes(), (shape, part.strides, x.strides)
    assert used > 40


def test_broadcast_sources():
    rng = np.random.default_rng(3)
    row, column = rng.random(50), rng.random((70, 1))
    for x in (np.broadcast_to(row, (70, 50)), np.broadcast_to(column, (70, 50))):
        for y in (x, x.T):
            assert np.array_equal(copying.contiguous(y), y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_backwards(dtype):
    rng = np.random.default_rng(4)
    for shape in ((1,), (15,), (64,), (130,), (5, 70), (70, 5), (3, 4, 33)):
        x = values(shape, dtype, rng)
        for dims in ((0,), (-1,), tuple(range(x.ndim))):
            assert copying.contiguous(np.flip(x, dims)).tobytes() == np.flip(x, dims).tobytes()


def test_what_the_code_is_not_made_for_is_numpys():
    x = np.arange(120.0).reshape(10, 12)
    for target, source in (
        (np.empty((12, 10), np.float32), x.T),
        (x[1:], x[:-1]),
        (np.empty((10, 24))[:, ::2], x),
        (np.empty(10 * 12 * 8 + 1, "u1")[1:].view("f8").reshape(10, 12), x),
    ):
        assert not copying._copied(target, source)
    copying.copy_into(x[1:], x[:-1])
    assert np.array_equal(x[1:], np.arange(108.0).reshape(9, 12))
    with pytest.raises(ValueError, match="broadcast"):
        copying.copy_into(np.empty((3, 4)), np.empty((4, 3)))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_large_copies_on_any_number_of_threads(threads):
    before = kernels.get_num_threads()
    x = np.arange(300 * 17 * 65, dtype=np.float32).reshape(300, 17, 65)
    try:
        kernels.set_num_threads(threads)
        for order in ((2, 1, 0), (1, 0, 2), (2, 0, 1), (0, 2, 1)):
            y = x.transpose(order)
            assert np.array_equal(copying.contiguous(y), y)
    finally:
        kernels.set_num_threads(before)


def test_empty_and_single_elements():
    for shape in ((0, 3), (3, 0, 2), (), (1,), (1, 1)):
        x = np.ones(shape)
        assert copying.contiguous(x).shape == shape
        copying.copy_into(np.empty(shape), x)


@pytest.mark.parametrize("dtype", ["f4", "i8", "c16", "i2"])
@pytest.mark.parametrize("times", [2, 3, 7, 16, 17])
def test_elements_that_are_repeated(dtype: str, times: int, each_number_of_threads) -> None:
    for shape in ((1025,), (60, 170), (5, 70, 33)):
        x = (np.random.default_rng(times).normal(size=shape) * 9).astype(dtype)
        for given in (x, np.asfortranarray(x)):
            source = np.broadcast_to(given[..., None], (*shape, times))
            for _ in each_number_of_threads:
                target = np.zeros(source.shape, dtype)
                copying.copy_into(target, source)
                assert np.array_equal(target, source)
