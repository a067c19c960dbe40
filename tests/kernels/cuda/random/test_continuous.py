"""Continuous numbers: the kernels' PTX in the simulator, against PyTorch's scheme in NumPy."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.cuda.random import continuous, distribution
from flambeau.kernels.cuda.random.philox import Origin
from tests.kernels.cuda.random import reference as r
from tests.kernels.cuda.random.reference import SMALL, Source

FLOATS = [np.float32, np.float16, ml_dtypes.bfloat16, np.float64]
SIZES = [1, 255, 512, 513, 2500]


def drawn(cupy: Any, name: str, size: Any, dtype: Any, *parameters: float, seed: int = 7) -> Any:
    """An array that a kernel has filled."""
    out = cupy.empty(size, dtype)
    getattr(continuous, name)(out, Source(seed), *parameters)
    return out.get()


@pytest.mark.parametrize("size", SIZES)
def test_uniform_bits(cupy: Any, size: int) -> None:
    expected = r.uniform(7, size, SMALL)
    assert np.array_equal(drawn(cupy, "uniform_", size, np.float32, 0.0, 1.0), expected)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_uniform_of_half_types_is_rounded_float32(cupy: Any, dtype: Any) -> None:
    expected = (r.uniform(7, 2500, SMALL) * np.float32(3) + np.float32(-1)).astype(dtype)
    expected[expected == dtype(2)] = dtype(-1)
    found = drawn(cupy, "uniform_", 2500, dtype, -1.0, 2.0)
    assert np.array_equal(found.view(np.uint16), expected.view(np.uint16))
    assert (found.astype(np.float32) < 2).all()


@pytest.mark.parametrize("size", [1, 513, 1100])
def test_uniform_float64_bits(cupy: Any, size: int) -> None:
    assert np.array_equal(
        drawn(cupy, "uniform_", size, np.float64, 0.0, 1.0), r.uniform64(7, size, SMALL)
    )


def test_the_end_of_the_range_is_its_beginning(cupy: Any) -> None:
    """bfloat16 rounds one number in 512 up to 1."""
    found = drawn(cupy, "uniform_", 2500, ml_dtypes.bfloat16, 0.0, 1.0).astype(np.float32)
    assert (found == 0).sum() >= 1
    assert (found < 1).all()


@pytest.mark.parametrize("size", SIZES)
def test_normal(cupy: Any, size: int) -> None:
    found = drawn(cupy, "normal_", size, np.float32, 0.0, 1.0)
    assert np.allclose(found, r.normal(7, size, SMALL), rtol=1e-5, atol=4e-6)


def test_normal_with_mean_and_deviation(cupy: Any) -> None:
    """What an RTX A4000 gave (pytorch issue 97097); the first elements are those of any chip and size."""
    found = drawn(cupy, "normal_", 3, np.float32, 5.0, 5**0.5, seed=14)
    assert np.allclose(found, [2.8731, 5.2727, 2.9889], atol=5e-5)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_normal_of_half_types(cupy: Any, dtype: Any) -> None:
    found = drawn(cupy, "normal_", 600, dtype, 1.0, 2.0).astype(np.float64)
    expected = 1 + 2 * r.normal(7, 600, SMALL)
    assert np.allclose(found, expected, rtol=2.0 ** (-10 if dtype is np.float16 else -7), atol=1e-3)


def test_normal_float64(cupy: Any) -> None:
    found = drawn(cupy, "normal_", 1100, np.float64, 0.0, 1.0)
    assert np.allclose(found, r.normal64(7, 1100, SMALL), rtol=1e-13, atol=1e-14)


def test_log_normal(cupy: Any) -> None:
    for dtype, rtol in ((np.float32, 2e-5), (np.float64, 1e-12)):
        normal = (r.normal if dtype is np.float32 else r.normal64)(7, 600, SMALL)
        found = drawn(cupy, "log_normal_", 600, dtype, 1.0, 0.5)
        assert np.allclose(found, np.exp(1 + 0.5 * normal), rtol=rtol)


def test_exponential(cupy: Any) -> None:
    for dtype, uniform, rtol in ((np.float32, r.uniform, 1e-5), (np.float64, r.uniform64, 1e-13)):
        expected = -np.log(uniform(7, 600, SMALL).astype(np.float64)) / 2.5
        found = drawn(cupy, "exponential_", 600, dtype, 2.5)
        assert np.allclose(found, expected, rtol=rtol, atol=1e-7 if dtype is np.float32 else 0)
        assert (found > 0).all()


def test_cauchy(cupy: Any) -> None:
    for dtype, uniform, rtol in ((np.float32, r.uniform, 2e-4), (np.float64, r.uniform64, 1e-12)):
        u = uniform(7, 600, SMALL).astype(np.float64)
        found = drawn(cupy, "cauchy_", 600, dtype, 1.0, 3.0)
        assert np.allclose(found, 1 + 3 * np.tan(np.pi * (u - 0.5)), rtol=rtol, atol=1e-4)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_offset_moves_as_in_pytorch(cupy: Any, dtype: Any) -> None:
    each = 2 if dtype is np.float64 else 4
    for size in (1, 512, 1024, 1025, 2048, 2049, 4096):
        source = Source(7)
        continuous.uniform_(cupy.empty(size, dtype), source, 0.0, 1.0)
        assert source.offset == r.used(size, SMALL, each)


def test_draws_follow_one_another(cupy: Any) -> None:
    source, found = Source(3), cupy.empty((2, 600), np.float32)
    for row in found:
        continuous.uniform_(row, source, 0.0, 1.0)
    expected = [r.uniform(3, 600, SMALL, offset) for offset in (0, 4)]
    assert np.array_equal(found.get(), np.stack(expected))


def test_seeds_of_64_bits_and_large_offsets(cupy: Any) -> None:
    seed, offset = 0xFEDCBA9876543210, 4 * (2**32 - 1)
    out = cupy.empty(2500, np.float32)
    continuous.uniform_(out, Source(seed, offset), 0.0, 1.0)
    assert np.array_equal(out.get(), r.uniform(seed, 2500, SMALL, offset))


def test_strides(cupy: Any) -> None:
    """Elements are drawn in the order of memory."""
    expected = r.uniform(7, 600, SMALL).reshape(20, 30)
    turned = cupy.empty((20, 30), np.float32).T
    continuous.uniform_(turned, Source(7), 0.0, 1.0)
    assert np.array_equal(turned.get(), expected.T)
    gaps = cupy.zeros((20, 60), np.float32)
    continuous.uniform_(gaps[:, ::2], Source(7), 0.0, 1.0)
    assert np.array_equal(gaps.get()[:, ::2], expected)
    assert not gaps.get()[:, 1::2].any()


def test_no_elements_and_no_dimensions(cupy: Any) -> None:
    source = Source(7)
    continuous.uniform_(cupy.empty((0, 3), np.float32), source, 0.0, 1.0)
    assert source.offset == 0
    assert drawn(cupy, "uniform_", (), np.float32, 0.0, 1.0) == r.uniform(7, 1, SMALL)[0]


def test_a_captured_launch_reads_seed_and_offset_on_the_device(cupy: Any) -> None:
    place, out = cupy.asarray(np.array([21, 8], np.uint64)), cupy.empty(600, np.float32)
    continuous.uniform_(out, lambda words: Origin(99, 12, int(place.data.ptr)), 0.0, 1.0)
    assert np.array_equal(out.get(), r.uniform(21, 600, SMALL, 20))


def test_an_array_beyond_31_bits_is_drawn_in_parts(
    cupy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As there, the whole takes words that nobody uses."""
    monkeypatch.setattr("flambeau.kernels.cuda.random.distribution.LIMIT", 4 * 1000)
    source, out = Source(7), cupy.empty(1501, np.float32)
    continuous.uniform_(out, source, 0.0, 1.0)
    parts = [r.uniform(7, 750, SMALL, 4), r.uniform(7, 751, SMALL, 8)]
    assert np.array_equal(out.get(), np.concatenate(parts))
    assert source.offset == 12


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        ("philox", "ROUNDS", 9),
        ("philox", "WEYL", (0x9E3779B9, 0xBB67AE86)),
        ("number", "_ANGLE", 1e-9),
    ],
)
def test_the_checks_go_red(
    cupy: Any, monkeypatch: pytest.MonkeyPatch, module: str, name: str, value: Any
) -> None:
    """The negative control: other constants give other numbers."""
    monkeypatch.setattr(f"flambeau.kernels.cuda.random.{module}.{name}", value)
    distribution.fill_kernel.cache_clear()
    try:
        found = drawn(cupy, "normal_", 600, np.float32, 0.0, 1.0)
    finally:
        distribution.fill_kernel.cache_clear()
    assert not np.allclose(found, r.normal(7, 600, SMALL), rtol=1e-5, atol=4e-6)
