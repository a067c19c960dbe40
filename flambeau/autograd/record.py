"""Recording: the results of an operation get their history, and the watchers hear of it.

General code calls `record`. Functions that are written out for one case, and whose whole call is a
microsecond, have the lines of `record_lines` in them instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import node as node_module
from .mode import mode
from .node import Node


def record(node: Node, results: Sequence[Any], outputs: Sequence[int] | None = None) -> None:
    """Make a node the history of its results.

    outputs: Of several results those that have a gradient; None where the operation has one result.
    """
    if outputs is None:
        results[0]._node = node
    else:
        for i in outputs:
            result = results[i]
            result._node = node_module.make_port(node, i, result._array.shape, result._kind)
    if mode.watchers:
        tell_watchers(node, results)


def record_lines(result: str, mode: str = "mode") -> str:
    """What `record` does for `node` and one result, as lines; their scope has `tell_watchers`, and the mode."""
    return f"""
        {result}._node = node
        if {mode}.watchers: tell_watchers(node, ({result},))
        """


def tell_watchers(node: Node, results: Sequence[Any]) -> None:
    """Show a new node and its results to `mode.watchers`."""
    for watch in mode.watchers:
        watch(node, results)
