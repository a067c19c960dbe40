"""Fourier transforms of many rows and columns, against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.array import fourier

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
LENGTHS = [2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 30, 64, 77, 100, 128, 143, 170, 183, 360, 1100]
PLACES = [
    ((20,), ()),
    ((3,), ()),
    ((2, 9), ()),
    ((), (16,)),
    ((2,), (37,)),
    ((3,), (5,)),
    ((), (3,)),
]


def signals(lead, n, behind, dtype):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((*lead, n, *behind))
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(x.shape)
    return x.astype(dtype)


def assert_near(found, expected, n):
    assert found.shape == expected.shape
    bound = 4e-7 if found.dtype.itemsize == (8 if found.dtype.kind == "c" else 4) else 8e-16
    largest = np.abs(expected).max()
    assert np.abs(found - expected).max() <= bound * np.log2(n + 2) * largest


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("double", [False, True])
def test_transforms(n: int, double: bool) -> None:
    for lead, behind in PLACES:
        dim = len(lead)
        x = signals(lead, n, behind, np.complex128 if double else np.complex64)
        wide = x.astype(np.complex128)
        found = fourier.complex_to_complex(x, dim, True, 1.0)
        assert_near(found, np.fft.fft(wide, axis=dim), n)
        found = fourier.complex_to_complex(x, dim, False, 1 / n)
        assert_near(found, np.fft.ifft(wide, axis=dim), n)
        if n % 2:
            continue
        real = signals(lead, n, behind, np.float64 if double else np.float32)
        if n == 2:
            assert fourier.real_to_half(real, dim, 1.0) is NotImplemented
            continue
        assert_near(fourier.real_to_half(real, dim, 0.5), np.fft.rfft(real, axis=dim) * 0.5, n)
        half = signals(lead, n // 2 + 1, behind, x.dtype)
        found = fourier.half_to_real(half, dim, n, 1 / n)
        assert_near(found, np.fft.irfft(half.astype(np.complex128), n, dim), n)


def test_rows_do_not_know_of_each_other(each_number_of_threads) -> None:
    x = signals((300,), 100, (), np.complex64)
    alone = fourier.complex_to_complex(x[7:10].copy(), 1, True, 1.0)
    for _ in each_number_of_threads:
        assert fourier.complex_to_complex(x, 1, True, 1.0)[7:10].tobytes() == alone.tobytes()
    x[::2] *= 1e30
    x[11] = np.nan
    x[12] = np.inf
    assert fourier.complex_to_complex(x, 1, True, 1.0)[7:10:2].tobytes() == alone[::2].tobytes()


def test_what_numpy_does() -> None:
    assert (
        fourier.complex_to_complex(np.zeros((5, 67), np.complex64), 1, True, 1.0) is NotImplemented
    )
    assert (
        fourier.complex_to_complex(np.zeros((2, 16), np.complex64), 1, True, 1.0) is NotImplemented
    )
    assert fourier.real_to_half(np.zeros((9, 15), np.float32), 1, 1.0) is NotImplemented
    assert fourier.half_to_real(np.zeros((9, 8), np.complex64), 1, 15, 1.0) is NotImplemented
