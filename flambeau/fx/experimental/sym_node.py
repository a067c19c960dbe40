"""Integers that carry the node that computes them, so that a graph keeps sizes open."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..node import Node
    from ..proxy import TracerBase


class SymInt(int):
    """A size, and how the graph computes it.

    It is the number that it was while tracing wherever a number is wanted. Sums, products and so on of it
    carry their nodes too; comparisons give plain answers, which then hold for the whole graph.

    Args:
        value: The number.
        node: The node that computes it.
        tracer: Makes the nodes of what is computed of it.
    """

    node: Node
    tracer: TracerBase

    def __new__(cls, value: int, node: Node, tracer: TracerBase) -> SymInt:
        made = super().__new__(cls, value)
        made.node, made.tracer = node, tracer
        return made

    def __reduce__(self) -> Any:
        return int, (int(self),)


def _noted(function: Callable, flipped: bool) -> Callable:
    def method(self: SymInt, *others: Any) -> Any:
        if not all(isinstance(other, int) for other in others):
            numbers = (int(self), *others)
            result = NotImplemented
            if all(isinstance(other, float) for other in others):
                result = function(*(numbers[::-1] if flipped else numbers))
            return result
        operands = (self, *others)[::-1] if flipped else (self, *others)
        value = function(*map(int, operands))
        if not isinstance(value, int):
            return value
        args = tuple(x.node if isinstance(x, SymInt) else x for x in operands)
        node = self.tracer.create_node("call_function", function, args, {})
        node.meta["val"] = value
        return SymInt(value, node, self.tracer)

    return method


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    setattr(SymInt, f"__{_name}__", _noted(getattr(operator, _name), False))
    setattr(SymInt, f"__r{_name}__", _noted(getattr(operator, _name), True))
SymInt.__neg__ = _noted(operator.neg, False)  # type: ignore[method-assign]
