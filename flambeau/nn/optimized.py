"""What `torch.compile` makes of a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .module import Module

_OWN = frozenset(
    (
        *("_orig_mod", "_hooked", "_parameters", "_buffers", "_modules"),
        *("_non_persistent_buffers_set", "_is_full_backward_hook"),
    )
)
"""What is set on the module around; all else is set on the one within."""


class OptimizedModule(Module):
    """A module around another, which it calls; all other attributes are those of the one within.

    Source: torch._dynamo.OptimizedModule

    Example:
        >>> import flambeau as torch
        >>> compiled = torch.compile(torch.nn.Linear(2, 2))
        >>> list(compiled.state_dict()), compiled.in_features
        (['_orig_mod.weight', '_orig_mod.bias'], 2)
    """

    _run: Callable | None = None

    def __init__(self, mod: Module, run: Callable | None = None) -> None:
        super().__init__()
        self.__dict__["_run"] = run
        del self.__dict__["training"]  # the inner one's counts
        self._orig_mod = mod

    @property
    def training(self) -> bool:  # type: ignore[override]
        """Is the module within in training mode?"""
        return self._orig_mod.training

    @training.setter
    def training(self, mode: bool) -> None:
        self._orig_mod.training = mode

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module within gives."""
        return (self._run or self._orig_mod)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return super().__getattr__(name)
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN or name == "training":
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._orig_mod, name)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and files hold the module: what a backend made has the parameters of this one."""
        return {key: value for key, value in self.__dict__.items() if key != "_run"}

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._orig_mod)})
