"""A row program as two: what comes of one walk of the rows, and the rest, which takes that for granted.

Few long rows take launches of their own for each walk, so that all of a GPU works at each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...formula.expression import Domain, Expression, order, substitute, symbol
from ...formula.program import Program
from .formula import Facts, Formula


def split(facts: Facts, formula: Formula) -> tuple[Facts, Facts] | None:
    """The two; None where there is but one walk, and for integers.

    The second takes the operands, and behind them the values that the first gives.
    """
    if facts.compute.kind != "f":
        return None
    found = _of_one_walk(formula.roots)
    if not found or {*formula.roots} <= {*found}:
        return None
    program = facts.program
    made = [
        symbol(f"walked{len(program.inputs)}_{i}", x.domain, False) for i, x in enumerate(found)
    ]
    dtypes = [_dtype(x, facts.compute) for x in found]
    first = Program(program.inputs, tuple(found), program.parameters)
    roots = substitute(formula.roots, dict(zip(found, made)))
    rest = Program((*program.inputs, *made), tuple(roots), program.parameters)
    return (
        Facts(first, facts.inputs, facts.compute, dtypes, f"{facts.name}_walk", True),
        Facts(rest, (*facts.inputs, *dtypes), facts.compute, facts.results, facts.name, True),
    )


def most_together(reductions: Sequence[Expression]) -> int:
    """How many of these are made in one walk at most."""
    walks = _walks(reductions)
    return max(Counter(walks[x] for x in reductions).values(), default=0)


def _walks(roots: Sequence[Expression]) -> dict[Expression, int]:
    """How many walks of a row each value below `roots` takes."""
    found: dict[Expression, int] = {}
    for x in order(roots):
        found[x] = max((found[arg] for arg in x.args), default=0) + x.primitive.reduces
    return found


def _of_one_walk(roots: list[Expression]) -> list[Expression]:
    """The largest row values below `roots` that take one walk."""
    walks = _walks(roots)

    def is_one(x: Expression) -> bool:
        return not x.full and walks[x] == 1

    return [x for x in order(roots, lambda x: () if is_one(x) else x.args) if is_one(x)]


def _dtype(x: Expression, compute: Any) -> Any:
    kinds = {Domain.BOOL: np.dtype(bool), Domain.INT: np.dtype(np.int64)}
    return kinds.get(x.domain, compute)
