"""Huge arguments reduced by pi / 2, by those digits of 2 / pi that they need (Payne and Hanek, 1983)."""

from __future__ import annotations

import math
from itertools import pairwise

from ..llvm import Code, Function, Value, choose

HALF_PI = (math.pi / 2, 6.123233995736766e-17)
"""pi / 2 as a sum of two float64 numbers."""
REDUCE = Function("void", "reduce_huge", ("double", "ptr", "ptr", "ptr"))
_BITS = 1216  # of 2 / pi behind the point
_WORDS = _BITS // 64 + 5


def _two_over_pi() -> str:
    """The words of floor(2^1216 * 2 / pi), the lowest first, by Machin's formula for pi."""
    one = 1 << (_BITS + 128)

    def arctangent_of_inverse(n: int) -> int:
        term = total = one // n
        k, sign = 3, -1
        while term:
            term //= n * n
            total += sign * (term // k)
            k, sign = k + 2, -sign
        return total

    pi = 16 * arctangent_of_inverse(5) - 4 * arctangent_of_inverse(239)
    number = (2 * one << _BITS) // pi
    words = [number >> 64 * i & (1 << 64) - 1 for i in range(_WORDS)]
    return ", ".join(f"i64 {word}" for word in words)


def reduce_text(code: Code) -> str:
    """``void reduce_huge(double x, ptr k, ptr r, ptr t)`` for a finite |x| >= 2^30.

    x = k pi / 2 + r + t with |r| <= pi / 4, and k an integer that is right modulo 4. `code` is new, of one lane.
    """
    x = Value(code, "%x", "double")
    word = x.bits()
    is_negative = word < 0
    quarter, is_above, fraction = _turns(code, word)
    head, tail = _scaled(fraction, is_above ^ is_negative)
    first, second = HALF_PI
    angle = head * first
    rest = tail.fma(first, head.fma(second, head.fma(first, -angle)))
    for name, value in (("k", choose(is_negative, -quarter, quarter)), ("r", angle), ("t", rest)):
        code.store(value, Value(code, f"%{name}", "ptr"))
    code.give()
    text = code.function(
        "@reduce_huge(double %x, ptr %k, ptr %r, ptr %t)", "internal void", "noinline"
    )
    return f"@two_over_pi = internal constant [{_WORDS} x i64] [{_two_over_pi()}]\n{text}"


def _turns(code: Code, word: Value) -> tuple[Value, Value, Value]:
    """How many quarters of a turn |x| is, rounded; was it rounded up? what is left, in units of 2^-190.

    |x| = m 2^(exponent - 1075): a window of 192 bits of 2 / pi, which begins at 2^-(190 + exponent - 1075), is
    multiplied by m. Two bits stand before the point.
    """
    m = (word & ((1 << 52) - 1)) | (1 << 52)
    shift = (_BITS - 190 + 1075) - (word.down(52) & 2047)
    digits = Value(code, "@two_over_pi", "ptr")
    first, by = shift.down(6), shift & 63
    words = [code.load(code.at(digits, "i64", first + i), "i64") for i in range(4)]
    parts = [code.intrinsic("fshr", above, below, by) for below, above in pairwise(words)]
    low, middle, high = (part.widen("i192") for part in parts)
    window = (high << 128) | (middle << 64) | low
    turns = window * m.widen("i192")
    part = turns << 2
    is_above = part < 0
    quarter = turns.down(190).convert("i64") + is_above.widen("i64")
    return quarter, is_above, choose(is_above, -part, part)


def _scaled(fraction: Value, opposite: Value) -> tuple[Value, Value]:
    """A fraction of 192 bits as a sum of two float64 numbers."""
    code = fraction.code
    words = [fraction.down(shift).convert("i64") for shift in (128, 64, 0)]
    passed = words[0].like(0)
    for _ in range(2):  # words that are 0
        empty = words[0].equals(0)
        words = [choose(empty, y, x) for x, y in pairwise([*words, words[0].like(0)])]
        passed = passed + choose(empty, passed.like(64), 0)
    by = code.intrinsic("ctlz", words[0], code.constant(0, "i1"))
    zeros = passed + by
    top, middle = (code.intrinsic("fshl", x, y, by) for x, y in pairwise(words))
    head = _unsigned(top & -2048)
    tail = _unsigned((top << 53) | middle.down(11)) * 2.0**-53
    size = ((959 - zeros) << 52).cast_bits("double")
    scale = choose(opposite, -size, size)
    return head * scale, tail * scale


def _unsigned(number: Value) -> Value:
    return number.code.emit(f"uitofp i64 {number.name} to double", "double")
