"""Python functions of tensors made public: argument checks, ``out=``, and tensor subclasses."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.result import NamedResult
from ..core.tensor import Tensor
from .registry import override, public
from .write import write_out


def call_name(place: str) -> str:
    """What error messages of arguments call a function: linalg_inv()."""
    return place.replace(".", "_") + "()"


def exported(*places: str, method: bool | str = False, tensors: str = "") -> Callable:
    """`public`, for functions of tensors with ``out=`` and for tensor subclasses.

    The function itself takes no ``out``; what it returns is written there.

    Args:
        places: As for `public`.
        method: As for `public`.
        tensors: The names of the arguments that must be tensors, from the first on.
    """

    def register(function: Callable) -> Callable:
        place = (places or (function.__name__,))[0]
        needed = tuple(tensors.split())

        @functools.wraps(function)
        def called(*args: Any, out: Any = None, **kwargs: Any) -> Any:
            for position, name in enumerate(needed):
                if position >= len(args):
                    break
                x = args[position]
                if not isinstance(x, Tensor):
                    if hasattr(type(x), "__torch_function__"):
                        return override(called, args, args, _with(kwargs, out))
                    raise TypeError(
                        f"{call_name(place)}: argument '{name}' (position {position + 1}) must be "
                        f"Tensor, not {type(x).__name__}"
                    )
            result = function(*args, **kwargs)
            return result if out is None else given(out, result, place)

        called.__name__ = called.__qualname__ = place.rpartition(".")[2]
        return public(*places or (function.__name__,), method=method)(called)

    return register


def _with(kwargs: dict, out: Any) -> dict:
    return kwargs if out is None else {**kwargs, "out": out}


def given(out: Any, result: Any, name: str) -> Any:
    """Write a result, or each of several, into ``out``."""
    if not isinstance(result, tuple):
        return write_out(out, result, name)
    if not isinstance(out, (tuple, list)) or len(out) != len(result):
        raise TypeError(
            f"{name}(): argument 'out' must be a tuple of {len(result)} Tensors, not "
            f"{type(out).__name__}"
        )
    for target, value in zip(out, result):
        write_out(target, value, name)
    return type(result)(out) if isinstance(result, NamedResult) else tuple(out)
