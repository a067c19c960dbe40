"""The primitive functions: the table of them with their array functions, and Python's operators.

Their derivatives are in `derivative`, what is simplified while an expression is built in
`simplification`; the package imports both.
"""

from __future__ import annotations

from collections.abc import Callable

from . import numeric
from .expression import Domain, Expression, Primitive, length, lift

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
    value: str | Callable | None = None,
    domain: Callable[..., Domain] = _floating,
    reduces: bool = False,
    quiet: bool = False,
) -> Primitive:
    """Add a primitive to the table. `value` is its array function, by default NumPy's of the same name."""
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
integer_power = primitive("integer_power", numeric.integer_power, domain=_number)
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
heaviside = primitive("heaviside", domain=_number, quiet=True)
gcd, lcm = (primitive(name, domain=_number, quiet=True) for name in ("gcd", "lcm"))

floor, ceil, trunc, rint = (
    primitive(name, domain=_number, quiet=True) for name in ("floor", "ceil", "trunc", "rint")
)
sign = primitive("sign", numeric.sign, domain=_number, quiet=True)
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

sum = primitive("sum", numeric.row_sum, domain=_number, reduces=True)
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


def no_derivative(name: str) -> Expression:
    """The gradient of what has none: it raises RuntimeError when backward comes to it."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError(
            f"derivative for aten::{name} is not implemented: detach() the operand, or compute it "
            "under torch.no_grad()"
        )

    return Primitive(f"no_derivative_of_{name}", refuse, _floating)(0.0)


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
