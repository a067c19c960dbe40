"""Names that mark code for TorchScript, or say something of it: Python's code runs without them."""

from __future__ import annotations

import builtins
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from .._caller import warn

EXPORTED = "@torch.jit.export"
"""What a method carries that `export` marked."""

__all__ = ["Attribute", "annotate", "export", "ignore", "interface", "isinstance", "unused"]


def export(fn: Callable) -> Callable:
    """Mark a method that a saved module has besides forward: the method itself.

    Source: torch.jit.export
    """
    fn._torchscript_modifier = EXPORTED  # type: ignore[attr-defined]
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


def interface(obj: type) -> type:
    """Mark a class that says what modules have: the class itself.

    Source: torch.jit.interface
    """
    return obj


def annotate(the_type: Any, the_value: Any) -> Any:
    """Say of which type a value is: the value itself.

    Source: torch.jit.annotate
    """
    return the_value


class Attribute(NamedTuple):
    """A value and its type, for an attribute of a module.

    Source: torch.jit.Attribute
    """

    value: Any
    type: Any


def isinstance(obj: Any, target_type: Any) -> bool:
    """Is it of this type, items included?

    Args:
        obj: A value.
        target_type: A class, a type such as ``list[int]`` or ``Optional[Tensor]``, or a tuple of them.

    Raises:
        RuntimeError: A type of containers that does not say what they hold.

    Source: torch.jit.isinstance

    Example:
        >>> import flambeau as torch
        >>> torch.jit.isinstance([1, 2], list[int]), torch.jit.isinstance(["a"], list[int])
        (True, False)
    """
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, kind) for kind in target_type)
    origin, args = typing.get_origin(target_type), typing.get_args(target_type)
    if not args and (target_type in (list, dict, tuple, typing.Optional) or origin is not None):
        name = str(getattr(target_type, "__name__", target_type)).lower()
        raise RuntimeError(
            f"Attempted to use {name} without a contained type. Please add a contained type, e.g. "
            f"{name}[{'int, int' if name == 'dict' else 'int'}]"
        )
    if origin is None:
        return obj is None if target_type is None else builtins.isinstance(obj, target_type)
    if origin in (typing.Union, types.UnionType):
        return any(isinstance(obj, kind) for kind in args)
    if not builtins.isinstance(obj, origin):
        return False
    if origin is dict:
        return all(isinstance(k, args[0]) and isinstance(v, args[1]) for k, v in obj.items())
    if origin is tuple and not (len(args) == 2 and args[1] is ...):
        return len(obj) == len(args) and all(map(isinstance, obj, args))
    return all(isinstance(item, args[0]) for item in obj)


# --------------------------------------------------------------------------------------- overloads

_overloads: dict[str, list[Callable]] = {}


def _overload(func: Callable) -> Callable:
    """Mark a signature of a function that follows: the function itself."""
    _overloads.setdefault(f"{func.__module__}.{func.__qualname__}", []).append(func)
    return func


def _overload_method(func: Callable) -> Callable:
    """Mark a signature of a method that follows: the method itself."""
    return _overload(func)


def _drop(fn: Callable) -> Callable:
    """Mark a function that TorchScript should forget: the function itself."""
    return fn


def _unwrap_optional(x: Any) -> Any:
    """A value that is not None.

    Raises:
        AssertionError: It is.
    """
    if x is None:
        raise AssertionError("Unwrapping null optional")
    return x


# --------------------------------------------------- settings of a compiler that is not there

_settings: dict[str, Any] = {
    "fusion": [("STATIC", 2), ("DYNAMIC", 10)],
    "onednn": False,
}


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Note how TorchScript should fuse; nothing here asks. Returns what was noted before.

    Raises:
        RuntimeError: Neither "STATIC" nor "DYNAMIC".

    Source: torch.jit.set_fusion_strategy
    """
    for kind, _ in strategy:
        if kind not in ("STATIC", "DYNAMIC"):
            raise RuntimeError(f"FusionBehavior only supports STATIC or DYNAMIC, got: {kind}")
    before = _settings["fusion"]
    _settings["fusion"] = list(strategy)
    return before  # type: ignore[no-any-return]


def enable_onednn_fusion(enabled: bool) -> None:
    """Note whether TorchScript should use oneDNN; nothing here asks.

    Source: torch.jit.enable_onednn_fusion
    """
    _settings["onednn"] = bool(enabled)


def onednn_fusion_enabled() -> bool:
    """What was noted by `enable_onednn_fusion`.

    Source: torch.jit.onednn_fusion_enabled
    """
    return bool(_settings["onednn"])


@contextmanager
def fuser(name: str) -> Iterator[None]:
    """Within ``with``, the fuser of this name would be used, if there were one.

    Raises:
        Exception: A name that PyTorch does not know.

    Source: torch.jit.fuser
    """
    if name not in ("fuser0", "fuser1", "fuser2", "fuser3"):
        raise Exception(f"unrecognized fuser option (name: {name})")
    yield


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """Within ``with``, TorchScript would optimise, or not.

    Source: torch.jit.optimized_execution
    """
    yield


class strict_fusion:
    """Within ``with``, TorchScript would insist on one kernel.

    Source: torch.jit.strict_fusion
    """

    def __init__(self) -> None:
        warn("Only works in script mode")

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass
