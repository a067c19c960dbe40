"""a * b + c rounded once, on processors of x86 that have no instruction for it (before 2013, and some virtual machines).

There LLVM calls the C library's fma for each lane, which takes thirty times as long. Steps whose rounding does not matter
multiply and add (`Value.multiply_add`); the others are computed as here, in vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import processor

if TYPE_CHECKING:
    from .value import Value


def is_native() -> bool:
    """Has the processor that kernels are made for such an instruction?"""
    if processor.is_arm():
        return True
    from . import target  # it loads LLVM, for which the first kernel waits

    features = target.chosen()[1]
    return bool(features.get("fma") or features.get("fma4"))


def step(a: Value, b: Value, c: Value) -> Value:
    """a * b + c. For float32 the product is exact in float64."""
    if a.element == "float":
        return (a.convert("double") * b.convert("double") + c.convert("double")).convert("float")
    return _in_two_parts(a, b, c)


def _in_two_parts(a: Value, b: Value, c: Value) -> Value:
    """The product and the sum with what each loses, which is added last (Dekker 1971, Knuth's sum)."""
    product, product_lost = product_and_lost(a, b)
    total = product + c
    part = total - product
    lost = product_lost + ((product - (total - part)) + (c - part))
    size = lost.abs()
    # Beyond the range of numbers there is nothing to add; and adding 0 would make -0.0 positive.
    return ((size > 0.0) & (size < float("inf"))).select(total + lost, total)


def product_and_lost(a: Value, b: Value) -> tuple[Value, Value]:
    """A float64 product, and what its rounding lost: to 2^-104 of it, and exactly if a has no more than 52 digits."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    left = a_high * b_high - product
    return product, ((left + a_high * b_low) + a_low * b_high) + a_low * b_low


def _halves(x: Value) -> tuple[Value, Value]:
    """The upper 26 of 53 digits, and the lower. Cut off, not rounded: so no product of halves overflows first."""
    high = (x.bits() & -(1 << 27)).cast_bits("double")
    return high, x - high
