"""Collectives that give new tensors.

Source: torch.distributed._functional_collectives
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import collective
from .device_mesh import DeviceMesh
from .kinds import ReduceOp
from .process_group import ProcessGroup, groups, world

_JOINS = {
    "sum": ReduceOp.SUM,
    "avg": ReduceOp.AVG,
    "product": ReduceOp.PRODUCT,
    "min": ReduceOp.MIN,
    "max": ReduceOp.MAX,
    "band": ReduceOp.BAND,
    "bor": ReduceOp.BOR,
    "bxor": ReduceOp.BXOR,
}


class AsyncCollectiveTensor:
    """What PyTorch gives for a tensor that is not there yet. Here they are there at once, and none is of this class."""


def _group(group: Any) -> ProcessGroup:
    """The group that is meant: itself, a mesh, a mesh and a dimension, a group's name.

    Raises:
        ValueError: It is none of these.
    """
    if group is None:
        return world()
    if isinstance(group, ProcessGroup):
        return group
    if isinstance(group, DeviceMesh):
        return group.get_group()
    if isinstance(group, tuple) and isinstance(group[0], DeviceMesh):
        return group[0].get_group(group[1])
    if isinstance(group, str) and group in groups:
        return groups[group]
    raise ValueError(f"{group!r} is no group of processes")


def wait_tensor(tensor: Any) -> Any:
    """The tensor, when it is there.

    Source: torch.distributed._functional_collectives.wait_tensor
    """
    return tensor


def broadcast(self: Any, src: int, group: Any, tag: str = "") -> Any:
    """The tensor of one member.

    Source: torch.distributed._functional_collectives.broadcast
    """
    made = self.clone()
    collective.broadcast(made, src, _group(group))
    return made


def all_reduce(self: Any, reduceOp: str, group: Any, tag: str = "") -> Any:
    """The tensors of all members, joined.

    Source: torch.distributed._functional_collectives.all_reduce
    """
    made = self.contiguous().clone()
    collective.all_reduce(made, _JOINS[reduceOp.lower()], _group(group))
    return made


def all_gather_tensor(self: Any, gather_dim: int, group: Any, tag: str = "") -> Any:
    """The tensors of all members, joined along a dimension.

    Source: torch.distributed._functional_collectives.all_gather_tensor
    """
    found = _group(group)
    parts = self.contiguous()
    made = parts.new_empty((found.size() * parts.shape[0], *parts.shape[1:]))
    collective.all_gather_into_tensor(made, parts, found)
    if gather_dim:
        from .. import cat  # type: ignore[attr-defined]

        made = cat(made.chunk(found.size()), gather_dim)
    return made


def reduce_scatter_tensor(
    self: Any, reduceOp: str, scatter_dim: int, group: Any, tag: str = ""
) -> Any:
    """This member's part of the tensors of all, joined.

    Raises:
        AssertionError: The dimension cannot be cut evenly.

    Source: torch.distributed._functional_collectives.reduce_scatter_tensor
    """
    found = _group(group)
    size = found.size()
    if self.shape[scatter_dim] % size:
        raise AssertionError(
            f"input dimension {scatter_dim} ({self.shape[scatter_dim]} must be a multiple of group_size {size})"
        )
    whole = self.contiguous()
    if scatter_dim:
        from .. import cat  # type: ignore[attr-defined]

        whole = cat(whole.chunk(size, scatter_dim))
    made = whole.new_empty((whole.shape[0] // size, *whole.shape[1:]))
    collective.reduce_scatter_tensor(made, whole, _JOINS[reduceOp.lower()], found)
    return made


def all_to_all_single(
    self: Any,
    output_split_sizes: Sequence[int] | None,
    input_split_sizes: Sequence[int] | None,
    group: Any,
    tag: str = "",
) -> Any:
    """The rows that all members send to this one.

    Source: torch.distributed._functional_collectives.all_to_all_single
    """
    return all_to_all_single_autograd(
        self.detach(), output_split_sizes, input_split_sizes, group, tag
    )


def all_to_all_single_autograd(
    self: Any,
    output_split_sizes: Sequence[int] | None,
    input_split_sizes: Sequence[int] | None,
    group: Any,
    tag: str = "",
) -> Any:
    """The rows that all members send to this one; gradients go back the same way.

    Source: torch.distributed._functional_collectives.all_to_all_single_autograd
    """
    from .nn.functional import all_to_all_single as exchanged

    rows = self.shape[0] if output_split_sizes is None else sum(output_split_sizes)
    made = self.new_empty((rows, *self.shape[1:]))
    return exchanged(made, self, output_split_sizes, input_split_sizes, _group(group))
