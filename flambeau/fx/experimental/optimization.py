"""Changes of traced networks that only compute: fused normalisation, no dropout."""

from __future__ import annotations

import copy
from typing import Any

from ...nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    Dropout,
    Dropout2d,
    Dropout3d,
    Module,
)
from ...nn.utils.fusion import fuse_conv_bn_eval
from .._symbolic_trace import symbolic_trace
from ..graph_module import GraphModule
from ..node import Node

__all__ = ["fuse", "matches_module_pattern", "remove_dropout", "replace_node_module"]

_PAIRS = ((Conv1d, BatchNorm1d), (Conv2d, BatchNorm2d), (Conv3d, BatchNorm3d))


def matches_module_pattern(
    pattern: tuple[type, ...], node: Node, modules: dict[str, Module]
) -> bool:
    """Are a node's input and the node calls of modules of these two classes?

    Source: torch.fx.experimental.optimization.matches_module_pattern
    """
    if not node.args or not isinstance(node.args[0], Node):
        return False
    return all(
        found.op == "call_module" and type(modules.get(str(found.target))) is kind
        for kind, found in zip(pattern, (node.args[0], node))
    )


def replace_node_module(node: Node, modules: dict[str, Module], new_module: Module) -> None:
    """Put another module where a node looks for its own.

    Source: torch.fx.experimental.optimization.replace_node_module
    """
    path, _, name = str(node.target).rpartition(".")
    modules[str(node.target)] = new_module
    setattr(modules[path], name, new_module)


def fuse(model: Module, inplace: bool = False, no_trace: bool = False) -> GraphModule:
    """A model whose convolutions do the normalisation after them too, in the mode for evaluation.

    Args:
        model: The model; its normalisations must have running statistics.
        inplace: Change it, instead of a copy?
        no_trace: Is it traced already?

    Raises:
        NotImplementedError: A normalisation without running statistics.

    Source: torch.fx.experimental.optimization.fuse
    """
    if not inplace:
        model = copy.deepcopy(model)
    traced: Any = model if no_trace and isinstance(model, GraphModule) else symbolic_trace(model)
    modules = dict(traced.named_modules())
    for pattern in _PAIRS:
        for node in traced.graph.nodes:
            if not matches_module_pattern(pattern, node, modules) or len(node.args[0].users) > 1:
                continue
            conv, norm = modules[node.args[0].target], modules[node.target]
            if not norm.track_running_stats:
                continue
            replace_node_module(node.args[0], modules, fuse_conv_bn_eval(conv, norm))
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    return GraphModule(traced, traced.graph)


def remove_dropout(model: Module) -> Module:
    """A model without its dropout.

    Source: torch.fx.experimental.optimization.remove_dropout
    """
    traced = symbolic_trace(model)
    for node in list(traced.graph.nodes):
        if node.op == "call_module" and isinstance(
            traced.get_submodule(str(node.target)), (Dropout, Dropout2d, Dropout3d)
        ):
            node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
            traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced
