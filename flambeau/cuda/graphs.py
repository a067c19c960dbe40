"""torch.cuda.graphs: graphs of CUDA's work."""

from .capture import CUDAGraph, graph, graph_pool_handle, is_current_stream_capturing
from .graphed_callable import make_graphed_callables

__all__ = [
    "CUDAGraph",
    "graph",
    "graph_pool_handle",
    "is_current_stream_capturing",
    "make_graphed_callables",
]
