"""freeze: scripted modules for evaluation alone."""

from __future__ import annotations

import copy
from typing import Any

from ._script import ScriptModule
from ._state import deprecated

__all__ = ["freeze", "optimize_for_inference", "run_frozen_optimizations"]


def freeze(
    mod: Any,
    preserved_attrs: list[str] | None = None,
    optimize_numerics: bool = True,
    preserve_parameters: bool = False,
) -> ScriptModule:
    """A copy of a scripted module in the mode for evaluation, whose parameters are no longer trained.

    Args:
        mod: The module.
        preserved_attrs, optimize_numerics, preserve_parameters: All attributes stay, and no numbers change.

    Raises:
        RuntimeError: No ScriptModule.

    Source: torch.jit.freeze
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError(
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace "
            "to script your 'nn.Module'."
        )
    deprecated("freeze", "use `torch.compile` instead")
    frozen = copy.deepcopy(mod)
    frozen.eval()
    for parameter in frozen.parameters():
        parameter.requires_grad_(False)
    return frozen


def optimize_for_inference(
    mod: ScriptModule, other_methods: list[str] | None = None
) -> ScriptModule:
    """`freeze`, unless the module is in the mode for evaluation and frozen already.

    Raises:
        RuntimeError: No ScriptModule.

    Source: torch.jit.optimize_for_inference
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError(
            "optimize_for_inference expects a ScriptModule as input. Please use torch.jit.script or "
            "torch.jit.trace to script your 'nn.Module'."
        )
    return freeze(mod)


def run_frozen_optimizations(
    mod: ScriptModule, optimize_numerics: bool = True, preserved_methods: list[str] | None = None
) -> None:
    """Nothing: frozen modules run as they are.

    Source: torch.jit.run_frozen_optimizations
    """
