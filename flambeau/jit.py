"""TorchScript's names. There is no TorchScript here: what only marks code does so, the rest says no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

__all__ = ["Final", "export", "ignore", "is_scripting", "is_tracing", "unused"]


def is_scripting() -> bool:
    """Is code being turned into TorchScript? Never here.

    Source: torch.jit.is_scripting
    """
    return False


def is_tracing() -> bool:
    """Is a trace being recorded? Never here.

    Source: torch.jit.is_tracing
    """
    return False


def export(fn: Callable) -> Callable:
    """Mark a method that TorchScript should take too: the method itself.

    Source: torch.jit.export
    """
    return fn


def unused(fn: Callable) -> Callable:
    """Mark a function that TorchScript should not take: the function itself.

    Source: torch.jit.unused
    """
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Mark a function that TorchScript should leave to Python: the function itself, or a decorator.

    Source: torch.jit.ignore
    """
    return drop if callable(drop) else (lambda function: function)


_ABSENT = frozenset(
    (
        *("script", "trace", "trace_module", "load", "save", "freeze", "fork", "wait"),
        *("optimize_for_inference", "script_method", "ScriptModule", "ScriptFunction"),
    )
)


def __getattr__(name: str) -> Any:
    """The names that make or run TorchScript raise when they are called."""
    if name not in _ABSENT:
        raise AttributeError(f"module 'torch.jit' has no attribute '{name}'")

    def absent(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"torch.jit.{name}: flambeau has no TorchScript. Call the function or module as it is; "
            "save a model with torch.save(model.state_dict(), path)"
        )

    return absent
