"""The norms of many arrays at once, beside NumPy's."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.cuda import ptx, ptxas
from flambeau.kernels.cuda.loops import foreach_norm

SHAPES = [(), (7,), (3, 5), (4096,), (40, 301), (2, 3, 4), (9001,)]


@pytest.mark.parametrize("order", foreach_norm.ORDERS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", ml_dtypes.bfloat16])
def test_norms_are_numpys(xp, dtype, order) -> None:
    random = np.random.default_rng(0)
    given = [np.array(random.standard_normal(shape)).astype(dtype) for shape in SHAPES]
    found = foreach_norm.norms([xp.asarray(x) for x in given], order)
    wanted = [np.linalg.norm(x.astype(float).reshape(-1), order) for x in given]
    assert found.dtype == np.dtype(dtype)
    near = 1e-15 if dtype == "f8" else 0
    np.testing.assert_allclose(found.get(), np.array(wanted).astype(dtype), near)


def test_squares_stay_in_range(xp) -> None:
    given = [xp.full(10, 1e30, "f4"), xp.full(10, 1e-30, "f4"), xp.zeros(0, "f4")]
    found = foreach_norm.norms(given, 2.0).get()
    np.testing.assert_allclose(found, [1e30 * 10**0.5, 1e-30 * 10**0.5, 0], 1e-6)


@pytest.mark.parametrize("order", foreach_norm.ORDERS)
def test_nan_and_infinity_are_seen(xp, order) -> None:
    given = [xp.ones(5000, "f4") for _ in range(3)]
    given[0][4999], given[1][0] = np.nan, -np.inf
    found = foreach_norm.norms(given, order).get()
    assert np.isnan(found[0])
    assert found[1] == np.inf
    assert np.isfinite(found[2])


def test_more_arrays_than_a_launch_takes(xp) -> None:
    given = [xp.full((1 + i % 3, 3), float(i), "f4").T[::2] for i in range(400)]
    found = foreach_norm.norms(given, 1.0).get()
    assert found.tolist() == [float(2 * (1 + i % 3) * i) for i in range(400)]


def test_the_bits_are_the_same_every_time(xp) -> None:
    x = xp.asarray(np.random.default_rng(3).standard_normal(50_000, np.float32))
    found = [foreach_norm.norms([x], 2.0).tobytes() for _ in range(3)]
    assert len(set(found)) == 1


def test_other_norms_are_left_to_others(xp) -> None:
    x = xp.ones(3, "f4")
    assert foreach_norm.norms([x], 3.0) is NotImplemented
    assert foreach_norm.norms([x.astype("i4")], 2.0) is NotImplemented
    assert foreach_norm.norms([x, x[:0]], float("inf")) is NotImplemented


@pytest.mark.skipif(ptxas.found() is None, reason=ptxas.MISSING)
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100"])
def test_they_assemble(architecture: str) -> None:
    for kernel in foreach_norm._kernels("bfloat16", 2.0):
        (found,) = ptxas.assembled(ptx.assembly(kernel.text, architecture), architecture)
        assert (found.spilled, found.stack) == (0, 0)
