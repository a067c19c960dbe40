"""Other examples of an exported program's inputs, with other open sizes: what differs then, stays open."""

from __future__ import annotations

from typing import Any

from ..export import ExportedProgram
from ..export.open_size import _other_values, _resized
from ..utils import _pytree as pytree


def other_inputs(program: ExportedProgram) -> list[Any]:
    """The leaves of the example, with other open sizes."""
    leaves = pytree.tree_leaves(program.example_inputs)
    sizes = program._checks.sizes
    ranges: Any = {str(k): (v.lower, v.upper) for k, v in program.range_constraints.items()}
    others = _other_values(sizes, leaves, ranges)
    for size in sizes:
        if size.symbol in others:
            new = others[size.symbol] * size.factor + size.shift
            leaves[size.leaf] = _resized(leaves[size.leaf], size.dim, new)
    return leaves
