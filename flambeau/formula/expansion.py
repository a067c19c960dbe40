"""Expressions without primitives that stand for others, and without the sides that are seldom taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .expression import Expression, Primitive, order, rebuild, substitute
from .primitive import usually


def expand(
    roots: Sequence[Expression], keep: Callable[[Primitive], bool] | None = None
) -> list[Expression]:
    """`roots` without primitives that are themselves expressions of others, but for those to keep."""

    def expands(item: Expression) -> bool:
        kind = item.primitive
        return kind.expansion is not None and not (keep and keep(kind))

    roots = list(roots)
    while any(map(expands, order(roots))):
        roots = rebuild(
            roots,
            lambda item, args: item.primitive.expansion(*args) if expands(item) else None,  # type: ignore[misc]
        )
    return roots


def opened(roots: Sequence[Expression]) -> list[Expression]:
    """`roots` with what looks at whole rows written out, so that its row values can be found."""
    return expand(roots, lambda kind: not kind.rowwise)


def usual_side(roots: Sequence[Expression]) -> tuple[list[Expression], list[Expression]]:
    """What `roots` are where each condition of a `usually` holds, and these conditions."""
    roots, count = list(roots), len(roots)
    while found := _choices(roots):
        inner = [x for x in found if not any(y is not x for y in _choices([x]))]
        roots.extend(x.args[0] for x in inner)
        roots = substitute(roots, {x: x.args[1] for x in inner})
    return roots[:count], list(dict.fromkeys(roots[count:]))


def _choices(roots: Sequence[Expression]) -> list[Expression]:
    """Each `usually` below `roots`, but for those on the other sides of others."""
    return [x for x in order(roots, usual_args) if x.primitive is usually]


def usual_args(item: Expression) -> Sequence[Expression]:
    """What a node is made of where each condition of a `usually` holds."""
    return item.args[:2] if item.primitive is usually else item.args
