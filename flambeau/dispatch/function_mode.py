"""`TorchFunctionMode`: a context that sees the calls of public functions. From the first one on, functions ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import handler
from .torch_function import guards


class TorchFunctionMode:
    """A context in which every call of a public function goes to ``__torch_function__``.

    While a mode handles a call, it is not in force itself. Factories, which have no operands that
    could handle them, go to modes too.

    Source: torch.overrides.TorchFunctionMode

    Example:
        >>> import flambeau as torch
        >>> class Names(torch.overrides.TorchFunctionMode):
        ...     def __torch_function__(self, func, types, args=(), kwargs=None):
        ...         print(func.__name__)
        ...         return func(*args, **(kwargs or {}))
        >>> with Names():
        ...     x = torch.zeros(2).exp()
        zeros
        exp
    """

    def __torch_function__(
        self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must define __torch_function__(self, func, types, args, kwargs)"
        )

    def __enter__(self) -> Any:
        guards.enable()
        handler.entered.append(self)
        handler.state.modes = (*handler.state.modes, self)
        return self

    def __exit__(self, *exception: object) -> None:
        handler.state.modes = handler.state.modes[:-1]
        handler.entered.remove(self)
