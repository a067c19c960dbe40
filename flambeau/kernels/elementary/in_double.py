"""Special functions that are computed in float64 and rounded once.

Their formulas are made of many steps, each of which rounds: in float32 that adds up to tens of units in the last place
near zeros of the function. In float64 it does not reach the rounding of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ...formula.expansion import expand
from ...formula.expression import CONSTANT, INPUT, Domain, Expression, Primitive, order, symbol
from ..llvm import Value

ELEMENTS = {Domain.BOOL: "i1", Domain.INT: "i64", Domain.REAL: "double"}


@cache
def wide(
    make: Callable[..., Expression],
    apply: Callable[..., Value],
    keep: Callable[[Primitive], bool],
    count: int = 1,
) -> Callable[..., Value]:
    """An expression in float64, of vectors of float32 or float64.

    Args:
        make: The expression of `count` symbols, one or two; of a primitive, its expansion.
        apply: Applies another primitive (see `lower`).
        keep: Which are not to be expanded.
    """
    symbols = [symbol(f"x{i}") for i in range(count)]

    def computed(*arguments: Value) -> Value:
        code = arguments[0].code
        known = {x: value.convert("double") for x, value in zip(symbols, arguments, strict=True)}
        (root,) = expand((make(*symbols),), keep)
        for item in order([root]):
            if item.primitive is CONSTANT:
                type = code.vector(ELEMENTS[item.domain])
                known[item] = code.constant(item.value, type)  # type: ignore[arg-type]
            elif item.primitive is not INPUT:
                args = [known[arg] for arg in item.args]
                known[item] = apply(item.primitive, item.domain, args, ELEMENTS)
        return known[root].convert(arguments[0].element)

    # How many operands there are is read off the signature.
    return (lambda x: computed(x)) if count == 1 else (lambda x, y: computed(x, y))
