"""Functions and modules as graphs of their operations, which programs read, change and run.

`symbolic_trace` runs a function once, with proxies in place of its arguments, and leaves a `Graph` of what it
did with them; a `GraphModule` is a module whose forward is written out from a graph.

Source: torch.fx
"""

from __future__ import annotations

from .._lazy import attach

_NAMES = {
    "CodeGen": "codegen",
    "Graph": "graph",
    "GraphModule": "graph_module",
    "Interpreter": "interpreter",
    "Node": "node",
    "PH": "concrete_argument",
    "Proxy": "proxy",
    "ProxyableClassMeta": "_symbolic_trace",
    "Tracer": "_symbolic_trace",
    "Transformer": "interpreter",
    "has_side_effect": "node",
    "map_arg": "node",
    "replace_pattern": "subgraph_rewriter",
    "symbolic_trace": "_symbolic_trace",
    "wrap": "wrapping",
}
__all__ = sorted(_NAMES)
__getattr__, __dir__ = attach(__name__, None, _NAMES, "torch.fx")
