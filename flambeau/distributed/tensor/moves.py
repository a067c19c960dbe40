"""From one lay to another: collectives with gradients.

What a process sends forward it receives back: the gradient of a copy to all is the sum over all, that of a part is put
where the part was.

Source: Shoeybi et al., Megatron-LM (2019), section 3; torch.distributed.tensor
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd.function import Function
from ...ops.create.data import from_numpy
from ..collective import own, start
from ..kinds import ReduceOp
from ..process_group import ProcessGroup
from .placement_types import part_of


def _reduced(x: Any, group: ProcessGroup, op: Any = ReduceOp.SUM) -> Any:
    array = own(x).copy()
    how = ReduceOp(op)
    start(
        group,
        "redistribute",
        False,
        (array.shape, array.dtype.name, how.op.name),
        [],
        lambda t: t.reduce(array, how, None),
    )
    return from_numpy(array) if array.dtype.kind != "V" else _like(x, array)


def _like(x: Any, array: np.ndarray) -> Any:
    made = x.new_empty(array.shape)
    made._array[...] = array
    return made


def _gathered(x: Any, group: ProcessGroup, dim: int, size: int) -> Any:
    """The parts of all members, joined along a dimension whose whole size is given."""
    count = group.size()
    dim %= x.ndim
    each = -(-size // count)
    shape = list(x.shape)
    shape[dim] = each
    padded = np.zeros([shape[dim], *shape[:dim], *shape[dim + 1 :]], x._array.dtype)
    padded[: x.shape[dim]] = np.moveaxis(own(x), dim, 0)
    parts = np.empty((count, *padded.shape), padded.dtype)
    start(
        group,
        "redistribute",
        False,
        (padded.shape, padded.dtype.name, dim),
        [],
        lambda t: t.all_gather(parts, padded),
    )
    whole = parts.reshape(count * each, *padded.shape[1:])[:size]
    return _like(x, np.moveaxis(whole, 0, dim))


def _part(x: Any, group: ProcessGroup, dim: int) -> Any:
    begin, end = part_of(x.shape[dim], group.size(), group.rank())
    return x.narrow(dim, begin, end - begin).contiguous()


class CopyToAll(Function):
    """The same tensor in all; the gradient is summed over all."""

    @staticmethod
    def forward(ctx: Any, x: Any, group: ProcessGroup) -> Any:
        ctx.group = group
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return _reduced(grads[0], ctx.group), None


class SumOfAll(Function):
    """The sum over all; each summand's gradient is that of the sum."""

    @staticmethod
    def forward(ctx: Any, x: Any, group: ProcessGroup, op: Any = ReduceOp.SUM) -> Any:
        ctx.scale = group.size() if op is ReduceOp.AVG else 1
        return _reduced(x, group, op)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0] / ctx.scale if ctx.scale != 1 else grads[0], None, None


class Gather(Function):
    """All parts, joined; a part's gradient is its part, summed over all where each uses the whole for itself.

    `shared` says that what follows is the same in all processes, so that the gradient is too and is not summed.
    """

    @staticmethod
    def forward(ctx: Any, x: Any, group: ProcessGroup, dim: int, size: int, shared: bool) -> Any:
        ctx.group, ctx.dim, ctx.shared = group, dim, shared
        return _gathered(x, group, dim, size)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        g = grads[0] if ctx.shared else _reduced(grads[0], ctx.group)
        return _part(g, ctx.group, ctx.dim), None, None, None, None


class TakePart(Function):
    """This process' part of what all have; the gradient is that of all parts, joined."""

    @staticmethod
    def forward(ctx: Any, x: Any, group: ProcessGroup, dim: int) -> Any:
        ctx.group, ctx.dim, ctx.size = group, dim, x.shape[dim]
        return _part(x, group, dim)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return _gathered(grads[0], ctx.group, ctx.dim, ctx.size), None, None
