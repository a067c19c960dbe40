"""PassBase: a change of graph modules, with checks before and after it.

Source: torch.fx.passes.infra.pass_base
"""

from __future__ import annotations

import abc
from typing import NamedTuple

from ...graph_module import GraphModule

__all__ = ["PassBase", "PassResult"]


class PassResult(NamedTuple):
    """What a pass gives.

    Attributes:
        graph_module: The module.
        modified: Did the pass change it?
    """

    graph_module: GraphModule
    modified: bool


class PassBase(abc.ABC):
    """A pass: define `call`; `requires` and `ensures` check the module before and after it."""

    def __call__(self, graph_module: GraphModule) -> PassResult | None:
        self.requires(graph_module)
        result = self.call(graph_module)
        self.ensures(graph_module)
        return result

    @abc.abstractmethod
    def call(self, graph_module: GraphModule) -> PassResult | None:
        """Change the module."""

    def requires(self, graph_module: GraphModule) -> None:  # noqa: B027
        """Check the module before the change; nothing by default."""

    def ensures(self, graph_module: GraphModule) -> None:  # noqa: B027
        """Check the module after the change; nothing by default."""
