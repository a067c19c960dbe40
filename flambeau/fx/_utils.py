"""Small things of fx under PyTorch's name of their module."""

from __future__ import annotations

from typing import Any

from .graph import Graph
from .graph_module import GraphModule

__all__ = ["first_call_function_nn_module_stack", "get_node_context", "lazy_format_graph_code"]


def lazy_format_graph_code(name: str, gm: GraphModule, maybe_id: Any = None, **kwargs: Any) -> str:
    """A module's text under a title, for logs."""
    title = name if maybe_id is None else f"{name} {maybe_id}"
    return f"===== {title} =====\n{gm.print_readable(print_output=False)}"


def first_call_function_nn_module_stack(graph: Graph) -> Any:
    """The modules that ran when the first function was called; None if that is not known."""
    for node in graph.nodes:
        if node.op == "call_function" and "nn_module_stack" in node.meta:
            return node.meta["nn_module_stack"]
    return None


def get_node_context(node: Any, num_nodes: int = 2) -> str:
    """The lines of a node and of those before it."""
    lines: list[str] = []
    now = node
    for _ in range(num_nodes + 1):
        if now.op == "root":
            break
        lines.insert(0, now.format_node())
        now = now.prev
    return "\n".join(lines)
