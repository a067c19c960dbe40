"""Special functions by mpmath, at some of the places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from flambeau.formula.dimensions import broadcast_shapes

PLACES = 6


class Sampled(NamedTuple):
    """A result at some places of the flattened array."""

    places: np.ndarray
    values: np.ndarray


def by_mpmath(function: Callable) -> Callable:
    """A reference that asks mpmath at a few places; where a number is not finite it does not ask."""

    def reference(*arrays: Any) -> Sampled:
        import mpmath

        shape = broadcast_shapes(*(np.shape(a) for a in arrays)) if len(arrays) > 1 else None
        wide = [a if shape is None else np.broadcast_to(a, shape) for a in map(np.asarray, arrays)]
        flat = [a.ravel() for a in wide]
        fit = np.flatnonzero(np.all([np.isfinite(a) & (np.abs(a) < 60) for a in flat], axis=0))
        places = fit[:: max(1, len(fit) // PLACES)][:PLACES]
        values = []
        with mpmath.workdps(60):
            for i in places:
                values.append(_number(mpmath, function, [a[i].item() for a in flat]))
        known = [i for i, v in enumerate(values) if v is not None]
        return Sampled(places[known], np.array([values[i] for i in known], dtype=float))

    return reference


def _number(mpmath: Any, function: Callable, args: list) -> float | None:
    try:
        value = function(mpmath, *(mpmath.mpf(a) for a in args))
        return None if isinstance(value, mpmath.mpc) else float(value)
    except (ValueError, ZeroDivisionError, TypeError, OverflowError, mpmath.libmp.NoConvergence):
        return None


def real(value: Any) -> Any:
    return value.real


def ndtri(mp: Any, x: Any) -> Any:
    return mp.sqrt(2) * mp.erfinv(2 * x - 1)


def log_ndtr(mp: Any, x: Any) -> Any:
    return mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)


def shifted(polynomial: str) -> Callable:
    return lambda mp, x, n: CHEBYSHEV[polynomial](mp, 2 * x - 1, n)


def chebyshev_v(mp: Any, x: Any, n: Any) -> Any:
    n = int(n)
    return mp.chebyu(n, x) - (mp.chebyu(n - 1, x) if n else 0)


def chebyshev_w(mp: Any, x: Any, n: Any) -> Any:
    n = int(n)
    return mp.chebyu(n, x) + (mp.chebyu(n - 1, x) if n else 0)


def he(mp: Any, x: Any, n: Any) -> Any:
    return mp.hermite(int(n), x / mp.sqrt(2)) * mp.mpf(2) ** (-mp.mpf(int(n)) / 2)


CHEBYSHEV: dict[str, Callable] = {
    "t": lambda mp, x, n: mp.chebyt(int(n), x),
    "u": lambda mp, x, n: mp.chebyu(int(n), x),
    "v": chebyshev_v,
    "w": chebyshev_w,
}
S = "special."
FUNCTIONS: dict[str, Callable] = {
    "erf": lambda mp, x: mp.erf(x), "erfc": lambda mp, x: mp.erfc(x), "erfinv": lambda mp, x: mp.erfinv(x),
    f"{S}erfcx": lambda mp, x: mp.exp(x * x) * mp.erfc(x), "lgamma": lambda mp, x: mp.log(abs(mp.gamma(x))),
    "digamma": lambda mp, x: mp.digamma(x), "polygamma": None, "i0": lambda mp, x: mp.besseli(0, x),
    f"{S}i0e": lambda mp, x: mp.besseli(0, x) * mp.exp(-abs(x)), f"{S}i1": lambda mp, x: mp.besseli(1, x),
    f"{S}i1e": lambda mp, x: mp.besseli(1, x) * mp.exp(-abs(x)),
    f"{S}modified_bessel_i0": lambda mp, x: mp.besseli(0, x),
    f"{S}modified_bessel_i1": lambda mp, x: mp.besseli(1, x),
    f"{S}modified_bessel_k0": lambda mp, x: mp.besselk(0, x),
    f"{S}modified_bessel_k1": lambda mp, x: mp.besselk(1, x),
    f"{S}scaled_modified_bessel_k0": lambda mp, x: mp.besselk(0, x) * mp.exp(x),
    f"{S}scaled_modified_bessel_k1": lambda mp, x: mp.besselk(1, x) * mp.exp(x),
    f"{S}bessel_j0": lambda mp, x: mp.besselj(0, x), f"{S}bessel_j1": lambda mp, x: mp.besselj(1, x),
    f"{S}bessel_y0": lambda mp, x: mp.bessely(0, x), f"{S}bessel_y1": lambda mp, x: mp.bessely(1, x),
    f"{S}airy_ai": lambda mp, x: mp.airyai(x), f"{S}spherical_bessel_j0": lambda mp, x: mp.sin(x) / x if x else 1,
    f"{S}ndtr": lambda mp, x: mp.erfc(-x / mp.sqrt(2)) / 2, f"{S}ndtri": ndtri, f"{S}log_ndtr": log_ndtr,
    f"{S}zeta": lambda mp, x, q: mp.zeta(x, q) if x > 1 and q > 0 else None,
    "igamma": lambda mp, a, x: mp.gammainc(a, 0, x, regularized=True) if a > 0 and x >= 0 else None,
    "igammac": lambda mp, a, x: mp.gammainc(a, x, mp.inf, regularized=True) if a > 0 and x >= 0 else None,
    f"{S}hermite_polynomial_h": lambda mp, x, n: mp.hermite(int(n), x),
    f"{S}hermite_polynomial_he": he,
    f"{S}laguerre_polynomial_l": lambda mp, x, n: mp.laguerre(int(n), 0, x),
    f"{S}legendre_polynomial_p": lambda mp, x, n: mp.legendre(int(n), x),
    **{f"{S}chebyshev_polynomial_{k}": f for k, f in CHEBYSHEV.items()},
    **{f"{S}shifted_chebyshev_polynomial_{k}": shifted(k) for k in CHEBYSHEV},
}  # fmt: skip
REFERENCES = {name: by_mpmath(f) for name, f in FUNCTIONS.items() if f is not None}
REFERENCES["polygamma"] = lambda n, x: by_mpmath(
    lambda mp, value: mp.psi(int(n), value) if value > 0 or not n else None
)(x)
REFERENCES["nn.functional.gelu"] = lambda x, approximate="none": (
    by_mpmath(lambda mp, v: v * mp.erfc(-v / mp.sqrt(2)) / 2)(x)
    if approximate == "none"
    else 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
)
