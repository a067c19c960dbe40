"""Fourier transforms of many rows and columns, against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.fourier import transform

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
SIZES = [1, 2, 3, 4, 5, 8, 16, 30, 31, 60, 77, 100, 360]
PLACES = [
    ((20,), ()),
    ((3,), ()),
    ((2, 9), ()),
    ((), (16,)),
    ((2,), (37,)),
    ((3,), (5,)),
    ((9,), (3,)),
]


def numbers(shape, dtype):
    draws = np.random.default_rng(shape)
    x = draws.standard_normal(shape)
    return (x + 1j * draws.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(
        dtype
    )


def assert_near(found, expected):
    assert found.shape == expected.shape
    assert found.flags.c_contiguous
    bound = 4e-7 if found.real.dtype == np.float32 else 8e-16
    assert (
        np.abs(found - expected).max() <= bound * np.log2(found.size + 2) * np.abs(expected).max()
    )


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(
    ("real", "dtype"), [(np.float32, np.complex64), (np.float64, np.complex128)]
)
def test_transforms(n: int, real: type, dtype: type) -> None:
    for lead, behind in PLACES:
        dim, shape = len(lead), (*lead, n, *behind)
        x = numbers(shape, dtype)
        if transform.complex_to_complex(x, (dim,), 0, True) is NotImplemented:
            assert n > transform.FEW  # a few long rows: most lanes would be idle
            continue
        wide = x.astype(np.complex128)
        assert_near(transform.complex_to_complex(x, (dim,), 0, True), np.fft.fft(wide, axis=dim))
        assert_near(transform.complex_to_complex(x, (dim,), 2, False), np.fft.ifft(wide, axis=dim))
        signal = numbers(shape, real)
        assert_near(
            transform.real_to_complex(signal, (dim,), 1),
            np.fft.rfft(signal.astype(np.float64), axis=dim, norm="ortho"),
        )
        half = numbers((*lead, n // 2 + 1, *behind), dtype)
        expected = np.fft.irfft(half.astype(np.complex128), n, dim)
        assert_near(transform.complex_to_real(half, (dim,), n, 2), expected)


def test_several_dimensions() -> None:
    x = numbers((6, 10, 20), np.complex64)
    wide = x.astype(np.complex128)
    assert_near(transform.complex_to_complex(x, (0, 2), 0, True), np.fft.fftn(wide, axes=(0, 2)))
    signal = numbers((6, 10, 20), np.float64)
    half = np.fft.rfftn(signal, axes=(2, 0, 1))
    assert_near(transform.real_to_complex(signal, (2, 0, 1), 0), half)
    assert_near(transform.complex_to_real(half, (2, 0, 1), 10, 2), signal)
    turned = x.transpose(2, 0, 1)
    assert_near(transform.complex_to_complex(turned, (0,), 0, True), np.fft.fft(turned, axis=0))


def test_rows_do_not_know_of_each_other(each_number_of_threads) -> None:
    x = numbers((300, 100), np.complex64)
    alone = transform.complex_to_complex(x[7:17].copy(), (1,), 0, True)
    for _ in each_number_of_threads:
        found = transform.complex_to_complex(x, (1,), 0, True)
        assert found[7:17].tobytes() == alone.tobytes()
    x[::2] *= 1e30
    x[11], x[12] = np.nan, np.inf
    found = transform.complex_to_complex(x, (1,), 0, True)
    assert found[7:11:2].tobytes() == alone[:4:2].tobytes()


def test_what_numpy_does() -> None:
    for shape in ((5, 67), (1, 128), (0, 4)):
        x = np.zeros(shape, np.complex64)
        assert transform.complex_to_complex(x, (1,), 0, True) is NotImplemented
    x = np.zeros((9, 8), np.complex64)
    assert transform.complex_to_real(x, (1,), 13, 0) is NotImplemented
    assert transform.real_to_complex(x, (1,), 0) is NotImplemented


def test_factors() -> None:
    for n in range(1, 400):
        found = transform.factors(n)
        assert found is None or np.prod(found or (1,)) == n
    assert transform.factors(37) is None
    assert transform.factors(1024) == (8, 8, 8, 2)
