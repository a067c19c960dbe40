"""What a node saved, by PyTorch's names: ``grad_fn._saved_self``, ``_saved_other``, ``_saved_result``.

The names and what stands behind them follow from an operation's definition; a node's class gets an
attribute for each (`saved_attributes`), and `Node.saved_value` answers it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from functools import cache
from typing import Any

from ..core.tensor import Tensor, wrap
from .engine import TWICE
from .node import Leaf
from .report import modified

PREFIX = "_saved_"


class SavedAttribute:
    """The attribute of a node's class that asks the node for what it saved."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, node: Any, owner: type) -> Any:
        return self if node is None else node.saved_value(self.name)


_attribute = cache(SavedAttribute)


def saved_attributes(names: Iterable[str]) -> dict[str, SavedAttribute]:
    """Attributes for the namespace of a node's class."""
    return {f"{PREFIX}{name}": _attribute(name) for name in names}


def absent(node: Any, name: str) -> AttributeError:
    """The error about a name under which a node saves nothing."""
    return AttributeError(f"'{node.name()}' object has no attribute '{PREFIX}{name}'")


def check_kept(node: Any) -> None:
    """Raises RuntimeError if a backward has freed what the node saved."""
    if node.saved is None:
        raise RuntimeError(TWICE.format(node.name()))


def saved_tensor(node: Any, i: int, edge: Any, kind: Any) -> Tensor:
    """The tensor that a node saved as its i-th value; the very one, where somebody still holds it.

    edge: Its history.

    Raises:
        RuntimeError: It was written to since.
    """
    item = node.saved[i]
    if node.notes is not None and "unpack" in node.notes:
        return node.notes["unpack"](item)
    cell, version = node.cells[i], node.versions[i]
    if cell[0] != version:
        raise RuntimeError(modified(node, item, edge, cell, version))
    if isinstance(edge, Leaf):
        tensor = edge.tensor()
        if tensor is not None and tensor._array is item:
            return tensor
    for holder in gc.get_referrers(
        cell
    ):  # nodes hold no tensors; this is for looking, not for running
        if isinstance(holder, Tensor) and holder._array is item and holder._node is edge:
            return holder
    tensor = wrap(item, kind)
    tensor._cell, tensor._node = cell, edge
    return tensor
