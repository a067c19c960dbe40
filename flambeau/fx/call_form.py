"""How a traced call of a function is written down: as PyTorch's tracer would have it.

PyTorch writes most functions of ``nn.functional`` in Python, and those hand every call over with what has
no default by position and all else by name, defaults included. Programs that look for
``node.kwargs["inplace"]`` rely on it. The others are noted as they were called.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ..ops.linalg.einsum import einsum
from .naming import AS_CALLED, public_name

_SPACE = "torch.nn.functional."


@functools.cache
def _form(function: Callable) -> inspect.Signature | None:
    """The signature that its calls are noted by; None if as they are."""
    name = public_name(function) or ""
    if not name.startswith(_SPACE) or name.removeprefix(_SPACE) in AS_CALLED:
        return None
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        return None
    return signature


def as_recorded(function: Callable, args: tuple, kwargs: dict) -> tuple[tuple, dict[str, Any]]:
    """The arguments as the node has them."""
    if function is einsum and len(args) == 2 and isinstance(args[1], (tuple, list)):
        return (args[0], *args[1]), kwargs  # as PyTorch calls it again
    form = _form(function)
    if form is None:
        return args, kwargs
    try:
        bound = form.bind(*args, **kwargs)
    except TypeError:
        return args, kwargs
    bound.apply_defaults()
    required = [n for n, p in form.parameters.items() if p.default is inspect.Parameter.empty]
    given = {n: v for n, v in bound.arguments.items() if n != "out" or v is not None}
    by_name = {n: v for n, v in given.items() if n not in required}
    return tuple(bound.arguments[n] for n in required), by_name
