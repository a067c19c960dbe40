"""How a tensor lies in the processes along one dimension of their mesh.

Source: torch.distributed.tensor.placement_types
"""

from __future__ import annotations

from dataclasses import dataclass


class Placement:
    """How a tensor lies in the processes along one dimension of their mesh.

    Source: torch.distributed.tensor.Placement
    """

    def is_shard(self, dim: int | None = None) -> bool:
        """Does each process have a part, along `dim` if that is given?"""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self) -> bool:
        """Does each process have all of it?"""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """Does each process have a summand, or what `reduce_op` says?"""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)


@dataclass(frozen=True)
class Shard(Placement):
    """Each process has a part.

    Args:
        dim: The dimension along which the tensor is cut.

    Source: torch.distributed.tensor.Shard
    """

    dim: int


@dataclass(frozen=True)
class _StridedShard(Placement):
    """What PyTorch gives a tensor that is cut twice along one dimension, in the other order. None lies so here; packages
    ask whether one does.

    Source: torch.distributed.tensor.placement_types._StridedShard
    """

    dim: int
    split_factor: int = 1


@dataclass(frozen=True)
class Replicate(Placement):
    """Each process has all of it.

    Source: torch.distributed.tensor.Replicate
    """


@dataclass(frozen=True)
class Partial(Placement):
    """Each process has a summand.

    Args:
        reduce_op: "sum", or what else joins the parts: "avg", "max", "min", "product".

    Source: torch.distributed.tensor.Partial
    """

    reduce_op: str = "sum"


def part_of(size: int, count: int, index: int) -> tuple[int, int]:
    """Where the part of process `index` of `count` begins and ends along a dimension: as `chunk` cuts, the last may be
    smaller or empty.

    Example:
        >>> [part_of(5, 3, i) for i in range(3)]
        [(0, 2), (2, 4), (4, 5)]
    """
    each = -(-size // count)
    return min(index * each, size), min((index + 1) * each, size)
