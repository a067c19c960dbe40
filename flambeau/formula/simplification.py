"""Rules that make an expression simpler while it is built."""

from __future__ import annotations

from collections.abc import Callable

from .declaration import simplification
from .expression import CONSTANT, Domain, Expression, constant, is_constant, length, node
from .primitive import (
    add,
    conj,
    divide,
    held,
    imag,
    integer_power,
    multiply,
    negative,
    power,
    real,
    reciprocal,
    rsqrt,
    sgn,
    sign,
    sqrt,
    square,
    subtract,
    sum,
    where,
)


def _folds(function: Callable) -> Callable:
    """A rule that computes with Python when every argument is a constant."""

    def rule(*args: Expression) -> object:
        if len([arg for arg in args if arg.primitive is CONSTANT]) < len(args):
            return None
        return function(*(arg.value for arg in args))

    return rule


for _owner, _function in (
    (add, lambda a, b: a + b),
    (subtract, lambda a, b: a - b),
    (multiply, lambda a, b: a * b),
    (negative, lambda a: -a),
    (square, lambda a: a * a),
):
    simplification(_owner)(_folds(_function))


@simplification(add)
def _(x: Expression, y: Expression) -> Expression | None:
    if is_constant(x, 0):
        return y
    if is_constant(y, 0):
        return x
    if y.primitive is negative:
        return x - y.args[0]
    if x.primitive is negative:
        return y - x.args[0]
    return None


@simplification(subtract)
def _(x: Expression, y: Expression) -> Expression | None:
    if is_constant(y, 0):
        return x
    if is_constant(x, 0):
        return -y
    return x + y.args[0] if y.primitive is negative else None


@simplification(multiply)
def _(x: Expression, y: Expression) -> Expression | None:
    if is_constant(x) and not is_constant(y):
        x, y = y, x
        swapped: Expression | None = node(multiply, (x, y))
    else:
        swapped = None
    if (is_constant(y, 0) and x.domain < Domain.COMPLEX) or is_constant(y, 0):
        return constant(0)
    if is_constant(y, 1):
        return x
    if is_constant(y, -1):
        return -x
    if is_constant(y) and x.primitive is multiply and is_constant(x.args[1]):
        return x.args[0] * constant(x.args[1].value * y.value)  # type: ignore[operator]
    if x.primitive is negative:
        return -(x.args[0] * y)
    if y.primitive is negative:
        return -(x * y.args[0])
    if y.primitive is reciprocal:
        return x / y.args[0]
    if x is y:
        return square(x)
    return swapped


@simplification(divide)
def _(x: Expression, y: Expression) -> Expression | None:
    if is_constant(x, 0):
        return constant(0)
    if is_constant(y, 1):
        return x
    if x.primitive is negative:
        return -(x.args[0] / y)
    if is_constant(y) and isinstance(y.value, (int, float)) and y.value in (2, 4, 8, 0.5):
        return x * (1 / y.value)  # exact: a power of two
    return None


@simplification(negative)
def _(x: Expression) -> Expression | None:
    if x.primitive is negative:
        return x.args[0]
    return x.args[1] - x.args[0] if x.primitive is subtract else None


@simplification(conj)
def _(x: Expression) -> Expression | None:
    if x.domain < Domain.COMPLEX:
        return x
    return x.args[0] if x.primitive is conj else None


@simplification(real)
def _(x: Expression) -> Expression | None:
    return x if x.domain < Domain.COMPLEX else None


@simplification(imag)
def _(x: Expression) -> Expression | None:
    return x * 0 if x.domain < Domain.COMPLEX else None


@simplification(where)
def _(c: Expression, x: Expression, y: Expression) -> Expression | None:
    return x if x is y else None


@simplification(sum)
def _(x: Expression) -> Expression | None:
    return None if x.full else x * length()


@simplification(power)
def _(x: Expression, y: Expression) -> Expression | None:
    """Integers, and exponents that cheaper primitives compute."""
    if max(x.domain, y.domain) < Domain.REAL:
        return integer_power(x, y)
    if not is_constant(y) or x.domain < Domain.REAL:
        return None
    cheap = {
        1: lambda: x,
        2: lambda: square(x),
        3: lambda: square(x) * x,
        0.5: lambda: sqrt(x),
        -1: lambda: reciprocal(x),
        -0.5: lambda: rsqrt(x),
        -2: lambda: square(reciprocal(x)),  # whose slope is right at 0 and where x^2 overflows
    }
    make = cheap.get(y.value)  # type: ignore[arg-type,call-overload]
    return make() if make else None


@simplification(held)
def _(x: Expression) -> Expression | None:
    return x if x.primitive is held else None


@simplification(sgn)
def _(x: Expression) -> Expression | None:
    return sign(x) if x.domain < Domain.COMPLEX else None
