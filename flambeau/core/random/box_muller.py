"""The normal transform of PyTorch's AVX2 float32 kernel, reproduced to the last bit.

PyTorch draws large float32 normals with Cephes' single-precision log, sine and cosine, compiled
so that most multiply-add pairs round once. A float64 holds the product of two float32 exactly,
so a fused step here is a float64 multiply and add followed by one rounding to float32.
"""

from __future__ import annotations

import numpy as np

PAIR = 8  # a group of 16 uniforms is 8 radii, then their 8 angles


def _single(x: float) -> float:
    return float(np.float32(x))


def _coefficients(*values: float) -> tuple[float, ...]:
    return tuple(_single(value) for value in values)


# Cephes, logf.c and sinf.c (Moshier).
_LOG = _coefficients(
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_LN2_LOW, _LN2_HIGH = _coefficients(-2.12194440e-4, 0.693359375)
_SQRT_HALF, _FOUR_OVER_PI, _TWO_PI = _coefficients(0.5**0.5, 1.27323954473516, 2 * np.pi)
_MINUS_PI_4 = _coefficients(-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
_COS = _coefficients(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_SIN = _coefficients(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
CONSTANTS = (
    ("LOG", _LOG), ("LN2_LOW", _LN2_LOW), ("LN2_HIGH", _LN2_HIGH), ("SQRT_HALF", _SQRT_HALF),
    ("FOUR_OVER_PI", _FOUR_OVER_PI), ("TWO_PI", _TWO_PI), ("MINUS_PI_4", _MINUS_PI_4),
    ("COS", _COS), ("SIN", _SIN),
)  # fmt: skip
"""All of them, for machine code that computes the same."""


def _rounded(x: np.ndarray) -> np.ndarray:
    """`x` with each value rounded to float32, in place."""
    x[...] = x.astype(np.float32)
    return x


def _product(x: np.ndarray, y: np.ndarray | float) -> np.ndarray:
    return _rounded(x * y)


def _fused(x: np.ndarray, y: np.ndarray | float, z: np.ndarray | float) -> np.ndarray:
    """x * y + z with one rounding to float32."""
    result = x * y
    result += z
    return _rounded(result)


def _polynomial(x: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    result = _fused(x, coefficients[0], coefficients[1])
    for coefficient in coefficients[2:]:
        result *= x
        result += coefficient
        _rounded(result)
    return result


def _log(x: np.ndarray) -> np.ndarray:
    mantissa, exponent = np.frexp(x)
    low = mantissa < _SQRT_HALF
    exponent = (exponent - low).astype(np.float64)
    mantissa += mantissa * low
    mantissa -= 1
    _rounded(mantissa)
    square = _product(mantissa, mantissa)
    tail = _product(_polynomial(mantissa, _LOG), mantissa)
    tail = _fused(tail, square, _product(exponent, _LN2_LOW))
    tail = _fused(square, -0.5, tail)
    mantissa += tail
    return _fused(exponent, _LN2_HIGH, _rounded(mantissa))


def _sin_cos(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    octant = (_product(angle, _FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    multiple = octant.astype(np.float64)
    for step in _MINUS_PI_4:
        angle = _fused(multiple, step, angle)
    square = _product(angle, angle)
    cosine = _product(_polynomial(square, _COS), square)
    cosine = _fused(cosine, square, square * -0.5)
    cosine += 1
    _rounded(cosine)
    sine = _fused(_product(_polynomial(square, _SIN), square), angle, angle)
    swapped = (octant & 2) != 0
    sine_sign = 1.0 - 0.5 * (octant & 4)
    cosine_sign = 1.0 - 0.5 * ((octant + 2) & 4)
    return (
        np.where(swapped, cosine, sine) * sine_sign,
        np.where(swapped, sine, cosine) * cosine_sign,
    )


def box_muller(uniform: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Normal float32 values from uniform ones, both in groups of 16, flat."""
    pairs = uniform.reshape(-1, 2, PAIR).astype(np.float64)
    radius = _log(1.0 - pairs[:, 0])
    radius *= -2.0
    np.sqrt(radius, out=radius)
    _rounded(radius)
    sine, cosine = _sin_cos(_product(pairs[:, 1], _TWO_PI))
    mean, std = _single(mean), _single(std)
    normal = np.empty(pairs.shape, np.float32)
    normal[:, 0] = _fused(_product(radius, cosine), std, mean)
    normal[:, 1] = _fused(_product(radius, sine), std, mean)
    return normal.reshape(-1)
