"""Floats by integers: what an instruction must give, rounded from the exact value."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

FORMATS = {
    "f2": (11, -24, 15),
    "f4": (24, -149, 127),
    "f8": (53, -1074, 1023),
    "bf16": (8, -133, 127),
}
"""Bits of the significand, the exponent of the smallest number, the largest exponent."""


def rounded(x: Fraction, format: str) -> float:
    """The nearest float of a format, of two the one with an even significand; infinite beyond the largest."""
    digits, least, most = FORMATS[format]
    if x == 0:
        return 0.0
    sign, x = (-1.0 if x < 0 else 1.0), abs(x)
    exponent = x.numerator.bit_length() - x.denominator.bit_length()
    if Fraction(2) ** exponent > x:
        exponent -= 1
    unit = Fraction(2) ** max(exponent - digits + 1, least)
    count = round(x / unit)  # Python rounds halves to even
    value = count * unit
    if value >= Fraction(2) ** (most + 1):
        return sign * float("inf")
    return sign * float(value)


def fma(a: float, b: float, c: float, format: str) -> float:
    """a * b + c, rounded once."""
    with np.errstate(all="ignore"):
        rough = np.float64(a) * np.float64(b) + np.float64(c)
    if np.isfinite(a) and np.isfinite(b) and np.isinf(c):
        return c
    if not all(map(np.isfinite, (a, b, c))):
        return float(rough)
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:  # its sign is what the sum of the parts has
        product = np.copysign(0.0, np.copysign(1, a) * np.copysign(1, b))
        return float(product + c) if a == 0 or b == 0 else 0.0
    return rounded(exact, format)
