"""Small discrete Fourier transforms as straight code on vectors, each lane a transform of its own.

A complex number is a pair of vectors. All are forward: y[m] = sum of x[j] exp(-2 pi i j m / p).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..llvm import Value

Complex = tuple[Value, Value]

RADICES = (8, 4, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31)
"""Sizes that have code, in the order in which they are divided off."""


def butterfly(x: Sequence[Complex]) -> list[Complex]:
    """The transform of a few numbers."""
    if len(x) == 2:
        return [_sum(x[0], x[1]), _difference(x[0], x[1])]
    if len(x) == 4:
        return _four(x)
    if len(x) == 8:
        return _eight(x)
    return _odd(x)


def product(x: Complex, w: Complex) -> Complex:
    """x w."""
    real = x[0].multiply_add(w[0], -(x[1] * w[1]))
    return real, x[0].multiply_add(w[1], x[1] * w[0])


def _sum(x: Complex, y: Complex) -> Complex:
    return x[0] + y[0], x[1] + y[1]


def _difference(x: Complex, y: Complex) -> Complex:
    return x[0] - y[0], x[1] - y[1]


def _turned(x: Complex) -> Complex:
    """-i x."""
    return x[1], -x[0]


def _four(x: Sequence[Complex]) -> list[Complex]:
    a, b = _sum(x[0], x[2]), _difference(x[0], x[2])
    c, d = _sum(x[1], x[3]), _difference(x[1], x[3])
    return [
        _sum(a, c), (b[0] + d[1], b[1] - d[0]),
        _difference(a, c), (b[0] - d[1], b[1] + d[0]),
    ]  # fmt: skip


def _eight(x: Sequence[Complex]) -> list[Complex]:
    even, odd = _four(x[::2]), _four(x[1::2])
    half = math.sqrt(0.5)
    a, b = odd[1], odd[3]
    turned = [
        odd[0],
        ((a[0] + a[1]) * half, (a[1] - a[0]) * half),
        _turned(odd[2]),
        ((b[1] - b[0]) * half, (b[0] + b[1]) * -half),
    ]
    return [
        *(_sum(u, v) for u, v in zip(even, turned)),
        *(_difference(u, v) for u, v in zip(even, turned)),
    ]


def _odd(x: Sequence[Complex]) -> list[Complex]:
    """Of an odd number: x[j] and x[p - j] meet the same cosines, and opposite sines."""
    p, half = len(x), len(x) // 2 + 1
    sums = [_sum(x[j], x[p - j]) for j in range(1, half)]
    gaps = [_difference(x[j], x[p - j]) for j in range(1, half)]
    first = x[0]
    for term in sums:
        first = _sum(first, term)
    found: list[Complex] = [first] * p
    for m in range(1, half):
        real, imag = x[0]
        across, along = None, None
        for j, (s, g) in enumerate(zip(sums, gaps), 1):
            angle = 2 * math.pi * (j * m % p) / p
            cosine, sine = math.cos(angle), math.sin(angle)
            real, imag = s[0].multiply_add(cosine, real), s[1].multiply_add(cosine, imag)
            across = g[1] * sine if across is None else g[1].multiply_add(sine, across)
            along = g[0] * sine if along is None else g[0].multiply_add(sine, along)
        assert across is not None
        assert along is not None
        found[m] = real + across, imag - along
        found[p - m] = real - across, imag + along
    return found
