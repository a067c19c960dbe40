"""Sample programs on another device, and what is compared of their results."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import flambeau as torch
from tests.ops import sample


def facts(tensor: torch.Tensor) -> tuple:
    return tuple(tensor.shape), tensor.dtype, tensor.stride()


def tensors_of(result: Any) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, (tuple, list)):
        return [tensor for part in result for tensor in tensors_of(part)]
    return []


def placed(value: Any, device: str, made: dict[Any, Any] | None = None) -> Any:
    """A sample program, or a helper or constant of it, for tensors of a device."""
    made = {} if made is None else made
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if value is sample._classes:
        return lambda *shape, **options: value(*shape, **options).to(device)
    if isinstance(value, FunctionType) and value.__module__ == sample.__name__:
        if value not in made:
            scope: dict[str, Any] = {}
            copied = FunctionType(
                value.__code__, scope, value.__name__, value.__defaults__, value.__closure__
            )
            copied.__kwdefaults__ = value.__kwdefaults__
            made[value] = copied
            scope.update({name: placed(x, device, made) for name, x in value.__globals__.items()})
        return made[value]
    return value
