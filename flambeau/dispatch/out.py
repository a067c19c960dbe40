"""``out=`` for Python functions of tensors: they give their results, which are written there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.result import NamedResult, written_result
from ..core.tensor import Tensor, class_name
from .torch_function import override
from .write import write_out


def with_out(function: Callable, place: str, tensors: str) -> Callable:
    """`function` with an ``out`` of its own, its tensors checked, and open to tensor subclasses.

    Args:
        function: It takes no ``out``; what it returns is written there.
        place: Where users find it, for messages: "linalg.inv".
        tensors: The names of the arguments that must be tensors, from the first on.
    """
    needed = tuple(tensors.split())
    count = len(needed)

    @functools.wraps(function)
    def called(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None and not kwargs:
            for x in args[:count]:
                if x.__class__ is not Tensor:
                    break
            else:
                return function(*args)
        for position, name in enumerate(needed):
            if position >= len(args):
                break
            x = args[position]
            if not isinstance(x, Tensor):
                if hasattr(type(x), "__torch_function__"):
                    return override(called, args, args, _with(kwargs, out))
                raise _no_tensor(place, name, position, x)
        result = function(*args, **kwargs)
        return result if out is None else write_results(out, result, place)

    called.__name__ = place.rpartition(".")[2]
    return called


def with_tensors(function: Callable, place: str, tensors: str) -> Callable:
    """`function`, of which some arguments must be tensors, or None.

    Args:
        place: Where users find it, for messages: "linalg.inv".
        tensors: The names of these arguments, from the first on.
    """
    needed = tuple(tensors.split())

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        for position, name in enumerate(needed):
            x = args[position] if position < len(args) else kwargs.get(name)
            if not (x is None or isinstance(x, Tensor) or hasattr(type(x), "__torch_function__")):
                raise _no_tensor(place, name, position, x)
        return function(*args, **kwargs)

    return called


def _no_tensor(place: str, name: str, position: int, x: Any) -> TypeError:
    return TypeError(
        f"{place.replace('.', '_')}(): argument '{name}' (position {position + 1}) must be Tensor, not "
        f"{class_name(x)}"
    )


def _with(kwargs: dict, out: Any) -> dict:
    return kwargs if out is None else {**kwargs, "out": out}


def write_results(out: Any, result: Any, name: str) -> Any:
    """Write a result, or each of several, into ``out``; several come back under their names."""
    write_out(out, result, name)
    if not isinstance(result, tuple):
        return out
    return written_result(type(result))(out) if isinstance(result, NamedResult) else tuple(out)
