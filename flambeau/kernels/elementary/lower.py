"""From the primitives of formulas to instructions.

Importing this imports the modules that give the primitives their lowerings. A primitive without one has no
native form; a program that uses it is evaluated with NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...formula.expansion import expand
from ...formula.expression import CONSTANT, INPUT, Domain, Expression, Primitive, order
from ...formula.program import Program
from ...formula.special import regularised_gamma, special
from ..llvm import Code, Value
from . import (  # noqa: F401
    arithmetic,
    error,
    exponential,
    hyperbolic,
    in_double,
    incomplete_gamma,
    piecewise,
    power,
    quantile,
    remainder,
    square_root,
    trigonometry,
)
from .lowering import Lowering, lowers
from .table import has_tables


class Unsupported(Exception):
    """The program has no native form; it is evaluated with NumPy."""


def is_wide(primitive: Primitive) -> bool:
    """Has it, being an expression of others, instructions for float64?"""
    return primitive.lowering is not None and primitive.lowering.wide


def has_form(primitive: Primitive, element: str) -> bool:
    """Has it a native form for this type of numbers, other than its expansion?"""
    if primitive.expansion is None:
        return primitive.lowering is not None
    if element != "float":
        return element == "double" and is_wide(primitive)
    return primitive.lowering is not None or primitive.many_steps


def apply(
    primitive: Primitive, domain: Domain, args: list[Value], elements: dict[Domain, str]
) -> Value:
    """A primitive's value in a domain; the arguments are first brought to one type.

    elements: Each domain's type of numbers.
    """
    lowering: Lowering = primitive.lowering or Lowering(in_double.wide(primitive, apply, is_wide))
    alike = args[lowering.alike]
    if alike:
        target = _common_type(primitive, lowering, domain, alike, elements)
        args[lowering.alike] = [x.convert(target) for x in alike]
    return lowering.make(*args)


def evaluated(code: Code, program: Program, values: Sequence[Value], element: str) -> list[Value]:
    """The roots of an elementwise program without parameters, given its inputs.

    Args:
        element: The type of its real numbers.
    """
    elements = {Domain.BOOL: "i1", Domain.REAL: element, Domain.INT: "i64"}
    roots = expand(program.roots, lambda kind: has_form(kind, element))
    known: dict[Expression, Value] = dict(zip(program.inputs, values))
    for item in order(roots):
        if item.primitive is CONSTANT:
            type = code.vector(elements[item.domain])
            known[item] = code.constant(item.value, type)  # type: ignore[arg-type]
        elif item.primitive is not INPUT:
            args = [known[arg] for arg in item.args]
            known[item] = apply(item.primitive, item.domain, args, elements)
    return [known[root] for root in roots]


def _common_type(
    primitive: Primitive,
    lowering: Lowering,
    domain: Domain,
    args: list[Value],
    elements: dict[Domain, str],
) -> str:
    widest = max((x.element for x in args), key=_rank)
    target = elements[domain] if domain is not Domain.BOOL else widest
    if _rank(widest) > _rank(target):
        target = widest
    if not lowering.integers and target not in ("float", "double"):
        if Domain.REAL not in elements:
            raise Unsupported(f"{primitive.name} of integers")
        target = elements[Domain.REAL]
    return target


def _rank(element: str) -> int:
    return ("i1", "i8", "i16", "i32", "i64", "float", "double").index(element)


for _primitive, _expression in (
    (special.igamma, regularised_gamma.lower),
    (special.igammac, regularised_gamma.upper),
):
    lowers(_primitive)(in_double.wide(_expression, apply, is_wide, 2))


def _by_tables(primitive: Primitive, make: Callable[[Value, Callable], Value]) -> None:
    """Give a primitive that has a form for float32 one for float64, where that has tables; elsewhere it is its expansion."""
    single = primitive.lowering.make
    formula = in_double.wide(primitive.expansion, apply, is_wide)

    def function(x: Value) -> Value:
        if x.element == "float":
            return single(x)
        return make(x, formula) if has_tables(x) else formula(x)

    lowers(primitive, wide=True)(function)


_by_tables(special.erf, lambda x, formula: error.erf(x))
_by_tables(special.erfinv, error.erfinv)
