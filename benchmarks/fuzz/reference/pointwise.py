"""Functions of single elements that NumPy has, or that are one line of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def round_(x: Any, *, decimals: int = 0) -> Any:
    if x.dtype.kind in "iub":
        return x
    return np.rint(x * 10.0**decimals) / 10.0**decimals if decimals else np.rint(x)


def div(x: Any, y: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode is None:
        return np.true_divide(x, y)
    return floor_divide(x, y) if rounding_mode == "floor" else np.trunc(np.true_divide(x, y))


def floor_divide(x: Any, y: Any) -> Any:
    return np.floor_divide(x, y)


def clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    x = x if min is None else np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


def nan_to_num(x: Any, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Any:
    if x.dtype.kind in "iub":
        return x
    if posinf is None or neginf is None:
        return None  # the extremes of the dtype, which is not known here
    y = np.where(np.isnan(x), 0.0 if nan is None else nan, x)
    return np.where(x == np.inf, posinf, np.where(x == -np.inf, neginf, y))


def sigmoid(x: Any) -> Any:
    if np.iscomplexobj(x):
        return 1 / (1 + np.exp(-x))
    e = np.exp(-np.abs(x.astype(float)))
    return np.where(x >= 0, 1 / (1 + e), np.where(np.isnan(x), np.nan, e / (1 + e)))


def softplus(x: Any, beta: float = 1, threshold: float = 20) -> Any:
    return np.where(x * beta > threshold, x, np.logaddexp(0, x * beta) / beta)


def elu(x: Any, alpha: float = 1.0, scale: float = 1.0, rate: float = 1.0) -> Any:
    return np.where(x > 0, scale * x, scale * alpha * np.expm1(np.minimum(x, 0) * rate))


SELU = {"alpha": 1.6732632423543772, "scale": 1.0507009873554805}


def gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return None


def lerp(x: Any, end: Any, weight: Any) -> Any:
    return x + weight * (end - x)


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    return clamp(x, min_val, max_val)


def sgn(x: Any) -> Any:
    if not np.iscomplexobj(x):
        return np.where(np.isnan(x), 0, np.sign(x))
    return np.where(x == 0, 0, x / np.where(x == 0, 1, np.abs(x)))


def angle(x: Any) -> Any:
    if np.iscomplexobj(x):
        return np.angle(x)
    return np.where(x < 0, np.pi, np.where(np.isnan(x), np.nan, 0.0))


def silu(x: Any) -> Any:
    if np.iscomplexobj(x):
        return x * sigmoid(x) if np.isfinite(x).all() and np.abs(x).max(initial=0) < 700 else None
    return np.where(x == -np.inf, 0, x * sigmoid(x))


def softsign(x: Any) -> Any:
    return np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x)))


def heaviside(x: Any, y: Any) -> Any:
    return np.where(x == 0, y, np.where(np.isnan(x), x, x > 0))


def logit(x: Any, eps: float | None = None) -> Any:
    if eps is not None:
        x = np.where(x < eps, eps, np.where(x > 1 - eps, 1 - eps, x))
    return np.log(x) - np.log1p(-x)


def pow_(x: Any, y: Any) -> Any:
    return np.power(x, y)


def isclose(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    return np.isclose(x, y, rtol, atol, equal_nan)


def xlogy(x: Any, y: Any) -> Any:
    return np.where((x == 0) & ~np.isnan(y), 0.0, x * np.log(y))


def xlog1py(x: Any, y: Any) -> Any:
    return np.where((x == 0) & ~np.isnan(y), 0.0, x * np.log1p(y))


def entr(x: Any) -> Any:
    return np.where(x < 0, -np.inf, np.where(x == 0, 0.0, -x * np.log(x)))


def softshrink(x: Any, lambd: float = 0.5) -> Any:
    return np.where(x > lambd, x - lambd, np.where(x < -lambd, x + lambd, x * 0))


def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    return np.where((x >= -lambd) & (x <= lambd), 0, x)


def _names(*names: str) -> str:
    return " ".join(names)


F = "nn.functional."
REFERENCES: dict[str, Callable[..., Any]] = {
    "abs absolute": np.abs, "acos arccos": np.arccos, "asin arcsin": np.arcsin,
    "atan arctan": np.arctan, "acosh arccosh": np.arccosh, "asinh arcsinh": np.arcsinh,
    "atanh arctanh": np.arctanh, "cos": np.cos, "sin": np.sin, "tan": np.tan, "cosh": np.cosh,
    "sinh": np.sinh, "tanh": np.tanh, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x), "square": lambda x: x * x, "reciprocal": lambda x: 1 / x,
    "neg negative": np.negative, "positive": lambda x: x, "ceil": np.ceil, "floor": np.floor,
    "trunc fix": np.trunc, "frac": lambda x: x - np.trunc(x), "round special.round": round_,
    "sign": sgn, "sgn": sgn, "signbit": np.signbit, "isnan": np.isnan, "isinf": np.isinf,
    "isfinite": np.isfinite, "isposinf": np.isposinf, "isneginf": np.isneginf,
    "isreal": np.isreal, "deg2rad": np.deg2rad, "rad2deg": np.rad2deg,
    "conj conj_physical": np.conj, "resolve_conj resolve_neg": lambda x: x, "angle": angle,
    "logical_not": np.logical_not, "bitwise_not": np.invert, "sigmoid": sigmoid,
    "logit special.logit": logit, "nan_to_num": nan_to_num, "sinc": np.sinc,
    "add": lambda x, y, *, alpha=1: x + y * alpha, "sub subtract": lambda x, y, *, alpha=1: x - y * alpha,
    "rsub": lambda x, y, *, alpha=1: y - x * alpha, "mul multiply": np.multiply,
    "div divide": div, "true_divide": np.true_divide, "floor_divide": floor_divide,
    "remainder": np.remainder, "fmod": np.fmod, "pow": pow_, "float_power": np.float_power,
    "atan2 arctan2": np.arctan2, "hypot": np.hypot, "copysign": np.copysign,
    "maximum": np.maximum, "minimum": np.minimum, "fmax": np.fmax, "fmin": np.fmin,
    "logaddexp": np.logaddexp, "logaddexp2": np.logaddexp2, "heaviside": heaviside,
    "ldexp": lambda x, y: x * np.exp2(y),
    "gcd": np.gcd, "lcm": lambda x, y: np.abs(np.lcm(x, y)), "eq": np.equal, "ne not_equal": np.not_equal,
    "lt less": np.less, "le less_equal": np.less_equal, "gt greater": np.greater,
    "ge greater_equal": np.greater_equal, "logical_and": np.logical_and,
    "logical_or": np.logical_or, "logical_xor": np.logical_xor, "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "clamp clip": clamp, "clamp_min": np.maximum, "clamp_max": np.minimum, "lerp": lerp,
    "addcmul": lambda x, a, b, *, value=1: x + value * a * b,
    "addcdiv": lambda x, a, b, *, value=1: x + value * a / b,
    "where": np.where, "isclose": isclose, "xlogy special.xlogy": xlogy, "special.xlog1py": xlog1py,
    "special.entr": entr, f"relu {F}relu": lambda x: clamp(x, 0), f"{F}relu6": lambda x: clamp(x, 0, 6),
    f"{F}hardtanh": hardtanh, f"{F}hardsigmoid": lambda x: clamp(x / 6 + 0.5, 0, 1),
    f"{F}hardswish": lambda x: x * clamp(x / 6 + 0.5, 0, 1), f"{F}silu": silu,
    f"{F}mish": lambda x: x * np.tanh(np.logaddexp(0, x)), f"{F}softsign": softsign,
    f"{F}tanhshrink": lambda x: x - np.tanh(x), f"{F}logsigmoid": lambda x: -np.logaddexp(0, -x),
    f"{F}softplus": softplus, f"{F}elu": elu, f"selu {F}selu": lambda x: elu(x, **SELU),
    f"celu {F}celu": lambda x, alpha=1.0: elu(x, alpha, rate=1 / alpha),
    f"{F}leaky_relu": lambda x, negative_slope=0.01: np.where(x > 0, x, x * negative_slope),
    f"{F}threshold threshold": lambda x, threshold, value: np.where(x <= threshold, value, x),
    f"{F}softshrink": softshrink, f"hardshrink {F}hardshrink": hardshrink, f"{F}gelu": gelu,
    "complex": lambda a, b: a + 1j * b, "polar": lambda r, a: r * np.cos(a) + 1j * r * np.sin(a),
}  # fmt: skip
