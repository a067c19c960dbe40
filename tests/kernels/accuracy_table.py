"""Every elementary and special function: where it is sampled, its exact values, and the worst error found there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mpmath
import numpy as np

from tests.kernels.accuracy import ulps

mp = mpmath.mp


class Function(NamedTuple):
    """A function of PyTorch's.

    Attributes:
        exact: Its value, of mpmath's numbers.
        spans: Where it is sampled evenly: (low, high).
        wide: Also with magnitudes from the smallest normal number to the largest, of these signs.
        limits: Units in the last place that it may be off, in float32 and in float64.
        operands: How many numbers it takes.
        precision: Decimal digits that its exact value needs on the way.
    """

    exact: Callable[..., Any]
    spans: Sequence[tuple[float, float]]
    wide: str = ""
    limits: tuple[float, float] = (2.0, 4.0)
    operands: int = 1
    precision: int = 40


def _power(x: Any, y: Any) -> Any:
    return mpmath.power(x, y)


def _normal(x: Any) -> Any:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def _quantile(x: Any) -> Any:
    return mpmath.sqrt(2) * mpmath.erfinv(2 * x - 1)


FUNCTIONS: dict[str, Function] = {
    "exp": Function(mpmath.exp, [(-87, 88), (-1, 1)], "+-"),
    "exp2": Function(lambda x: mpmath.power(2, x), [(-126, 127), (-1, 1)], "+-"),
    "expm1": Function(mpmath.expm1, [(-20, 88), (-1, 1)], "+-"),
    "log": Function(mpmath.log, [(0.5, 2), (0, 1000)], "+"),
    "log2": Function(lambda x: mpmath.log(x) / mpmath.log(2), [(0.5, 2), (0, 1000)], "+"),
    "log10": Function(lambda x: mpmath.log(x) / mpmath.log(10), [(0.5, 2), (0, 1000)], "+"),
    "log1p": Function(mpmath.log1p, [(-0.999, 2), (0, 1000)], "+"),
    "sin": Function(mpmath.sin, [(-10, 10), (-1e5, 1e5)], "+-", precision=400),
    "cos": Function(mpmath.cos, [(-10, 10), (-1e5, 1e5)], "+-", precision=400),
    "tan": Function(mpmath.tan, [(-10, 10), (-1e5, 1e5)], "+-", precision=400),
    "asin": Function(mpmath.asin, [(-1, 1)]),
    "acos": Function(mpmath.acos, [(-1, 1)]),
    "atan": Function(mpmath.atan, [(-3, 3)], "+-"),
    "atan2": Function(mpmath.atan2, [(-3, 3)], "+-", operands=2),
    "sinh": Function(mpmath.sinh, [(-80, 80), (-1, 1)]),
    "cosh": Function(mpmath.cosh, [(-80, 80), (-1, 1)]),
    "tanh": Function(mpmath.tanh, [(-10, 10), (-1, 1)], "+-", limits=(2.2, 4.0)),
    "asinh": Function(mpmath.asinh, [(-10, 10)], "+-"),
    "acosh": Function(mpmath.acosh, [(1, 3), (1, 1000)]),
    "atanh": Function(mpmath.atanh, [(-1, 1)]),
    "sqrt": Function(mpmath.sqrt, [(0, 4)], "+"),
    "rsqrt": Function(lambda x: 1 / mpmath.sqrt(x), [(0.01, 4)], "+"),
    "pow": Function(_power, [(0, 20)], operands=2),
    "hypot": Function(mpmath.hypot, [(-3, 3)], operands=2),
    "logaddexp": Function(lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)), [(1, 50)], operands=2),
    "sigmoid": Function(lambda x: 1 / (1 + mpmath.exp(-x)), [(-80, 80), (-3, 3)]),
    "erf": Function(mpmath.erf, [(-6, 6), (-0.5, 0.5)], "+-", limits=(1.0, 1.5)),
    "erfc": Function(mpmath.erfc, [(-3, 9), (-0.5, 0.5)]),
    "special.erfcx": Function(
        lambda x: mpmath.exp(x * x) * mpmath.erfc(x), [(-3, 20), (0, 2)], precision=60
    ),
    "erfinv": Function(mpmath.erfinv, [(-1, 1), (-0.01, 0.01)], limits=(0.6, 3.0)),
    "special.ndtr": Function(_normal, [(-13, 8), (-1, 1)], limits=(5.0, 4.0)),
    "special.log_ndtr": Function(
        lambda x: mpmath.log(_normal(x)), [(-13, 3), (-100, 5)], limits=(2.0, 5.0), precision=60
    ),
    "special.ndtri": Function(_quantile, [(0, 0.5), (0.5, 1)], limits=(2.0, 6.0), precision=60),
    "lgamma": Function(lambda x: mpmath.loggamma(x).real, [(0.01, 3), (0, 100)], "+"),
    "digamma": Function(mpmath.digamma, [(0.01, 3), (1.4, 1.5), (0, 100)]),
    "special.i0": Function(lambda x: mpmath.besseli(0, x), [(-30, 30)]),
    "special.i0e": Function(lambda x: mpmath.besseli(0, x) * mpmath.exp(-abs(x)), [(-60, 60)]),
    "special.i1": Function(lambda x: mpmath.besseli(1, x), [(-30, 30)]),
    "special.i1e": Function(lambda x: mpmath.besseli(1, x) * mpmath.exp(-abs(x)), [(-60, 60)]),
}  # fmt: skip


def samples(name: str, dtype: type, count: int) -> list[np.ndarray]:
    """The function's operands: `count` numbers of each span, and of all magnitudes."""
    function, facts = FUNCTIONS[name], np.finfo(dtype)
    rng = np.random.default_rng([ord(letter) for letter in name])
    found = []
    for _ in range(function.operands):
        parts = [rng.uniform(low, high, count) for low, high in function.spans]
        if function.wide:
            low, high = np.log2(facts.tiny), np.log2(facts.max)
            signs = [{"+": 1.0, "-": -1.0}[sign] for sign in function.wide]
            parts.append(2 ** rng.uniform(low, high, count) * rng.choice(signs, count))
        x = np.concatenate(parts).astype(dtype)
        low = min(low for low, _ in function.spans)
        inside = np.abs(x) < 1 if name in ("asin", "acos", "atanh", "erfinv") else x >= low
        if name == "special.ndtri":
            inside = (x > 0) & (x < 1)
        if name == "log1p":
            inside = x > -1
        found.append(np.where(inside | bool(function.wide and name != "log1p"), x, dtype(0.5)))
    return found


def exact(name: str, operands: Sequence[np.ndarray]) -> list[Any]:
    function = FUNCTIONS[name]
    with mpmath.workdps(function.precision):
        return [
            function.exact(*map(mpmath.mpf, row))
            for row in zip(*(x.tolist() for x in operands), strict=True)
        ]


def worst(library: Any, name: str, operands: Sequence[np.ndarray], wanted: Sequence[Any]) -> float:
    """The largest error of a library's function (flambeau's or PyTorch's), in units in the last place."""
    function = library
    for part in name.split("."):
        function = getattr(function, part)
    got = function(*map(library.from_numpy, operands)).numpy()
    with mpmath.workdps(60):
        return ulps(got, wanted)


DENSE = {
    "exp": (-3, 3), "exp2": (-3, 3), "expm1": (-1, 1), "log": (0.5, 2), "log2": (0.5, 2),
    "log10": (0.5, 2), "log1p": (-0.5, 1), "sin": (-4, 4), "cos": (-4, 4), "tan": (-1.5, 1.5),
    "asin": (-1, 1), "acos": (-1, 1), "atan": (-2, 2), "sinh": (-2, 2), "cosh": (-2, 2),
    "tanh": (-1, 1), "asinh": (-2, 2), "acosh": (1, 3), "atanh": (-0.99, 0.99), "sqrt": (0, 2),
}  # fmt: skip
"""Functions that NumPy has in float64, and where they are sampled densely in float32."""
_NUMPY = {name: name.replace("a", "arc", 1) for name in DENSE if name.startswith("a")}


def densest(library: Any, name: str) -> float:
    """The largest error of a function of float32 on two stretches of neighbours and 200,000 floats spread evenly."""
    low, high = DENSE[name]
    first = [np.float32(low + (high - low) * part).view(np.int32) for part in (0.3, 0.71)]
    runs = [(start + np.arange(60_000, dtype=np.int32)).view(np.float32) for start in first]
    x = np.concatenate([*runs, np.linspace(low, high, 200_000, dtype=np.float32)])
    with np.errstate(all="ignore"):
        want = getattr(np, _NUMPY.get(name, name))(x.astype(np.float64))
    got = getattr(library, name)(library.from_numpy(x)).numpy().astype(np.float64)
    normal = np.abs(want) >= np.finfo(np.float32).tiny
    unit = 2.0 ** (np.frexp(want[normal])[1] - 24.0)
    error = np.abs(got[normal] - want[normal]) / unit
    return float(np.max(error[np.isfinite(error)]))
