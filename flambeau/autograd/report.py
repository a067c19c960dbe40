"""The message about a saved value that was modified in place."""

from __future__ import annotations

from typing import Any

from ..core.dtype import BY_NUMPY, legacy_name
from ..core.tensor import UNVERSIONED
from .inference import SAVED
from .location import last_write
from .node import LEAF


def check_versions(node: Any) -> None:
    """Raises RuntimeError if a value that the node saved was written to since."""
    for i, cell, version in zip(node.checked, node.cells, node.versions):
        if cell[0] != version:
            raise RuntimeError(stale(node, i, cell, version))


def stale(node: Any, i: int, cell: list, version: int) -> str:
    array, edge = node.origin(i)
    return modified(node, array, edge, cell, version)


def modified(node: Any, array: Any, edge: Any, cell: list, version: int) -> str:
    """The message about an array that `node` saved at `version` and that was written to since.

    edge: The history of the tensor that it was (None, or a leaf, where it has none).
    """
    if cell[0] is UNVERSIONED:
        return f"{SAVED} {node.name()} saved one of shape {list(array.shape)}."
    made = ""
    if edge is not None and edge.node.name() != LEAF:
        made = f", which is output {edge.index} of {edge.node.name()},"
    recorded = (node.notes or {}).get("recorded")
    saved = (
        f" at {recorded}"
        if recorded is not None
        else " (its line: run the forward pass under torch.autograd.detect_anomaly())"
    )
    written = last_write(cell)
    by = " where no line was noted" if written is None else f" at {written}"
    if written is not None and written.by:
        by = f" by {written.by}{by}"
    held = legacy_name(BY_NUMPY[array.dtype], node.kind.device.type)
    return (
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{held} {list(array.shape)}]{made} is at version {cell[0]}; expected version {version} "
        f"instead. {node.name()} saved it{saved}; it was last written to{by}. "
        f"{_STEP if written is not None and written.by else _WRITE}"
    )


_WRITE = "Write out of place there (y = y + 1, not y += 1), or clone() it before writing."
_STEP = "Call backward() for every loss before that step, or compute the loss anew after it."
