"""Modules whose activations are computed again in backward.

Source: torch.distributed.algorithms._checkpoint.checkpoint_wrapper
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from ....nn.module import Module


class CheckpointImpl(enum.Enum):
    """By which of the two ways of `utils.checkpoint`.

    Source: torch.distributed.algorithms._checkpoint.checkpoint_wrapper.CheckpointImpl
    """

    REENTRANT = enum.auto()
    NO_REENTRANT = enum.auto()


class CheckpointWrapper(Module):
    """A module whose activations are computed again in backward. Its state has the names of the module's.

    Source: torch.distributed.algorithms._checkpoint.checkpoint_wrapper.CheckpointWrapper
    """

    def __init__(
        self,
        mod: Module,
        checkpoint_impl: CheckpointImpl = CheckpointImpl.NO_REENTRANT,
        checkpoint_fn: Callable | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self._checkpoint_wrapped_module = mod
        self._reentrant = checkpoint_impl is CheckpointImpl.REENTRANT
        self._call, self._options = checkpoint_fn, options
        self._register_state_dict_hook(_without_prefix)
        self.register_load_state_dict_pre_hook(_with_prefix)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The module's result."""
        module = self._checkpoint_wrapped_module
        if self._call is not None:
            return self._call(module, *args, **kwargs)
        checkpoint = import_module("flambeau.utils.checkpoint").checkpoint  # which stands above
        return checkpoint(module, *args, use_reentrant=self._reentrant, **self._options, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("_checkpoint_wrapped_module"), name)

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, Any]]:
        """The parameters, by the module's own names."""
        for name, p in super().named_parameters(*args, **kwargs):
            yield name.replace(_PREFIX, ""), p


_PREFIX = "_checkpoint_wrapped_module."


def _without_prefix(module: Module, state: Any, prefix: str, metadata: Any) -> Any:
    for key in [k for k in state if k.startswith(prefix + _PREFIX)]:
        state[prefix + key[len(prefix) + len(_PREFIX) :]] = state.pop(key)
    return state


def _with_prefix(module: Module, state: Any, prefix: str, *rest: Any) -> None:
    for key in [k for k in state if k.startswith(prefix) and not k.startswith(prefix + _PREFIX)]:
        state[prefix + _PREFIX + key[len(prefix) :]] = state.pop(key)


def checkpoint_wrapper(
    module: Module,
    checkpoint_impl: CheckpointImpl = CheckpointImpl.NO_REENTRANT,
    checkpoint_fn: Callable | None = None,
    **options: Any,
) -> CheckpointWrapper:
    """A module whose activations are computed again in backward.

    Source: torch.distributed.algorithms._checkpoint.checkpoint_wrapper.checkpoint_wrapper
    """
    return CheckpointWrapper(module, checkpoint_impl, checkpoint_fn, **options)


def apply_activation_checkpointing(
    model: Module,
    checkpoint_wrapper_fn: Callable = checkpoint_wrapper,
    check_fn: Callable = lambda _: True,
    auto_wrap_policy: Any = None,
) -> None:
    """Wrap all parts of a model for which a function says so.

    Source: torch.distributed.algorithms._checkpoint.checkpoint_wrapper.apply_activation_checkpointing
    """
    if auto_wrap_policy is not None:
        raise NotImplementedError(
            "apply_activation_checkpointing: auto_wrap_policy is not there; use check_fn"
        )
    for name, child in list(model.named_children()):
        apply_activation_checkpointing(child, checkpoint_wrapper_fn, check_fn)
        if check_fn(child):
            setattr(model, name, checkpoint_wrapper_fn(child))
