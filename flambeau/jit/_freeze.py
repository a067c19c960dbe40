"""freeze: scripted modules for evaluation alone."""

from __future__ import annotations

import copy
from typing import Any

from ..nn import Module
from ._script import ScriptModule
from ._state import deprecated

__all__ = ["freeze", "optimize_for_inference", "run_frozen_optimizations"]


def freeze(
    mod: Any,
    preserved_attrs: list[str] | None = None,
    optimize_numerics: bool = True,
    preserve_parameters: bool = False,
) -> ScriptModule:
    """A copy of a scripted module for evaluation, whose parameters and buffers became constants.

    Args:
        mod: The module, in the mode for evaluation.
        preserved_attrs: Parameters and buffers that stay what they are, by their paths.
        optimize_numerics: Not used: no numbers change.
        preserve_parameters: Do all of them stay?

    Raises:
        RuntimeError: No ScriptModule, or one in the mode for training.

    Source: torch.jit.freeze
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError(
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace "
            "to script your 'nn.Module'."
        )
    deprecated("freeze", "use `torch.compile` instead")
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on "
            "your module before freezing."
        )
    frozen = copy.deepcopy(mod)
    if not preserve_parameters:
        root = frozen.__dict__.get(
            "_original", frozen
        )  # has the tables that the wrappers look into
        graphs = [x for x in (frozen._graph_module, *frozen._method_graphs.values()) if x]
        for held in (root, *graphs):
            for path, module in held.named_modules():
                _make_constant(module, f"{path}." if path else "", preserved_attrs or [])
    return frozen


def _make_constant(module: Module, prefix: str, kept: list[str]) -> None:
    """Plain attributes in place of a module's parameters and buffers."""
    for table in (module._parameters, module._buffers):
        for name in [name for name in table if prefix + name not in kept]:
            value = table.pop(name)
            module.__dict__[name] = value if value is None else value.detach()


def optimize_for_inference(
    mod: ScriptModule, other_methods: list[str] | None = None
) -> ScriptModule:
    """`freeze`, in the mode for evaluation.

    Raises:
        RuntimeError: No ScriptModule.

    Source: torch.jit.optimize_for_inference
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError(
            "optimize_for_inference expects a ScriptModule as input. Please use torch.jit.script or "
            "torch.jit.trace to script your 'nn.Module'."
        )
    return freeze(mod.eval(), other_methods)


def run_frozen_optimizations(
    mod: ScriptModule, optimize_numerics: bool = True, preserved_methods: list[str] | None = None
) -> None:
    """Nothing: frozen modules run as they are.

    Source: torch.jit.run_frozen_optimizations
    """
