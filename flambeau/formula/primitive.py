"""The primitive functions: their array functions, derivatives and simplifications, one place each.

A derivative takes the incoming gradient, the node's own value and its arguments, and gives what each
argument receives. For complex arguments it follows PyTorch's convention (the conjugate of the
derivative times g); `conj` of something real is that thing, so real formulas do not see it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .expression import (
    CONSTANT,
    Domain,
    Expression,
    Primitive,
    _intern,
    constant,
    is_constant,
    length,
    lift,
    node,
)

PRIMITIVES: dict[str, Primitive] = {}


# ------------------------------------------------------------------------------ result domains


def _widest(*domains: Domain) -> Domain:
    return max(domains)


def _number(*domains: Domain) -> Domain:
    return max(*domains, Domain.INT) if len(domains) > 1 else max(domains[0], Domain.INT)


def _floating(*domains: Domain) -> Domain:
    return max(*domains, Domain.REAL)


def _real(*domains: Domain) -> Domain:
    return min(max(domains), Domain.REAL)


def _bool(*domains: Domain) -> Domain:
    return Domain.BOOL


def _complex(*domains: Domain) -> Domain:
    return Domain.COMPLEX


def _chosen(condition: Domain, *domains: Domain) -> Domain:
    return max(domains)


# -------------------------------------------------------------------------------- definitions


def primitive(
    name: str,
    value: str | None = None,
    domain: Callable[..., Domain] = _floating,
    reduces: bool = False,
    quiet: bool = False,
) -> Primitive:
    """Add a primitive to the table. `value` is its array function, by default of the same name."""
    made = PRIMITIVES[name] = Primitive(name, value or name, domain, reduces, quiet)
    return made


def expanded(function: Callable) -> Primitive:
    """A primitive that is computed as an expression of others but has a derivative of its own."""
    made = PRIMITIVES[function.__name__] = Primitive(function.__name__, None, _floating)
    made.expansion = function
    return made


def derivative(*owners: Primitive) -> Callable[[Callable], Callable]:
    """Give the primitives their derivative rule."""

    def register(rule: Callable) -> Callable:
        for owner in owners:
            owner.derivative = rule
        return rule

    return register


def simplification(owner: Primitive) -> Callable[[Callable], Callable]:
    """Add a rule that sees the arguments before a node is made; it gives a simpler result, or None."""

    def register(rule: Callable) -> Callable:
        owner.rules.append(rule)
        return rule

    return register


add = primitive("add", domain=_widest)
subtract = primitive("subtract", domain=_number)
multiply = primitive("multiply", domain=_widest)
divide = primitive("divide", "true_divide")
negative = primitive("negative", domain=_number, quiet=True)
reciprocal = primitive("reciprocal")
power = primitive("power", domain=_number)
square = primitive("square", domain=_number)
sqrt = primitive("sqrt")
floor_divide = primitive("floor_divide", domain=_number)
remainder = primitive("remainder", domain=_number)
fmod = primitive("fmod", domain=_number)

exp, exp2, expm1 = primitive("exp"), primitive("exp2"), primitive("expm1")
log, log2, log10, log1p = (
    primitive("log"),
    primitive("log2"),
    primitive("log10"),
    primitive("log1p"),
)
sin, cos, tan = primitive("sin"), primitive("cos"), primitive("tan")
asin, acos, atan = (
    primitive("asin", "arcsin"),
    primitive("acos", "arccos"),
    primitive("atan", "arctan"),
)
sinh, cosh, tanh = primitive("sinh"), primitive("cosh"), primitive("tanh")
asinh, acosh, atanh = (
    primitive("asinh", "arcsinh"),
    primitive("acosh", "arccosh"),
    primitive("atanh", "arctanh"),
)
atan2 = primitive("atan2", "arctan2")
hypot = primitive("hypot")
logaddexp, logaddexp2 = primitive("logaddexp"), primitive("logaddexp2")
copysign = primitive("copysign")
nextafter = primitive("nextafter")
ldexp_int = primitive("ldexp_int", "ldexp")
heaviside = primitive("heaviside", domain=_number, quiet=True)
gcd, lcm = (primitive(name, domain=_number, quiet=True) for name in ("gcd", "lcm"))

floor, ceil, trunc, rint = (
    primitive(name, domain=_number, quiet=True) for name in ("floor", "ceil", "trunc", "rint")
)
sign = primitive("sign", domain=_number, quiet=True)
absolute = primitive("absolute", domain=_real, quiet=True)
maximum, minimum = (primitive(name, domain=_widest, quiet=True) for name in ("maximum", "minimum"))
fmax, fmin = (primitive(name, domain=_widest, quiet=True) for name in ("fmax", "fmin"))

equal, not_equal, less, less_equal, greater, greater_equal = (
    primitive(name, domain=_bool, quiet=True)
    for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
)
isnan, isinf, isfinite, signbit = (
    primitive(name, domain=_bool, quiet=True) for name in ("isnan", "isinf", "isfinite", "signbit")
)
logical_and, logical_or, logical_xor, logical_not = (
    primitive(name, domain=_bool, quiet=True)
    for name in ("logical_and", "logical_or", "logical_xor", "logical_not")
)
bitwise_and, bitwise_or, bitwise_xor, bitwise_not, left_shift, right_shift = (
    primitive(name, value, domain=_widest, quiet=True)
    for name, value in (
        ("bitwise_and", None),
        ("bitwise_or", None),
        ("bitwise_xor", None),
        ("bitwise_not", "invert"),
        ("left_shift", None),
        ("right_shift", None),
    )
)

conj = primitive("conj", "conjugate", domain=_widest, quiet=True)
real = primitive("real", domain=_real, quiet=True)
imag = primitive("imag", domain=_real, quiet=True)
angle = primitive("angle", domain=_real, quiet=True)
make_complex = primitive("make_complex", domain=_complex, quiet=True)
where = primitive("where", domain=_chosen, quiet=True)
held = primitive("held", "positive", domain=_widest, quiet=True)

sum = primitive("sum", "add.reduce", domain=_number, reduces=True)
prod = primitive("prod", "multiply.reduce", domain=_number, reduces=True)
amax = primitive("amax", "maximum.reduce", domain=_widest, reduces=True, quiet=True)
amin = primitive("amin", "minimum.reduce", domain=_widest, reduces=True, quiet=True)
any = primitive("any", "logical_or.reduce", domain=_bool, reduces=True, quiet=True)
all = primitive("all", "logical_and.reduce", domain=_bool, reduces=True, quiet=True)


# -------------------------------------------------------------------- functions of other primitives


@expanded
def sigmoid(x: Expression) -> Expression:
    return reciprocal(exp(-x) + 1)


@expanded
def rsqrt(x: Expression) -> Expression:
    return reciprocal(sqrt(x))


@expanded
def sgn(x: Expression) -> Expression:
    """x / |x|, and 0 at 0: the sign of a complex number."""
    size = absolute(x)
    return where(equal(size, 0), x * 0.0, x / where(equal(size, 0), 1, size))


@simplification(sgn)
def _(x: Expression) -> Expression | None:
    return sign(x) if x.domain < Domain.COMPLEX else None


def mean(x: Expression) -> Expression:
    """The average of a row."""
    return sum(x) / length()


# ---------------------------------------------------------------------------------- derivatives


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
derivative(floor_divide, nextafter)(linear(None, None))
derivative(heaviside, ldexp_int)(linear(None, None))
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
derivative(acosh)(chain(lambda out, x: rsqrt(x - 1) * rsqrt(x + 1)))
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
    share = g / sum(where(equal(x, out), 1.0, 0.0))
    return (where(equal(x, out), share, 0),)


@derivative(prod)
def _(g: Expression, out: Expression, x: Expression) -> tuple:
    """The product of the others: by division where no element is zero, by hand around one zero."""
    zero = equal(x, 0)
    others = prod(where(zero, 1, x))
    zeros = sum(where(zero, 1.0, 0.0))
    alone = where(equal(zeros, 1), others, 0)
    return (g * conj(where(zero, alone, where(equal(zeros, 0), others / where(zero, 1, x), 0))),)


# ------------------------------------------------------------------------------ simplifications


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
    """Exponents that cheaper primitives compute."""
    if not is_constant(y) or x.domain < Domain.REAL:
        return None
    cheap = {
        1: lambda: x,
        2: lambda: square(x),
        3: lambda: square(x) * x,
        0.5: lambda: sqrt(x),
        -1: lambda: reciprocal(x),
        -0.5: lambda: rsqrt(x),
        -2: lambda: reciprocal(square(x)),
    }
    make = cheap.get(y.value)  # type: ignore[arg-type,call-overload]
    return make() if make else None


@simplification(held)
def _(x: Expression) -> Expression | None:
    return x if x.primitive is held else None


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
del _intern
