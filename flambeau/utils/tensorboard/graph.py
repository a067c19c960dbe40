"""A module's graph as TensorBoard draws it, from `torch.export`.

Source: torch.utils.tensorboard's add_graph; TensorFlow's GraphDef
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...core.tensor import Tensor
from .summary import shape_of


def graph_of(model: Any, inputs: Any) -> Any:
    """The graph of what a module does with such inputs."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.node_def_pb2 import NodeDef
    from tensorboard.compat.proto.versions_pb2 import VersionDef

    export = import_module(
        "flambeau.export"
    ).export  # a room above this one, as programs would load it
    args = (
        inputs
        if isinstance(inputs, tuple)
        else tuple(inputs)
        if isinstance(inputs, list)
        else (inputs,)
    )
    program = export(model, args)
    targets = {s.arg.name: s.target for s in program.graph_signature.input_specs if s.target}
    names: dict[Any, str] = {}
    nodes = []
    for node in program.graph.nodes:
        names[node] = _place(node, targets)
        attributes = {}
        value = node.meta.get("val")
        if isinstance(value, Tensor):
            listed = AttrValue.ListValue(shape=[shape_of(*value.shape)])
            attributes["_output_shapes"] = AttrValue(list=listed)
        operation = node.target if isinstance(node.target, str) else node.target.__name__
        operation = {"placeholder": "Parameter", "output": "IO Node"}.get(node.op, operation)
        sources = [names[x] for x in node.all_input_nodes]
        nodes.append(NodeDef(name=names[node], op=operation, input=sources, attr=attributes))
    return GraphDef(node=nodes, versions=VersionDef(producer=22))


def _place(node: Any, targets: dict[str, str]) -> str:
    """A node's name, parameters under the modules that have them."""
    if node.name in targets:
        return "parameters/" + targets[node.name].replace(".", "/")
    return f"{'input' if node.op == 'placeholder' else node.op}/{node.name}"
