"""The machine code's elementary functions against mpmath and float64, in units in the last place."""

import math

import mpmath
import numpy as np
import pytest

from flambeau import kernels
from flambeau.formula import primitive as p
from flambeau.formula.expression import symbol
from flambeau.formula.program import Program

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")

LIMITS = {
    # function: (float32, float64), the worst error seen rounded up
    "exp": (1.0, 1.0),
    "exp2": (1.0, 1.0),
    "expm1": (1.5, 2.0),
    "log": (1.0, 1.0),
    "log1p": (1.5, 1.5),
    "tanh": (2.0, 2.5),
    "erf": (1.5, 8.0),
    "erfc": (4.0, 20.0),
}
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan]


def native(name: str, dtype: np.dtype):
    x = symbol("x")
    program = Program((x,), (p.PRIMITIVES[name](x),))

    def refuse(*given):
        raise AssertionError("the machine code did not take the array")

    function = kernels.build(program, [dtype], dtype, [dtype], name, False, refuse)
    assert function is not None
    return function


def samples(name: str, dtype: np.dtype) -> np.ndarray:
    rng = np.random.default_rng(7)
    facts = np.finfo(dtype)
    scales = [1e-30, 1e-8, 1e-3, 0.3, 1.0, 10.0, 100.0, 1000.0]
    values = np.concatenate([rng.standard_normal(300) * scale for scale in scales])
    dense = np.linspace(-3, 3, 601)
    tiny = np.array(
        [facts.tiny, -facts.tiny, facts.smallest_subnormal, 7 * facts.smallest_subnormal]
    )
    values = np.concatenate([values, dense, tiny, [facts.max, -facts.max]])
    if name == "log":
        values = np.abs(values)
    elif name.startswith("erf"):
        values = values[np.abs(values) < 1000]
    elif name == "log1p":
        values = np.where(values < -1, -1 + np.exp(-np.abs(values)), values)
    return values.astype(dtype)


def reference(name: str, x: float) -> mpmath.mpf:
    function = {"exp2": lambda v: mpmath.power(2, v)}.get(name) or getattr(mpmath, name)
    return function(mpmath.mpf(x))


def ulps(got: np.ndarray, name: str, x: np.ndarray) -> float:
    """The largest error over results that are finite and not subnormal."""
    facts, worst = np.finfo(x.dtype), 0.0
    with mpmath.workdps(40):
        for value, argument in zip(got.tolist(), x.tolist()):
            exact = reference(name, argument)
            if not facts.tiny <= abs(exact) <= facts.max:
                continue
            unit = mpmath.mpf(2) ** (mpmath.frexp(exact)[1] - facts.nmant - 1)
            worst = max(worst, float(abs(mpmath.mpf(value) - exact) / unit))
    return worst


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_error_is_within_its_limit(name: str, dtype: type) -> None:
    x = samples(name, np.dtype(dtype))
    worst = ulps(native(name, np.dtype(dtype))(x), name, x)
    assert worst <= LIMITS[name][dtype is np.float64]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_edges_are_numpys(name: str, dtype: type) -> None:
    x = np.array(EDGES, dtype)
    got = native(name, np.dtype(dtype))(x)
    with np.errstate(all="ignore"):
        want = (
            np.vectorize(getattr(math, name))(x)
            if name in ("erf", "erfc")
            else getattr(np, name)(x)
        )
    np.testing.assert_array_equal(got, want)
    assert np.array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(want[~np.isnan(want)]))


def test_overflow_and_underflow_of_exp() -> None:
    exp = native("exp", np.dtype(np.float32))
    x = np.array([88.72, 88.73, 200, -87.4, -103.2, -104.5, -200], np.float32)
    with np.errstate(all="ignore"):
        want = np.exp(x.astype(np.float64)).astype(np.float32)
    got = exp(x)
    assert np.isinf(got[1:3]).all()
    assert got[-1] == 0
    np.testing.assert_allclose(got, want, rtol=2e-7, atol=1.5e-45)


def test_the_measure_sees_an_error_of_two_units() -> None:
    x = samples("exp", np.dtype(np.float32))
    good = native("exp", np.dtype(np.float32))(x)
    bad = np.nextafter(np.nextafter(good, np.float32(np.inf)), np.float32(np.inf))
    assert ulps(bad, "exp", x) > LIMITS["exp"][0]
