"""Modules as functions of their parameters, in functorch's spelling; `torch.func.functional_call` is the present one.

Source: torch._functorch.make_functional
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

from .._caller import warn
from ..core.tensor import Tensor
from ..func import functional_call, stack_module_state
from ..nn import Module

__all__ = [
    "FunctionalModule",
    "FunctionalModuleWithBuffers",
    "combine_state_for_ensemble",
    "make_functional",
    "make_functional_with_buffers",
]


class FunctionalModule(Module):
    """A module without parameters of its own: ``f(params, *args)``.

    Source: functorch.FunctionalModule
    """

    def __init__(self, stateless_model: Module, param_names: Iterable[str]) -> None:
        super().__init__()
        self.stateless_model, self.param_names = stateless_model, tuple(param_names)

    def forward(self, params: Sequence[Tensor], *args: Any, **kwargs: Any) -> Any:
        """What the module gives with these parameters."""
        values = dict(zip(self.param_names, params))
        return functional_call(self.stateless_model, values, args, kwargs)


class FunctionalModuleWithBuffers(Module):
    """A module without parameters and buffers of its own: ``f(params, buffers, *args)``.

    Source: functorch.FunctionalModuleWithBuffers
    """

    def __init__(
        self, stateless_model: Module, param_names: Iterable[str], buffer_names: Iterable[str]
    ) -> None:
        super().__init__()
        self.stateless_model = stateless_model
        self.param_names, self.buffer_names = tuple(param_names), tuple(buffer_names)

    def forward(
        self, params: Sequence[Tensor], buffers: Sequence[Tensor], *args: Any, **kwargs: Any
    ) -> Any:
        """What the module gives with these parameters and buffers."""
        values = dict(zip((*self.param_names, *self.buffer_names), (*params, *buffers)))
        return functional_call(self.stateless_model, values, args, kwargs)


def _taken(model: Module, disable_autograd_tracking: bool) -> tuple[Module, dict, dict]:
    """A copy on the device meta, and the parameters and buffers."""
    bare = copy.deepcopy(model).to("meta")
    parameters = dict(model.named_parameters())
    if disable_autograd_tracking:
        parameters = {name: value.detach() for name, value in parameters.items()}
    return bare, parameters, dict(model.named_buffers())


def make_functional(
    model: Module, disable_autograd_tracking: bool = False
) -> tuple[FunctionalModule, tuple[Tensor, ...]]:
    """A module as a function of its parameters, and these.

    Raises:
        ValueError: It has buffers.

    Source: functorch.make_functional

    Example:
        >>> import flambeau as torch
        >>> from flambeau._functorch.make_functional import make_functional
        >>> import warnings
        >>> with warnings.catch_warnings(action="ignore"):
        ...     f, params = make_functional(torch.nn.Linear(2, 3))
        >>> f(params, torch.ones(2)).shape
        torch.Size([3])
    """
    _advise("make_functional")
    bare, parameters, buffers = _taken(model, disable_autograd_tracking)
    if buffers:
        raise ValueError(
            "make_functional(model): `model` has buffers. Please use make_functional_with_buffers(model) instead."
        )
    return FunctionalModule(bare, parameters), tuple(parameters.values())


def make_functional_with_buffers(
    model: Module, disable_autograd_tracking: bool = False
) -> tuple[FunctionalModuleWithBuffers, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """A module as a function of its parameters and buffers, and these.

    Source: functorch.make_functional_with_buffers
    """
    _advise("make_functional_with_buffers")
    bare, parameters, buffers = _taken(model, disable_autograd_tracking)
    made = FunctionalModuleWithBuffers(bare, parameters, buffers)
    return made, tuple(parameters.values()), tuple(buffers.values())


def combine_state_for_ensemble(models: Sequence[Module]) -> tuple[Any, tuple, tuple]:
    """Modules of one kind as one function, with their stacked parameters and buffers.

    Source: functorch.combine_state_for_ensemble
    """
    _advise("combine_state_for_ensemble", "stack_module_state")
    bare, names, buffers = _taken(models[0], True)
    stacked, stacked_buffers = stack_module_state(list(models))
    made = FunctionalModuleWithBuffers(bare, names, buffers)
    return made, tuple(stacked.values()), tuple(stacked_buffers.values())


def _advise(name: str, instead: str = "functional_call") -> None:
    warn(
        f"We've integrated functorch into PyTorch. `functorch.{name}` is deprecated: use `torch.func.{instead}` instead.",
        FutureWarning,
    )
