"""ShapeProp: what the nodes of a graph give, of which shape and dtype."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core.layout import NAMES
from ...core.size import Size
from ...core.tensor import Tensor
from ..interpreter import Interpreter
from ..node import Node, map_aggregate

__all__ = ["ShapeProp", "TensorMetadata"]

_FORMATS = tuple(NAMES[name] for name in ("contiguous_format", "channels_last", "channels_last_3d"))


class TensorMetadata(NamedTuple):
    """What is known of a tensor.

    Source: torch.fx.passes.shape_prop.TensorMetadata
    """

    shape: Size
    dtype: Any
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: Any
    is_quantized: bool
    qparams: dict[str, Any]


def _extract_tensor_metadata(result: Tensor, include_contiguity: bool = True) -> TensorMetadata:
    """What is known of this tensor."""
    x: Any = result
    form = None
    if include_contiguity:
        form = next((f for f in _FORMATS if x.is_contiguous(memory_format=f)), None)
    return TensorMetadata(x.shape, x.dtype, x.requires_grad, x.stride(), form, False, {})


class ShapeProp(Interpreter):
    """Runs a graph, and leaves in each node's `meta` the shape and dtype of what it gives.

    Args:
        gm: The module.
        fake_mode: Run with tensors that have no memory (device "meta"), if given.

    Source: torch.fx.passes.shape_prop.ShapeProp

    Example:
        >>> import flambeau as torch
        >>> from flambeau.fx.passes.shape_prop import ShapeProp
        >>> traced = torch.fx.symbolic_trace(torch.nn.Sequential(torch.nn.Linear(4, 2)))
        >>> _ = ShapeProp(traced).propagate(torch.ones(3, 4))
        >>> [tuple(node.meta["tensor_meta"].shape) for node in traced.graph.nodes]
        [(3, 4), (3, 2), (3, 2)]
    """

    def __init__(self, gm: Any, fake_mode: Any = None):
        super().__init__(gm)
        self.fake_mode = fake_mode

    def run_node(self, n: Node) -> Any:
        try:
            result = super().run_node(n)
        except Exception as error:
            raise RuntimeError(
                f"ShapeProp error for: node={n.format_node()} with meta={n.meta}"
            ) from error
        found = False

        def known(x: Any) -> Any:
            nonlocal found
            if isinstance(x, Tensor):
                found = True
                return _extract_tensor_metadata(x)
            return x

        metadata = map_aggregate(result, known)
        if found:
            n.meta["tensor_meta"] = metadata
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Run the graph with these arguments; returns what it gives."""
        if self.fake_mode is not None:
            args = tuple(a.to("meta") if isinstance(a, Tensor) else a for a in args)
        return super().run(*args)
