"""Graphs of CUDA's work: there is no device that could record one.

Source: torch.cuda.graphs
"""

from __future__ import annotations

from .._absent import functions
from . import CUDAGraph, _not_compiled  # type: ignore[attr-defined]

globals().update(functions("torch.cuda", "graph_pool_handle make_graphed_callables", _not_compiled))


def is_current_stream_capturing() -> bool:
    """Is a graph being recorded? Never without a device.

    Source: torch.cuda.is_current_stream_capturing
    """
    return False


class graph:
    """A block that is recorded as a graph.

    Raises:
        RuntimeError: Always; there is no CUDA device.

    Source: torch.cuda.graph
    """

    default_capture_stream = None

    def __init__(self, cuda_graph: CUDAGraph, *args: object, **kwargs: object) -> None:
        raise RuntimeError("torch.cuda.graph requires CUDA support, which is not there")


__all__ = ["CUDAGraph", "graph", "is_current_stream_capturing"]
