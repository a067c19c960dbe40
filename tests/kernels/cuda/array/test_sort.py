"""The order of rows, against NumPy's stable sort."""

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.cuda.array import sort

DTYPES = [
    np.float32,
    np.float64,
    np.float16,
    ml_dtypes.bfloat16,
    np.int8,
    np.uint8,
    np.int64,
    np.uint32,
    bool,
]
SHAPES = [((30, 33), 1), ((5, 40, 3), 1), ((7, 1), 1), ((3, 130), -1), ((2, 1100), 1), ((9,), 0)]


def numbers(shape, dtype):
    random = np.random.default_rng(0)
    x = random.integers(-6, 7, shape) * 1.5
    if np.dtype(dtype).kind not in "biu":
        x[random.random(shape) < 0.1] = np.nan
        x[random.random(shape) < 0.1] = -0.0
        x[random.random(shape) < 0.1] = np.inf
    return (abs(x) if np.dtype(dtype).kind == "u" else x).astype(dtype)


def expected(x, dim, descending):
    wide = x.astype(np.float64) if x.dtype.kind != "i" else x
    if not descending:
        return np.argsort(wide, dim, kind="stable")
    back = np.flip(np.argsort(np.flip(wide, dim), dim, kind="stable"), dim)
    return x.shape[dim] - 1 - back


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_order(xp, dtype, shape, dim, descending):
    x = numbers(shape, dtype)
    made = sort.order(xp.asarray(x), dim, descending)
    assert made.dtype == np.int64
    assert made.flags.c_contiguous
    np.testing.assert_array_equal(made.get(), expected(x, dim, descending))


@pytest.mark.parametrize("k", [0, 1, 5])
@pytest.mark.parametrize(("shape", "dim"), [((30, 33), 1), ((40, 3), 0), ((2, 1100), 1)])
def test_first(xp, shape, dim, k):
    x = numbers(shape, np.float32)
    made = sort.first(xp.asarray(x), k, dim, True)
    np.testing.assert_array_equal(made.get(), np.take(expected(x, dim, True), range(k), dim))


@pytest.mark.parametrize("n", [512, 513, 1024])
def test_whole_blocks(xp, n):
    x = np.random.default_rng(1).integers(0, 100, (3, n)).astype(np.int64) - (1 << 62)
    np.testing.assert_array_equal(sort.order(xp.asarray(x), 1).get(), expected(x, 1, False))


def test_nothing(xp):
    assert sort.order(xp.zeros((0, 4)), 1).shape == (0, 4)
    assert sort.order(xp.zeros((4, 0)), 1).shape == (4, 0)


def test_complex_numbers_have_no_order(xp):
    with pytest.raises(TypeError, match="complex64"):
        sort.order(xp.zeros(3, np.complex64), 0)


@pytest.mark.parametrize("k", [1, 50, 128, 129])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("n", "dtype"), [(1025, np.float32), (50_257, np.float32), (5000, np.int64), (3000, np.float16)]
)
def test_the_first_of_long_rows(xp, n, k, dtype, descending):
    x = numbers((2, n), dtype)
    made = sort.first(xp.asarray(x), k, 1, descending)
    np.testing.assert_array_equal(made.get(), expected(x, 1, descending)[:, :k])


def test_pieces_that_have_fewer_than_are_wanted(xp, monkeypatch):
    monkeypatch.setattr(sort, "SHORT", 16)
    x = numbers((3, 241), np.float32)  # the last piece has one
    made = sort.first(xp.asarray(x), 8, 1)
    np.testing.assert_array_equal(made.get(), expected(x, 1, False)[:, :8])
