"""Huge arguments reduced by pi / 2, by those digits of 2 / pi that they need (Payne and Hanek, 1983)."""

from __future__ import annotations

import math

from ..llvm import Code, Function, Value, choose

HALF_PI = (math.pi / 2, 6.123233995736766e-17)
"""pi / 2 as a sum of two float64 numbers."""
REDUCE = Function("void", "reduce_huge", ("double", "ptr", "ptr", "ptr"))
_BITS = 1216  # of 2 / pi behind the point
_BYTES = _BITS // 8 + 40


def _two_over_pi() -> str:
    """The bytes of floor(2^1216 * 2 / pi), the lowest first, by Machin's formula for pi."""
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
    return "".join(f"\\{byte:02X}" for byte in number.to_bytes(_BYTES, "little"))


def reduce_text(declarations: set[str]) -> str:
    """``void reduce_huge(double x, ptr k, ptr r, ptr t)`` for a finite |x| >= 2^30.

    x = k pi / 2 + r + t with |r| <= pi / 4, and k an integer that is right modulo 4.
    """
    code = Code(1, declarations)
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
    return f'@two_over_pi = internal constant [{_BYTES} x i8] c"{_two_over_pi()}"\n{text}'


def _turns(code: Code, word: Value) -> tuple[Value, Value, Value]:
    """How many quarters of a turn |x| is, rounded; was it rounded up? what is left, in units of 2^-190.

    |x| = m 2^(exponent - 1075): a window of 192 bits of 2 / pi, which begins at 2^-(190 + exponent - 1075), is
    multiplied by m. Two bits stand before the point.
    """
    m = (word & ((1 << 52) - 1)) | (1 << 52)
    shift = (_BITS - 190 + 1075) - (word.down(52) & 2047)
    digits = Value(code, "@two_over_pi", "ptr")
    place = code.at(digits, "i8", shift.down(3))
    bits = code.emit(f"load i256, ptr {place.name}, align 1", "i256")
    window = bits.down((shift & 7).widen("i256")).convert("i192")
    turns = window * m.widen("i192")
    part = turns << 2
    is_above = part < 0
    quarter = turns.down(190).convert("i64") + is_above.widen("i64")
    return quarter, is_above, choose(is_above, -part, part)


def _scaled(fraction: Value, opposite: Value) -> tuple[Value, Value]:
    """A fraction of 192 bits as a sum of two float64 numbers."""
    code = fraction.code
    zeros = code.intrinsic("ctlz", fraction, code.constant(0, "i1"))
    normal = fraction << zeros
    top, middle = normal.down(128).convert("i64"), normal.down(64).convert("i64")
    head = _unsigned(top & -2048)
    tail = _unsigned((top << 53) | middle.down(11)) * 2.0**-53
    size = ((959 - zeros.convert("i64")) << 52).cast_bits("double")
    scale = choose(opposite, -size, size)
    return head * scale, tail * scale


def _unsigned(number: Value) -> Value:
    return number.code.emit(f"uitofp i64 {number.name} to double", "double")
