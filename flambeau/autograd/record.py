"""Recording: the results of an operation get their history, and the watchers hear of it.

General code calls `record`. Functions that are written out for one case, and whose whole call is a
microsecond, have the lines of `record_lines` in them instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._source import Source
from .mode import mode
from .node import Node, Port


def record_lines(result: str) -> str:
    """Lines that make `node` the history of the one result; they need `mode` in their scope."""
    return f"""
        {result}._node = node
        for watch in mode.watchers:
            watch(node, ({result},))
        """


def _record_one() -> Any:
    source = Source("record", mode=mode)
    with source.block("def record_one(node, result):"):
        source(record_lines("result"))
    return source.function("record_one")


record_one = _record_one()
"""``record_one(node, result)``: the same as a function."""


def record_several(node: Node, results: Sequence[Any], outputs: Sequence[int]) -> None:
    """Make a node's ports the histories of those of its results that have a gradient."""
    for i in outputs:
        result = results[i]
        result._node = Port(node, i, result._array.shape, result._kind)
    tell_watchers(node, results)


def tell_watchers(node: Node, results: Sequence[Any]) -> None:
    """Show a new node and its results to `mode.watchers`."""
    for watch in mode.watchers:
        watch(node, results)
