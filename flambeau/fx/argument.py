"""What nodes take as arguments: nested lists, tuples, dicts and slices of nodes and plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.device import device
from ..core.dtype import dtype
from ..core.layout import layout, memory_format
from ..core.tensor import Tensor
from .immutable_collections import immutable_dict, immutable_list

Argument = Any
"""A node, a plain value, or a nesting of them."""

BaseArgumentTypes = (
    *(str, int, float, bool, complex, dtype, Tensor, device, memory_format, layout),
)
base_types = BaseArgumentTypes


def map_aggregate(a: Any, fn: Callable[[Any], Any]) -> Any:
    """The same nesting with `fn` of everything that stands at its ends.

    Lists and dicts come out as ones that cannot be changed.

    Source: torch.fx.node.map_aggregate
    """
    if isinstance(a, tuple):
        items = [map_aggregate(item, fn) for item in a]
        kind: Any = type(a)
        return kind(*items) if hasattr(a, "_fields") else tuple(items)
    if isinstance(a, list):
        return immutable_list([map_aggregate(item, fn) for item in a])
    if isinstance(a, dict):
        return immutable_dict((key, map_aggregate(value, fn)) for key, value in a.items())
    if isinstance(a, slice):
        return slice(
            map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn)
        )
    return fn(a)
