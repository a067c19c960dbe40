"""Which nodes of a graph somebody supports.

Source: torch.fx.passes.operator_support
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any

from ...nn import Module
from ..node import Node
from .tools_common import CALLABLE_NODE_OPS, get_node_target

__all__ = ["OperatorSupport", "OperatorSupportBase", "any_chain", "chain", "create_op_support"]

Modules = Mapping[str, Module]


class OperatorSupportBase(abc.ABC):
    """Says of nodes whether they are supported."""

    @abc.abstractmethod
    def is_node_supported(self, submodules: Modules, node: Node) -> bool:
        """Is it?"""


class OperatorSupport(OperatorSupportBase):
    """Says so by a dict of targets' names.

    Args:
        support_dict: For the names of functions, methods and modules' classes, None or what is asked of dtypes.
    """

    def __init__(self, support_dict: Mapping[str, Any] | None = None):
        self._support_dict = support_dict or {}

    def is_node_supported(self, submodules: Modules, node: Node) -> bool:
        if node.op not in CALLABLE_NODE_OPS:
            return True
        return get_node_target(submodules, node) in self._support_dict


class _Function(OperatorSupportBase):
    def __init__(self, function: Callable[[Modules, Node], bool]):
        self.function = function

    def is_node_supported(self, submodules: Modules, node: Node) -> bool:
        return self.function(submodules, node)


def create_op_support(is_node_supported: Callable[[Modules, Node], bool]) -> OperatorSupportBase:
    """One that asks a function."""
    return _Function(is_node_supported)


def chain(*op_support: OperatorSupportBase) -> OperatorSupportBase:
    """One that wants all to say yes."""
    return _Function(lambda m, n: all(x.is_node_supported(m, n) for x in op_support))


def any_chain(*op_support: OperatorSupportBase) -> OperatorSupportBase:
    """One that wants any to say yes."""
    return _Function(lambda m, n: any(x.is_node_supported(m, n) for x in op_support))
