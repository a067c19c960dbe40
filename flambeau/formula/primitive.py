"""The primitive functions, each with its array function and its derivative, and Python's operators.

A derivative rule takes the incoming gradient, the node's own value and its arguments, and gives what each
argument receives. For complex arguments it follows PyTorch's convention (the conjugate of the
derivative times g); `conj` of something real is that thing, so real formulas do not see it.

What is simplified while an expression is built is in `simplification`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from . import numeric
from .declaration import (
    boolean,
    chosen,
    derivative,
    expanded,
    flat,
    floating,
    linear,
    number,
    pair,
    primitive,
    real_part,
    widest,
)
from .expression import Domain, Expression, Primitive, length, lift

# Derivatives name these before they are declared, so that readers of types must be told what they are.
conj: Primitive
cos: Primitive
cosh: Primitive
equal: Primitive
exp2: Primitive
hypot: Primitive
isinf: Primitive
less: Primitive
ldexp: Primitive
real: Primitive
sign: Primitive
square: Primitive
trunc: Primitive
where: Primitive

# --------------------------------------------------------------------------------- arithmetic

add = primitive("add", domain=widest, bools=True, infix="+", derivative=linear(1, 1))
subtract = primitive("subtract", domain=number, infix="-", derivative=linear(1, -1))
multiply = primitive(
    "multiply",
    domain=widest,
    bools=True,
    infix="*",
    derivative=lambda g, out, x, y: (g * conj(y), g * conj(x)),
)
divide = primitive(
    "divide",
    "true_divide",
    infix="/",
    derivative=lambda g, out, x, y: (g / conj(y), -g * conj(out / y)),
)
negative = primitive("negative", domain=number, quiet=True, derivative=linear(-1))
reciprocal = primitive("reciprocal", slope=lambda out, x: -square(out))
power = primitive("power", domain=number, costly=True, infix="**")
integer_power = primitive("integer_power", numeric.integer_power, domain=number, derivative=flat)
square = primitive("square", domain=number, slope=lambda out, x: x * 2)
sqrt = primitive("sqrt", derivative=lambda g, out, x: (g / (conj(out) * 2),))
floor_divide = primitive("floor_divide", domain=number, derivative=flat)
remainder = primitive(
    "remainder", domain=number, derivative=lambda g, out, x, y: (g, -g * floor_divide(x, y))
)
fmod = primitive("fmod", domain=number, derivative=lambda g, out, x, y: (g, -g * trunc(x / y)))
ldexp = primitive(
    "ldexp",
    numeric.ldexp,
    costly=True,
    writes=False,
    derivative=lambda g, out, x, y: (ldexp(g, conj(y)), g * conj(out) * math.log(2)),
)
gcd = primitive("gcd", domain=number, quiet=True, derivative=flat)
lcm = primitive("lcm", domain=number, quiet=True, derivative=flat)


@derivative(power)
def _(g: Expression, out: Expression, x: Expression, y: Expression) -> tuple:
    by_base = where(equal(y, 0), 0, conj(y * power(x, y - 1)))
    held_at_zero = logical_and(equal(x, 0), greater_equal(real(y), 0))
    root = power(x, y * 0.5)  # the power itself may overflow where its product with log(x) does not
    return g * by_base, g * where(held_at_zero, 0, conj(root * (root * log(x))))


# -------------------------------------------------------------------- exponential and its kin

exp = primitive("exp", costly=True, slope=lambda out, x: out)
exp2 = primitive(
    "exp2",
    costly=True,
    slope=lambda out, x: exp2(x - 1) * (2 * math.log(2)),  # finite up to 1024.5, which 2^x is not
)
expm1 = primitive("expm1", costly=True, slope=lambda out, x: exp(x))
log = primitive("log", costly=True, slope=lambda out, x: reciprocal(x))
log2 = primitive("log2", slope=lambda out, x: (1 / math.log(2)) / x)
log10 = primitive("log10", slope=lambda out, x: (1 / math.log(10)) / x)
log1p = primitive("log1p", costly=True, slope=lambda out, x: reciprocal(x + 1))


def _shares(g: Expression, difference: Expression) -> tuple:
    """The gradient of two powers' sum's logarithm: not from the sum, whose rounding error exp would magnify."""
    return g * conj(sigmoid(difference)), g * conj(sigmoid(-difference))


def _difference(x: Expression, y: Expression) -> Expression:
    """x - y, and 0 of equal infinities."""
    return where(logical_and(equal(x, y), isinf(real(x))), 0.0, x - y)


logaddexp = primitive(
    "logaddexp", numeric.logaddexp, derivative=lambda g, out, x, y: _shares(g, _difference(x, y))
)
logaddexp2 = primitive(
    "logaddexp2", derivative=lambda g, out, x, y: _shares(g, _difference(x, y) * math.log(2))
)

# ------------------------------------------------------------- circular, hyperbolic functions

sin = primitive("sin", costly=True, slope=lambda out, x: cos(x))
cos = primitive("cos", costly=True, slope=lambda out, x: -sin(x))
tan = primitive("tan", slope=lambda out, x: 1 + square(out))
asin = primitive("asin", "arcsin", slope=lambda out, x: rsqrt(1 - square(x)))
acos = primitive("acos", "arccos", slope=lambda out, x: -rsqrt(1 - square(x)))
atan = primitive("atan", "arctan", slope=lambda out, x: reciprocal(square(x) + 1))
atan2 = primitive("atan2", "arctan2")
sinh = primitive("sinh", slope=lambda out, x: cosh(x))
cosh = primitive("cosh", slope=lambda out, x: sinh(x))
tanh = primitive("tanh", costly=True, slope=lambda out, x: 1 - square(out))
asinh = primitive(
    "asinh",
    "arcsinh",
    slope=lambda out, x: (
        reciprocal(hypot(x, 1.0)) if x.domain < Domain.COMPLEX else rsqrt(square(x) + 1)
    ),
)
acosh = primitive("acosh", "arccosh", slope=lambda out, x: rsqrt(x - 1) * rsqrt(x + 1))
atanh = primitive("atanh", "arctanh", slope=lambda out, x: reciprocal(1 - square(x)))
hypot = primitive("hypot", derivative=lambda g, out, x, y: (g * _share(x, out), g * _share(y, out)))


def _nonzero(size: Expression) -> Expression:
    return where(equal(size, 0), 1, size)


def _share(x: Expression, size: Expression) -> Expression:
    """x / size for |x| <= size: 0 where both are, 1 or -1 of what is infinite."""
    return where(isinf(x), sign(x), x / _nonzero(size))


@derivative(atan2)
def _(g: Expression, out: Expression, x: Expression, y: Expression) -> tuple:
    size = hypot(x, y)
    return g * (_share(y, size) / _nonzero(size)), -g * (_share(x, size) / _nonzero(size))


# ------------------------------------------------------------------ signs, steps and extremes

sign = primitive("sign", numeric.sign, domain=number, quiet=True, derivative=flat)
absolute = primitive(
    "absolute",
    domain=real_part,
    quiet=True,
    derivative=lambda g, out, x: (real(g) * sgn(x),),
)
copysign = primitive(
    "copysign",
    derivative=lambda g, out, x, y: (g * (sign(x) * sign(out)), None),
)
nextafter = primitive("nextafter", derivative=lambda g, out, x, y: (where(equal(x, y), 0, g), None))
heaviside = primitive("heaviside", domain=number, quiet=True, derivative=flat)
floor, ceil, trunc, rint = (
    primitive(name, domain=number, quiet=True, derivative=flat)
    for name in ("floor", "ceil", "trunc", "rint")
)


def _larger(g: Expression, out: Expression, x: Expression, y: Expression) -> tuple:
    """Who is not less receives: at a tie each gets half, beside a nan both get all (PyTorch's convention)."""
    half = where(equal(x, y), g * 0.5, g)
    return where(less(x, y), 0, half), where(less(y, x), 0, half)


def _smaller(g: Expression, out: Expression, x: Expression, y: Expression) -> tuple:
    return _larger(g, out, x, y)[::-1]


def _larger_number(g: Expression, out: Expression, x: Expression, y: Expression) -> tuple:
    """fmax and fmin: at a tie, and of two nans, the first receives all."""
    first = logical_or(equal(x, out), isnan(out))
    return where(first, g, 0), where(first, 0, g)


maximum = primitive("maximum", domain=widest, quiet=True, derivative=_larger)
minimum = primitive("minimum", domain=widest, quiet=True, derivative=_smaller)
at_least = primitive(
    "at_least",
    "maximum",
    domain=widest,
    quiet=True,
    derivative=lambda g, out, x, low: (where(x >= low, g, 0), where(x < low, g, 0)),
)
at_most = primitive(
    "at_most",
    "minimum",
    domain=widest,
    quiet=True,
    derivative=lambda g, out, x, high: (where(x <= high, g, 0), where(x > high, g, 0)),
)
fmax = primitive("fmax", domain=widest, quiet=True, derivative=_larger_number)
fmin = primitive("fmin", domain=widest, quiet=True, derivative=_larger_number)

# --------------------------------------------------------------------- questions, bools, bits


def _question(name: str, infix: str = "", bools: bool = False) -> Primitive:
    return primitive(name, domain=boolean, quiet=True, derivative=flat, infix=infix, bools=bools)


def _of_bits(name: str, value: str | None = None, infix: str = "", bools: bool = True) -> Primitive:
    return primitive(
        name, value, domain=widest, quiet=True, derivative=flat, infix=infix, bools=bools
    )


equal, not_equal = _question("equal", "==", True), _question("not_equal", "!=", True)
less, less_equal = _question("less", "<"), _question("less_equal", "<=")
greater, greater_equal = _question("greater", ">"), _question("greater_equal", ">=")
isnan, isinf, isfinite, signbit = (
    _question(name) for name in ("isnan", "isinf", "isfinite", "signbit")
)
logical_and, logical_or, logical_xor, logical_not = (
    _question(name, bools=True)
    for name in ("logical_and", "logical_or", "logical_xor", "logical_not")
)
bitwise_and, bitwise_or = _of_bits("bitwise_and", infix="&"), _of_bits("bitwise_or", infix="|")
bitwise_xor, bitwise_not = _of_bits("bitwise_xor", infix="^"), _of_bits("bitwise_not", "invert")
left_shift = _of_bits("left_shift", bools=False)
right_shift = _of_bits("right_shift", bools=False)
where = primitive(
    "where",
    domain=chosen,
    bools=True,
    quiet=True,
    writes=False,
    derivative=lambda g, out, c, x, y: (None, where(c, g, 0), where(c, 0, g)),
)
usually = primitive(
    "usually",
    "where",
    domain=chosen,
    bools=True,
    quiet=True,
    writes=False,
    derivative=lambda g, out, c, x, y: (None, None, g),
)
in_range = primitive(
    "in_range", numeric.in_range, domain=boolean, quiet=True, writes=False, derivative=flat
)
flushed = primitive("flushed", numeric.flushed, quiet=True, writes=False, derivative=linear(1))
unit_scale = primitive("unit_scale", numeric.unit_scale, quiet=True, writes=False, derivative=flat)
held = primitive("held", "positive", domain=widest, bools=True, quiet=True, derivative=flat)

# ---------------------------------------------------------------------------- complex numbers

conj = primitive(
    "conj",
    "conjugate",
    domain=widest,
    bools=True,
    quiet=True,
    derivative=lambda g, out, x: (conj(g),),
)
real = primitive(
    "real",
    domain=real_part,
    bools=True,
    quiet=True,
    writes=False,
    derivative=lambda g, out, x: (real(g),),
)
imag = primitive(
    "imag",
    domain=real_part,
    quiet=True,
    writes=False,
    derivative=lambda g, out, x: (real(g) * 1j,),
)
angle = primitive("angle", domain=real_part, quiet=True, writes=False)
make_complex = primitive(
    "make_complex",
    domain=pair,
    quiet=True,
    writes=False,
    derivative=lambda g, out, x, y: (real(g), imag(g)),
)


@derivative(angle)
def _(g: Expression, out: Expression, x: Expression) -> tuple:
    if x.domain < Domain.COMPLEX:
        return (None,)
    size = square(real(x)) + square(imag(x))
    turned = real(g) * (x * 1j) / where(equal(size, 0), 1, size)
    return (where(equal(size, 0), g * 0.0, turned),)


# ---------------------------------------------------------------------------- rows to a value


def _extreme(g: Expression, out: Expression, x: Expression) -> tuple:
    """amax and amin: all that gave the value share alike."""
    at_it = where(equal(x, out), 1.0, 0.0)
    return (at_it * (g / sum(at_it)),)


sum = primitive(
    "sum", numeric.row_sum, domain=number, joins=add, counts=True, bools=True, derivative=linear(1)
)
prod = primitive("prod", "multiply.reduce", domain=number, joins=multiply, start=1, counts=True)
amax = primitive(
    "amax",
    "maximum.reduce",
    domain=widest,
    joins=maximum,
    start=-math.inf,
    quiet=True,
    derivative=_extreme,
)
amin = primitive(
    "amin",
    "minimum.reduce",
    domain=widest,
    joins=minimum,
    start=math.inf,
    quiet=True,
    derivative=_extreme,
)
any = primitive(
    "any",
    "logical_or.reduce",
    domain=boolean,
    joins=bitwise_or,
    bools=True,
    quiet=True,
    derivative=flat,
)
all = primitive(
    "all",
    "logical_and.reduce",
    domain=boolean,
    joins=bitwise_and,
    start=1,
    bools=True,
    quiet=True,
    derivative=flat,
)


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


# -------------------------------------------------------------------- functions of other primitives


@expanded(slope=lambda out, x: out * (1 - out))
def sigmoid(x: Expression) -> Expression:
    if x.domain < Domain.COMPLEX:
        return reciprocal(exp(-x) + 1)
    left = real(x) < 0  # an infinite complex number has no reciprocal
    power = exp(where(left, x, -x))
    return where(left, power, 1.0) / (power + 1)


@expanded(slope=lambda out, x: out * out * out * -0.5)
def rsqrt(x: Expression) -> Expression:
    return reciprocal(sqrt(x))


@expanded
def sgn(x: Expression) -> Expression:
    """x / |x|, and 0 at 0: the sign of a complex number."""
    size = absolute(x)
    return where(equal(size, 0), x * 0.0, x / where(equal(size, 0), 1, size))


@derivative(sgn)
def _(g: Expression, out: Expression, x: Expression) -> tuple:
    size = absolute(x)
    across = g - real(conj(out) * g) * out
    return (where(equal(size, 0), g * 0.0, across / where(equal(size, 0), 1, size)),)


def no_derivative(name: str) -> Expression:
    """The gradient of what has none: it raises RuntimeError when backward comes to it."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError(
            f"derivative for aten::{name} is not implemented: detach() the operand, or compute it "
            "under torch.no_grad()"
        )

    return Primitive(f"no_derivative_of_{name}", refuse, floating)(0.0)


def mean(x: Expression) -> Expression:
    """The average of a row."""
    return sum(x) / length()


# ------------------------------------------------------------------------- operators on symbols


def _operator(owner: Primitive, swapped: bool = False) -> Callable:
    def method(x: Expression, y: object) -> Expression:
        if not isinstance(y, (Expression, bool, int, float, complex)):
            return NotImplemented
        return owner(lift(y), x) if swapped else owner(x, lift(y))

    return method


for _name, _owner in {
    "add": add,
    "sub": subtract,
    "mul": multiply,
    "truediv": divide,
    "pow": power,
    "floordiv": floor_divide,
    "mod": remainder,
    "and": bitwise_and,
    "or": bitwise_or,
    "xor": bitwise_xor,
    "lshift": left_shift,
    "rshift": right_shift,
}.items():
    setattr(Expression, f"__{_name}__", _operator(_owner))
    setattr(Expression, f"__r{_name}__", _operator(_owner, swapped=True))
for _name, _owner in {
    "lt": less,
    "le": less_equal,
    "gt": greater,
    "ge": greater_equal,
    "eq": equal,
    "ne": not_equal,
}.items():
    setattr(Expression, f"__{_name}__", _operator(_owner))
Expression.__neg__ = lambda x: negative(x)  # type: ignore[attr-defined]
Expression.__abs__ = lambda x: absolute(x)  # type: ignore[attr-defined]
Expression.__hash__ = object.__hash__  # type: ignore[method-assign]
