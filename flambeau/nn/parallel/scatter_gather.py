"""Splitting arguments for devices, and joining results.

Source: torch.nn.parallel.scatter_gather
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.tensor import Tensor
from . import comm


def is_namedtuple(obj: Any) -> bool:
    """Is it a named tuple?

    Source: torch.nn.parallel.scatter_gather.is_namedtuple
    """
    return isinstance(obj, tuple) and hasattr(obj, "_asdict") and hasattr(obj, "_fields")


_is_namedtuple = is_namedtuple


def scatter(inputs: Any, target_gpus: Sequence[Any], dim: int = 0) -> Any:
    """Tensors split along a dimension, and what is no tensor repeated, for each device; within containers too.

    Raises:
        ValueError: One of the devices is a CPU.

    Source: torch.nn.parallel.scatter_gather.scatter
    """
    count = len(target_gpus)

    def split(item: Any) -> list[Any]:
        if isinstance(item, Tensor):
            return list(comm.scatter(item, target_gpus, None, dim))
        if is_namedtuple(item):
            return [type(item)(*parts) for parts in zip(*map(split, item))]
        if isinstance(item, (tuple, list)) and item:
            return [type(item)(parts) for parts in zip(*map(split, item))]
        if isinstance(item, dict) and item:
            return [type(item)(parts) for parts in zip(*map(split, item.items()))]
        return [item] * count

    return split(inputs)


def scatter_kwargs(
    inputs: Any, kwargs: Any, target_gpus: Sequence[Any], dim: int = 0
) -> tuple[tuple, tuple]:
    """Positional and keyword arguments for each device, as many of both.

    Source: torch.nn.parallel.scatter_gather.scatter_kwargs
    """
    parts = scatter(inputs, target_gpus, dim) if inputs else []
    keywords = scatter(kwargs, target_gpus, dim) if kwargs else []
    missing = len(keywords) - len(parts)
    parts += [()] * missing
    keywords += [{}] * -missing
    return tuple(map(tuple, parts)), tuple(keywords)


def gather(outputs: Any, target_device: Any, dim: int = 0) -> Any:
    """Results of devices joined on one; within containers too.

    Raises:
        AssertionError: A result is on the CPU.
        ValueError: Dicts have other keys.

    Source: torch.nn.parallel.scatter_gather.gather
    """
    first = outputs[0]
    if isinstance(first, Tensor):
        return comm.gather(outputs, dim, target_device)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(first) != len(other) for other in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)(
            (key, gather([other[key] for other in outputs], target_device, dim)) for key in first
        )
    joined = [gather(parts, target_device, dim) for parts in zip(*outputs)]
    return type(first)._make(joined) if is_namedtuple(first) else type(first)(joined)


__all__ = ["gather", "scatter", "scatter_kwargs"]
