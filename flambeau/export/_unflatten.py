"""A module of an exported program whose parameters can be trained."""

from __future__ import annotations

import abc
import copy
from typing import Any

from ..nn import Module
from .exported_program import ExportedProgram

__all__ = ["FlatArgsAdapter", "UnflattenedModule", "unflatten"]


class FlatArgsAdapter(abc.ABC):
    """Turns arguments of one nesting into another's.

    Source: torch.export.FlatArgsAdapter
    """

    @abc.abstractmethod
    def adapt(
        self,
        target_spec: Any,
        input_spec: Any,
        input_args: list[Any],
        metadata: dict[str, Any] | None = None,
        obj: Any = None,
    ) -> list[Any]:
        """The leaves in the order of `target_spec`."""


class UnflattenedModule(Module):
    """A module that holds an exported program's parameters under their paths.

    Its forward is the program's one graph: modules within it hold parameters, and compute nothing themselves.

    Source: torch.export.UnflattenedModule
    """

    def __init__(
        self, export_module: ExportedProgram, flat_args_adapter: FlatArgsAdapter | None = None
    ):
        super().__init__()
        made = export_module.module()
        for name, child in made.named_children():
            if name != "_guards_fn":
                self.add_module(name, copy.deepcopy(child))
        for name, parameter in made._parameters.items():
            self.register_parameter(name, copy.deepcopy(parameter))
        for name, buffer in made._buffers.items():
            persistent = name not in made._non_persistent_buffers_set
            self.register_buffer(name, None if buffer is None else buffer.clone(), persistent)
        if "_guards_fn" in made._modules:
            self._guards_fn = made._guards_fn
        self.graph, self.flat_args_adapter = made.graph, flat_args_adapter
        self._in_spec, self._out_spec = made._in_spec, made._out_spec
        self._run = type(made).forward

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the exported module computes."""
        if self.flat_args_adapter is not None:
            from ..utils import _pytree as pytree

            leaves, spec = pytree.tree_flatten((args, kwargs))
            if spec != self._in_spec:
                leaves = self.flat_args_adapter.adapt(self._in_spec, spec, leaves)
                args, kwargs = pytree.tree_unflatten(leaves, self._in_spec)
        return self._run(self, *args, **kwargs)


def unflatten(
    module: ExportedProgram, flat_args_adapter: FlatArgsAdapter | None = None
) -> UnflattenedModule:
    """A module of an exported program, with parameters of its own.

    Args:
        module: The program.
        flat_args_adapter: Turns arguments of other nestings into those of the program.

    Source: torch.export.unflatten
    """
    return UnflattenedModule(module, flat_args_adapter)
