"""Shapes and dtypes as listings of graphs write them: ``f32[2, 3]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.dtype import DTYPES
from ..core.tensor import Tensor

if TYPE_CHECKING:
    from .node import Node

dtype_abbrs = {name: kind.abbreviation for name, kind in DTYPES.items()}


def shape_text(node: Node, include_stride: bool = False, include_device: bool = False) -> str:
    """What `meta` knows of a node's result; "" if nothing.

    ``meta["val"]`` is a value, or a nesting of them, as tracing with values leaves; ``meta["tensor_meta"]``
    is what `ShapeProp` leaves.
    """
    value = node.meta.get("val", node.meta.get("tensor_meta"))
    symbols = node.meta.get("symbolic_shape")
    if isinstance(value, (list, tuple)) and not hasattr(value, "shape"):
        items = [_text(item, include_stride, include_device) for item in value]
        return f"({', '.join(items)})" if all(items) else ""
    return _text(value, include_stride, include_device, symbols)


def _text(value: Any, include_stride: bool, include_device: bool, symbols: Any = None) -> str:
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        return ""
    name = str(value.dtype).rpartition(".")[2]
    sizes = ", ".join(map(str, symbols or value.shape))
    text = f"{dtype_abbrs.get(name, name)}[{sizes}]"
    if isinstance(value, Tensor):
        strides = ", ".join(map(str, value.stride()))
        text += f"[{strides}]" * include_stride + str(value.device) * include_device
    return text
