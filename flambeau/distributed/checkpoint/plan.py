"""Who writes what: tensors by their parts, other values once.

Source: torch.distributed.checkpoint.planner
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...core.tensor import Tensor
from ..tensor.dtensor import DTensor, _local
from ..tensor.placement_types import Shard, part_of


class CheckpointException(Exception):
    """A checkpoint was not written or read; `failures` has what went wrong in which process.

    Source: torch.distributed.checkpoint.CheckpointException
    """

    def __init__(self, message: str, failures: Mapping[int, str]) -> None:
        parts = "".join(f"\nrank {rank}: {text}" for rank, text in failures.items())
        super().__init__(message + parts)
        self.failures = dict(failures)


@dataclass(frozen=True)
class Part:
    """A box of a tensor.

    Attributes:
        offset, size: Where it begins in the whole tensor, and how long it is, along each dimension.
    """

    offset: tuple[int, ...]
    size: tuple[int, ...]

    def overlap(self, other: Part) -> Part | None:
        """The box that is in both; None where none is."""
        begin = tuple(max(a, b) for a, b in zip(self.offset, other.offset))
        ends = (
            min(a + m, b + n)
            for a, m, b, n in zip(self.offset, self.size, other.offset, other.size)
        )
        size = tuple(end - start for start, end in zip(begin, ends))
        return None if any(n <= 0 for n in size) else Part(begin, size)

    def within(self, outer: Part) -> tuple[slice, ...]:
        """The index of this box in a tensor that is the box `outer`."""
        return tuple(
            slice(a - b, a - b + n) for a, b, n in zip(self.offset, outer.offset, self.size)
        )


def flattened(state: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The leaves of nested dicts and lists, with their paths. (Lists without tensors are leaves.)"""
    if isinstance(state, Mapping) and state:
        for key, value in state.items():
            yield from flattened(value, (*path, key))
    elif isinstance(state, (list, tuple)) and _has_tensor(state):
        for i, value in enumerate(state):
            yield from flattened(value, (*path, i))
    else:
        yield path, state


def _has_tensor(value: Any) -> bool:
    if isinstance(value, Tensor):
        return True
    if isinstance(value, Mapping):
        return any(_has_tensor(v) for v in value.values())
    return isinstance(value, (list, tuple)) and any(_has_tensor(v) for v in value)


def name_of(path: tuple[Any, ...]) -> str:
    """A path as PyTorch writes it: joined by dots."""
    return ".".join(map(str, path))


def part_here(x: Any) -> tuple[Any, Part, tuple[int, ...]]:
    """What this process has of a tensor: the values, which box they are, and the shape of the whole.

    Raises:
        ValueError: It is a sum of parts.
    """
    if not isinstance(x, DTensor):
        shape = tuple(x.shape)
        return x, Part((0,) * len(shape), shape), shape
    whole = tuple(x.shape)
    offset, size = [0] * len(whole), list(whole)
    coordinate = x.device_mesh.get_coordinate() or []
    for dim, p in enumerate(x.placements):
        if isinstance(p, Shard):
            begin, end = part_of(size[p.dim], x.device_mesh.size(dim), coordinate[dim])
            offset[p.dim] += begin
            size[p.dim] = end - begin
        elif p.is_partial():
            raise ValueError(
                "a DTensor that is a sum of parts cannot be saved: redistribute it first"
            )
    return _local(x), Part(tuple(offset), tuple(size)), whole


def assigned(plans: list[list[dict[str, Any]]]) -> list[list[int]]:
    """Which of its items each process writes: each box once, by who has least to write so far."""
    owners: dict[Any, list[tuple[int, int]]] = {}
    for rank, items in enumerate(plans):
        for i, item in enumerate(items):
            key = (item["name"], tuple(item["offset"] or ()), tuple(item["size"] or ()))
            owners.setdefault(key, []).append((rank, i))
    chosen: list[list[int]] = [[] for _ in plans]
    load = [0] * len(plans)
    for places in owners.values():
        rank, i = min(places, key=lambda place: (load[place[0]], place[0]))
        chosen[rank].append(i)
        load[rank] += plans[rank][i]["bytes"]
    return chosen
