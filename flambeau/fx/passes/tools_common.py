"""Small tools of passes.

Source: torch.fx.passes.tools_common
"""

from __future__ import annotations

import heapq
from typing import Any

from ...checking import typename
from ...core.tensor import Tensor
from ..graph import Graph
from ..graph_module import GraphModule
from ..naming import qualified_name
from ..node import Node

__all__ = ["CALLABLE_NODE_OPS", "get_acc_ops_name", "get_node_target", "is_node_output_tensor"]
__all__ += ["legalize_graph", "stable_topological_sort"]

CALLABLE_NODE_OPS = {"call_module", "call_function", "call_method"}
NodeSet = set[Node]
NodeList = list[Node]


def get_acc_ops_name(k: Any) -> str:
    """A function's name."""
    return k if isinstance(k, str) else qualified_name(k)


def get_node_target(submodules: Any, node: Node) -> str:
    """The name of what a node calls: of a module, its class.

    Raises:
        AssertionError: It calls nothing.
    """
    if node.op not in CALLABLE_NODE_OPS:
        raise AssertionError(
            f"Expect op types of {', '.join(CALLABLE_NODE_OPS)}, but found {node.op}"
        )
    if node.op == "call_module":
        called = submodules[node.target]
        return typename(getattr(called, "_base_class_origin", type(called)))
    return get_acc_ops_name(node.target)


def is_node_output_tensor(node: Node) -> bool:
    """Does `ShapeProp` say that it gives a tensor?"""
    kind = node.meta.get("type")
    return isinstance(kind, type) and issubclass(kind, Tensor)


def stable_topological_sort(gm: GraphModule) -> GraphModule:
    """Put each node after those that it uses, and change no order otherwise; returns the module.

    Raises:
        RuntimeError: Nodes use each other in a circle.
    """
    nodes = list(gm.graph.nodes)
    place = {node: i for i, node in enumerate(nodes)}
    waits = {node: len(node.all_input_nodes) for node in nodes}
    ready = [place[node] for node in nodes if not waits[node]]
    heapq.heapify(ready)
    graph = Graph(tracer_cls=gm.graph._tracer_cls)
    values: dict[Node, Node] = {}
    while ready:
        node = nodes[heapq.heappop(ready)]
        values[node] = graph.node_copy(node, values.__getitem__)
        for user in node.users:
            waits[user] -= 1
            if not waits[user]:
                heapq.heappush(ready, place[user])
    if len(values) < len(nodes):
        raise RuntimeError(f"Input graph has cycles: {[n for n in nodes if n not in values]}")
    graph.set_codegen(gm.graph._codegen)
    gm.graph = graph
    return gm


legalize_graph = stable_topological_sort
