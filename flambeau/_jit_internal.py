"""Marks of methods for TorchScript, which packages import from here.

Source: torch._jit_internal
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .jit import Future, export, ignore, is_scripting, unused
from .jit import _overload as _overload
from .jit import _overload_method as _overload_method

__all__ = ["Future", "export", "ignore", "is_scripting", "unused"]

F = TypeVar("F", bound=Callable[..., Any])


def _copy_to_script_wrapper(fn: F) -> F:
    """Marks a method that scripted modules keep as it is, as all of flambeau's are kept."""
    fn._torchscript_modifier = "keep as Python's"  # type: ignore[attr-defined]
    return fn
