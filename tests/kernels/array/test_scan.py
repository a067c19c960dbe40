"""Running sums, products, extremes and logarithms of sums, against NumPy in float64."""

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.array import scan

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
FLOATS = ["f4", "f8"]
DTYPES = [*FLOATS, "?", "u1", "i1", "i2", "u2", "i4", "u4", "i8"]
SHAPES = [
    (1,),
    (5,),
    (33,),
    (3, 4),
    (7, 1),
    (4, 8, 3),
    (2, 17, 1),
    (2, 3, 129),
    (1, 300),
    (2, 0),
    (9, 70),
]


@pytest.fixture(autouse=True)
def _any_size(monkeypatch, guard):
    monkeypatch.setattr(scan, "SMALL", 0)
    guard(scan)


def values(shape, dtype, rng):
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.4
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def cases(dtypes, seed=0):
    rng = np.random.default_rng(seed)
    for dtype in dtypes:
        for shape in SHAPES:
            x = values(shape, dtype, rng)
            for dim in range(len(shape)):
                yield x, dim
                yield np.asfortranarray(x), dim
                yield np.repeat(x, 2, -1)[..., ::-2], dim


def test_sums_and_products():
    with np.errstate(over="ignore"):
        for x, dim in cases(DTYPES):
            wide, narrow = (np.float64, x.dtype) if x.dtype.kind == "f" else (np.int64, np.int64)
            for made, function in ((scan.running_sum(x, dim), np.cumsum),
                                   (scan.running_product(x, dim), np.cumprod)):  # fmt: skip
                expected = function(x, dim, dtype=wide)
                assert made.dtype == narrow
                assert made.flags.c_contiguous
                if x.dtype.kind == "f":
                    size = np.cumsum(np.abs(x), dim, dtype=np.float64)
                    bound = 1e-15 * size + np.finfo(x.dtype).eps * np.abs(expected)
                    if function is np.cumprod:
                        bound = 3 * np.finfo(x.dtype).eps * np.abs(expected) * x.shape[dim]
                        bound += np.finfo(x.dtype).smallest_subnormal
                    assert (np.abs(made - expected) <= bound).all()
                else:
                    assert np.array_equal(made, expected)


def test_extremes_and_where_they_last_stood():
    rng = np.random.default_rng(5)
    for x, dim in cases(DTYPES):
        if x.dtype.kind == "f" and x.size > 4:
            x = np.round(x)
            x[rng.random(x.shape) < 0.03] = np.nan
        for largest in (True, False):
            made, index = scan.running_extreme(x, dim, largest)
            expected, places = scan._extreme_by_numpy(x, dim, largest)
            assert made.dtype == x.dtype
            assert np.array_equal(index, places)
            assert made.tobytes() == expected.tobytes()


def test_extremes_as_pytorch_gives_them():
    nan, inf = float("nan"), float("inf")
    x = np.array([1.0, 3.0, 3.0, -0.0, nan, 5.0, inf, nan, 2.0])
    values, index = scan.running_extreme(x, 0, True)
    assert np.array_equal(values, [1, 3, 3, 3, nan, nan, nan, nan, nan], equal_nan=True)
    assert index.tolist() == [0, 1, 2, 2, 4, 4, 4, 7, 7]
    values, index = scan.running_extreme(x, 0, False)
    assert np.array_equal(values, [1, 1, 1, -0.0, nan, nan, nan, nan, nan], equal_nan=True)
    assert index.tolist() == [0, 0, 0, 3, 4, 4, 4, 7, 7]


def test_logarithms_of_sums():
    for x, dim in cases(FLOATS):
        x = x * x.dtype.type(300)
        made = scan.running_logsumexp(x, dim)
        assert made.dtype == x.dtype
        expected = np.logaddexp.accumulate(x.astype(np.float64), dim)
        rtol = 3e-7 if x.dtype.itemsize == 4 else 1e-13
        np.testing.assert_allclose(made, expected, rtol, rtol)


@pytest.mark.parametrize("dtype", FLOATS)
def test_special_values(dtype):
    inf, nan = np.inf, np.nan
    lines = np.array([
        [-inf, -inf, 1, inf, 2], [inf, inf, 1, 1, 1], [inf, -inf, 1, 1, 1],
        [1, nan, 2, inf, 3], [-inf] * 5, [1e30, -1e30, 1, 1, 1],
    ], dtype)  # fmt: skip
    for x, dim in ((lines, 1), (lines.T, 0), (np.tile(lines, (1, 1)).T.copy(), 0)):
        with np.errstate(all="ignore"):
            expected = np.cumsum(x, dim, dtype=np.float64).astype(dtype)
            together = np.logaddexp.accumulate(x.astype(np.float64), dim).astype(dtype)
        assert np.array_equal(scan.running_sum(x, dim), expected, equal_nan=True)
        np.testing.assert_allclose(scan.running_logsumexp(x, dim), together, 1e-6)
    assert np.signbit(scan.running_product(np.array([-0.0, 2.0], dtype), 0)).all()


@pytest.mark.parametrize("shape", [(40, 3000), (3000, 40), (7, 90, 300)])
def test_same_bits_on_any_number_of_threads(shape, each_number_of_threads):
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    found = set()
    for _ in each_number_of_threads:
        made = [scan.running_sum(x, dim) for dim in range(x.ndim)]
        made += [scan.running_logsumexp(x, 0), *scan.running_extreme(x, 1, True)]
        found.add(b"".join(array.tobytes() for array in made))
    assert len(found) == 1


def test_other_dtypes_are_numpys():
    x = np.array([[1.5, 2.5], [3.0, 1.0]], np.float16)
    assert scan.running_sum(x, 0).dtype == np.float16
    assert scan.running_sum(x, 0).tolist() == [[1.5, 2.5], [4.5, 3.5]]
    assert scan.running_product(x.astype(np.complex64) * 1j, 1).tolist() == [
        [1.5j, -3.75],
        [3j, -3],
    ]
    assert scan.running_extreme(x, 0, False)[1].tolist() == [[0, 0], [0, 1]]
    assert scan.running_logsumexp(np.zeros((2, 2), np.float16), 1).dtype == np.float16
