"""Special functions of float32 that are computed in float64 and rounded once.

Their formulas are made of many steps, each of which rounds: in float32 that adds up to tens of units in the last place
near zeros of the function. In float64 it does not reach the rounding of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ...formula.expansion import expand
from ...formula.expression import CONSTANT, Domain, Primitive, order, symbol
from ..llvm import Value

ELEMENTS = {Domain.BOOL: "i1", Domain.INT: "i64", Domain.REAL: "double"}


@cache
def wide(
    primitive: Primitive, apply: Callable[..., Value], keep: Callable[[Primitive], bool]
) -> Callable[[Value], Value]:
    """The primitive's expansion in float64, of vectors of float32.

    Args:
        apply: Applies another (see `lower`).
        keep: Which are not to be expanded.
    """
    x = symbol("x")

    def function(argument: Value) -> Value:
        code = argument.code
        known = {x: argument.convert("double")}
        (root,) = expand((primitive(x),), keep)
        for item in order([root]):
            if item.primitive is CONSTANT:
                type = code.vector(ELEMENTS[item.domain])
                known[item] = code.constant(item.value, type)  # type: ignore[arg-type]
            elif item is not x:
                args = [known[arg] for arg in item.args]
                known[item] = apply(item.primitive, item.domain, args, ELEMENTS)
        return known[root].convert("float")

    return function
