"""From the primitives of formulas to instructions: one table.

A primitive that is not in it has no native form; a program that uses it is evaluated with NumPy.
"""

from __future__ import annotations

from collections.abc import Callable

from ...formula.expression import Domain
from ..llvm import Code, Value, choose
from . import exponential, hyperbolic, in_double, piecewise, power, remainder, trigonometry


class Unsupported(Exception):
    """The program has no native form; it is evaluated with NumPy."""


TABLE: dict[str, Callable[..., Value]] = {}
INTEGERS: set[str] = set()
"""Primitives that also work on integers."""


def lowered(*names: str, integers: bool = False) -> Callable:
    def register(make: Callable[..., Value]) -> Callable[..., Value]:
        for name in names:
            TABLE[name] = make
            if integers:
                INTEGERS.add(name)
        return make

    return register


def _table(make: dict[str, Callable[..., Value]], integers: bool = False) -> None:
    for name, item in make.items():
        lowered(name, integers=integers)(item)


def larger(x: Value, y: Value) -> Value:
    """The maximum; nan if either is. x where they are equal.

    Of floats, the inner choice is one instruction of x86, which gives x if either is nan.
    """
    if not x.is_float:
        return choose(x > y, x, y)
    return choose(y.is_nan(), y, choose(y > x, y, x))


def smaller(x: Value, y: Value) -> Value:
    if not x.is_float:
        return choose(x < y, x, y)
    return choose(y.is_nan(), y, choose(y < x, y, x))


def _sign(x: Value) -> Value:
    """-1, 0 or 1; 0 for nan."""
    return choose(x > 0, x.like(1), choose(x < 0, x.like(-1), x.like(0)))


def _fmax(x: Value, y: Value) -> Value:
    return choose((x >= y) | y.is_nan(), x, y)


def _fmin(x: Value, y: Value) -> Value:
    return choose((x <= y) | y.is_nan(), x, y)


def _intrinsic(name: str) -> Callable[..., Value]:
    return lambda *args: args[0].code.intrinsic(name, *args)


INFINITY = float("inf")

_table(
    {
        "add": lambda x, y: x + y,
        "subtract": lambda x, y: x - y,
        "multiply": lambda x, y: x * y,
        "negative": lambda x: -x,
        "square": lambda x: x * x,
        "absolute": lambda x: x.abs(),
        "maximum": larger,
        "minimum": smaller,
        "equal": lambda x, y: x.equals(y),
        "not_equal": lambda x, y: x.differs(y),
        "less": lambda x, y: x < y,
        "less_equal": lambda x, y: x <= y,
        "greater": lambda x, y: x > y,
        "greater_equal": lambda x, y: x >= y,
        "logical_and": lambda x, y: x.convert("i1") & y.convert("i1"),
        "logical_or": lambda x, y: x.convert("i1") | y.convert("i1"),
        "logical_xor": lambda x, y: x.convert("i1") ^ y.convert("i1"),
        "logical_not": lambda x: ~x.convert("i1"),
        "bitwise_and": lambda x, y: x & y,
        "bitwise_or": lambda x, y: x | y,
        "bitwise_xor": lambda x, y: x ^ y,
        "bitwise_not": lambda x: ~x,
        "where": lambda c, x, y: choose(c.convert("i1"), x, y),
        "held": lambda x: x,
        "real": lambda x: x,
        "conj": lambda x: x,
        "sign": _sign,
    },
    integers=True,
)
_table(
    {
        "divide": lambda x, y: x / y,
        "reciprocal": lambda x: 1.0 / x,
        "sqrt": _intrinsic("sqrt"),
        "floor": _intrinsic("floor"),
        "ceil": _intrinsic("ceil"),
        "trunc": _intrinsic("trunc"),
        "rint": _intrinsic("rint"),
        "copysign": _intrinsic("copysign"),
        "fmax": _fmax,
        "fmin": _fmin,
        "isnan": lambda x: x.is_nan(),
        "isinf": lambda x: x.abs().equals(INFINITY),
        "isfinite": lambda x: x.abs() < INFINITY,
        "signbit": lambda x: x.bits() < 0,
        "exp": exponential.exp,
        "exp2": exponential.exp2,
        "expm1": exponential.expm1,
        "log": exponential.log,
        "log1p": exponential.log1p,
        "tanh": exponential.tanh,
    }
)
_table(
    {
        name: getattr(module, name)
        for module, names in {
            exponential: "log2 log10",
            trigonometry: "sin cos tan asin acos atan atan2",
            hyperbolic: "sinh cosh asinh acosh atanh logaddexp logaddexp2 hypot",
            power: "power",
            remainder: "nextafter",
        }.items()
        for name in names.split()
    }
)
_table(
    {
        name: getattr(module, name)
        for module, names in {
            power: "integer_power",
            remainder: "floor_divide remainder fmod heaviside left_shift right_shift",
        }.items()
        for name in names.split()
    },
    integers=True,
)

SINGLE: dict[str, Callable[..., Value]] = {
    "erf": exponential.erf,
    "erfc": exponential.erfc,
    "ndtr": exponential.ndtr,
    "gate": piecewise.gate,
}
"""Primitives that are formulas of others, and have a shorter form for float32."""

KEEPS_BOOL = frozenset(
    [
        "logical_and",
        "logical_or",
        "logical_xor",
        "logical_not",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "bitwise_not",
        "held",
        "real",
        "conj",
    ]
)


def call(code: Code, name: str, domain: Domain, args: list[Value], elements: dict) -> Value:
    """Apply a primitive; the arguments are first brought to one type.

    elements: {domain: element type}.
    """
    make = TABLE.get(name) or SINGLE[name]
    if name == "where":
        target = elements[domain]
        return make(args[0], *(x.convert(target) for x in args[1:]))
    if name in ("logical_and", "logical_or", "logical_xor", "logical_not", "held"):
        return make(*args)
    own = [x.element for x in args]
    widest = max(own, key=_rank)
    target = elements[domain] if domain is not Domain.BOOL else widest
    if _rank(widest) > _rank(target):
        target = widest
    if name not in INTEGERS and target not in ("float", "double"):
        if Domain.REAL not in elements:
            raise Unsupported(f"{name} of integers")
        target = elements[Domain.REAL]
    return make(*(x.convert(target) for x in args))


def _rank(element: str) -> int:
    return ("i1", "i8", "i16", "i32", "i64", "float", "double").index(element)


SINGLE |= {name: in_double.wide(name, call) for name in in_double.NAMES}
