"""The derivatives of the primitives, one rule each.

A rule takes the incoming gradient, the node's own value and its arguments, and gives what each
argument receives. For complex arguments it follows PyTorch's convention (the conjugate of the
derivative times g); `conj` of something real is that thing, so real formulas do not see it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .expression import Domain, Expression
from .primitive import (
    absolute,
    acos,
    acosh,
    add,
    all,
    amax,
    amin,
    angle,
    any,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    ceil,
    conj,
    copysign,
    cos,
    cosh,
    derivative,
    divide,
    equal,
    exp,
    exp2,
    expm1,
    floor,
    floor_divide,
    fmax,
    fmin,
    fmod,
    gcd,
    greater,
    greater_equal,
    heaviside,
    held,
    hypot,
    imag,
    integer_power,
    isfinite,
    isinf,
    isnan,
    lcm,
    left_shift,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    make_complex,
    maximum,
    minimum,
    multiply,
    negative,
    nextafter,
    not_equal,
    power,
    prod,
    real,
    reciprocal,
    remainder,
    right_shift,
    rint,
    rsqrt,
    sgn,
    sigmoid,
    sign,
    signbit,
    sin,
    sinh,
    sqrt,
    square,
    subtract,
    sum,
    tan,
    tanh,
    trunc,
    where,
)


def linear(*factors: object) -> Callable:
    """The rule of a function that is linear in each argument with constant factors."""

    def rule(g: Expression, out: Expression, *args: Expression) -> tuple:
        return tuple(None if factor is None else g * factor for factor in factors)

    return rule


def chain(slope: Callable[..., Expression]) -> Callable:
    """The rule of a function of one argument from its slope, given the output and the argument."""

    def rule(g: Expression, out: Expression, x: Expression) -> tuple:
        return (g * conj(slope(out, x)),)

    return rule


derivative(add)(linear(1, 1))
derivative(subtract)(linear(1, -1))
derivative(negative)(linear(-1))
derivative(sum)(linear(1))
derivative(held)(linear(None))
derivative(
    equal, not_equal, less, less_equal, greater, greater_equal, logical_and, logical_or, logical_xor
)(linear(None, None))
derivative(bitwise_and, bitwise_or, bitwise_xor, left_shift, right_shift, gcd, lcm)(
    linear(None, None)
)
derivative(isnan, isinf, isfinite, signbit, logical_not, bitwise_not, any, all)(linear(None))
derivative(floor, ceil, trunc, rint, sign)(linear(None))
derivative(floor_divide)(linear(None, None))
derivative(nextafter)(lambda g, out, x, y: (where(equal(x, y), 0, g), None))
derivative(heaviside, integer_power)(linear(None, None))
derivative(exp)(chain(lambda out, x: out))
derivative(exp2)(chain(lambda out, x: out * math.log(2)))
derivative(expm1)(chain(lambda out, x: out + 1))
derivative(log)(chain(lambda out, x: reciprocal(x)))
derivative(log2)(chain(lambda out, x: reciprocal(x * math.log(2))))
derivative(log10)(chain(lambda out, x: reciprocal(x * math.log(10))))
derivative(log1p)(chain(lambda out, x: reciprocal(x + 1)))
derivative(sin)(chain(lambda out, x: cos(x)))
derivative(cos)(chain(lambda out, x: -sin(x)))
derivative(tan)(chain(lambda out, x: 1 + square(out)))
derivative(asin)(chain(lambda out, x: rsqrt(1 - square(x))))
derivative(acos)(chain(lambda out, x: -rsqrt(1 - square(x))))
derivative(atan)(chain(lambda out, x: reciprocal(square(x) + 1)))
derivative(sinh)(chain(lambda out, x: cosh(x)))
derivative(cosh)(chain(lambda out, x: sinh(x)))
derivative(tanh)(chain(lambda out, x: 1 - square(out)))
derivative(asinh)(chain(lambda out, x: rsqrt(square(x) + 1)))
derivative(acosh)(
    chain(
        lambda out, x: (
            rsqrt(square(x) - 1) if x.domain < Domain.COMPLEX else rsqrt(x - 1) * rsqrt(x + 1)
        )
    )
)
derivative(atanh)(chain(lambda out, x: reciprocal(1 - square(x))))
derivative(reciprocal)(chain(lambda out, x: -square(out)))
derivative(square)(chain(lambda out, x: x * 2))
derivative(sqrt)(lambda g, out, x: (g / (conj(out) * 2),))
derivative(rsqrt)(chain(lambda out, x: out * out * out * -0.5))
derivative(sigmoid)(chain(lambda out, x: out * (1 - out)))
derivative(multiply)(lambda g, out, x, y: (g * conj(y), g * conj(x)))
derivative(divide)(lambda g, out, x, y: (g / conj(y), -g * conj(out / y)))
derivative(fmod)(lambda g, out, x, y: (g, -g * trunc(x / y)))
derivative(remainder)(lambda g, out, x, y: (g, -g * floor_divide(x, y)))
derivative(conj)(lambda g, out, x: (conj(g),))
derivative(real)(lambda g, out, x: (real(g),))
derivative(imag)(lambda g, out, x: (real(g) * 1j,))
derivative(make_complex)(lambda g, out, x, y: (real(g), imag(g)))
derivative(absolute)(lambda g, out, x: (real(g) * sgn(x),))
derivative(where)(lambda g, out, c, x, y: (None, where(c, g, 0), where(c, 0, g)))
derivative(atan2)(lambda g, out, x, y: (g * y / (x * x + y * y), -g * x / (x * x + y * y)))
derivative(hypot)(lambda g, out, x, y: (g * x / out, g * y / out))
derivative(copysign)(lambda g, out, x, y: (g * where(equal(x, 0), 0, sign(x * out)) * 1.0, None))
derivative(logaddexp)(lambda g, out, x, y: (g * exp(x - out), g * exp(y - out)))
derivative(logaddexp2)(lambda g, out, x, y: (g * exp2(x - out), g * exp2(y - out)))


@derivative(sgn)
def _(g: Expression, out: Expression, x: Expression) -> tuple:
    size = absolute(x)
    across = g - real(conj(out) * g) * out
    return (where(equal(size, 0), g * 0.0, across / where(equal(size, 0), 1, size)),)


@derivative(angle)
def _(g: Expression, out: Expression, x: Expression) -> tuple:
    if x.domain < Domain.COMPLEX:
        return (None,)
    size = square(real(x)) + square(imag(x))
    turned = real(g) * (x * 1j) / where(equal(size, 0), 1, size)
    return (where(equal(size, 0), g * 0.0, turned),)


@derivative(power)
def _(g: Expression, out: Expression, x: Expression, y: Expression) -> tuple:
    by_base = where(equal(y, 0), 0, conj(y * power(x, y - 1)))
    held_at_zero = logical_and(equal(x, 0), greater_equal(real(y), 0))
    return g * by_base, g * where(held_at_zero, 0, conj(out * log(x)))


def _larger(g: Expression, out: Expression, x: Expression, y: Expression) -> tuple:
    """max and min alike: whoever gave the value receives; at a tie each gets half."""
    half = where(equal(x, y), g * 0.5, g)
    return (where(equal(x, out), half, 0), where(equal(y, out), half, 0))


derivative(maximum, minimum)(_larger)


@derivative(fmax, fmin)
def _(g: Expression, out: Expression, x: Expression, y: Expression) -> tuple:
    first = equal(x, out)
    return where(first, g, 0), where(first, 0, g)


@derivative(amax, amin)
def _(g: Expression, out: Expression, x: Expression) -> tuple:
    chosen = where(equal(x, out), 1.0, 0.0)
    return (chosen * (g / sum(chosen)),)


@derivative(prod)
def _(g: Expression, out: Expression, x: Expression) -> tuple:
    """The product of the others: that of the nonzero ones, by division, times that of the zeros.

    The zeros' product is 0 or 1, but it is written with their sums so that it can be differentiated
    again: with one zero left it is their sum, with two (sum^2 - sum of squares) / 2.
    """
    zero = equal(x, 0)
    rest = prod(where(zero, 1, x)) / where(zero, 1, x)
    at_zero = where(zero, x, 0.0)
    count = sum(where(zero, 1.0, 0.0)) - where(zero, 1.0, 0.0)
    total = sum(at_zero) - at_zero
    pairs = (square(total) - (sum(square(at_zero)) - square(at_zero))) * 0.5
    of_zeros = where(
        equal(count, 0), 1.0, where(equal(count, 1), total, where(equal(count, 2), pairs, 0.0))
    )
    return (g * conj(rest * of_zeros),)
