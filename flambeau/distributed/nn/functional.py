"""Collectives that gradients go through: what was sent forward comes back the other way.

Source: torch.distributed.nn.functional
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...autograd.function import Function
from .. import collective
from ..kinds import ReduceOp
from ..process_group import ProcessGroup, world


def _group(group: Any) -> ProcessGroup:
    return world() if group is None or group is ProcessGroup else group


class _AllReduce(Function):
    @staticmethod
    def forward(ctx: Any, x: Any, op: Any, group: Any) -> Any:
        ctx.op, ctx.group = op, group
        made = x.clone()
        collective.all_reduce(made, op, group)
        return made

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        g = grads[0].contiguous().clone()
        collective.all_reduce(g, ctx.op, ctx.group)
        return g, None, None


def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The sum over all members, in each. Its gradient is the sum of all members' gradients.

    Source: torch.distributed.nn.functional.all_reduce
    """
    return _AllReduce.apply(tensor, op, _group(group))


class _Broadcast(Function):
    @staticmethod
    def forward(ctx: Any, x: Any, src: int, group: Any) -> Any:
        ctx.src, ctx.group = src, group
        made = x.clone()
        collective.broadcast(made, src, group)
        return made

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        g = grads[0].contiguous().clone()
        collective.reduce(g, ctx.src, ReduceOp.SUM, ctx.group)
        return (g if ctx.group.ranks[ctx.group.rank()] == ctx.src else g.zero_()), None, None


def broadcast(tensor: Any, src: int, group: Any = None) -> Any:
    """The tensor of member `src`, in each. Its gradient is the sum of all members' gradients.

    Source: torch.distributed.nn.functional.broadcast
    """
    return _Broadcast.apply(tensor, src, _group(group))


class _Reduce(Function):
    @staticmethod
    def forward(ctx: Any, x: Any, dst: int, op: Any, group: Any) -> Any:
        ctx.dst, ctx.group = dst, group
        made = x.clone()
        collective.reduce(made, dst, op, group)
        return made

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        g = grads[0].contiguous().clone()
        collective.broadcast(g, ctx.dst, ctx.group)
        return g, None, None, None


def reduce(tensor: Any, dst: int, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The sum over all members, in member `dst`. Its gradient there is that of every summand.

    Source: torch.distributed.nn.functional.reduce
    """
    return _Reduce.apply(tensor, dst, op, _group(group))


class _AllGather(Function):
    @staticmethod
    def forward(ctx: Any, x: Any, group: Any) -> Any:
        ctx.group = group
        x = x.contiguous()
        made = [x.new_empty(x.shape) for _ in range(group.size())]
        collective.all_gather(made, x, group)
        return tuple(made)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        mine = grads[ctx.group.rank()].new_empty(grads[0].shape)
        collective.reduce_scatter(mine, [g.contiguous() for g in grads], ReduceOp.SUM, ctx.group)
        return mine, None


def all_gather(tensor: Any, group: Any = None) -> tuple[Any, ...]:
    """The tensors of all members, in each. The gradient of a member's is the sum over all.

    Source: torch.distributed.nn.functional.all_gather
    """
    return _AllGather.apply(tensor, _group(group))


class _ReduceScatter(Function):
    @staticmethod
    def forward(ctx: Any, op: Any, group: Any, output: Any, *parts: Any) -> Any:
        ctx.group = group
        made = output.clone()
        collective.reduce_scatter(made, [p.contiguous() for p in parts], op, group)
        return made

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        g = grads[0].contiguous()
        made = [g.new_empty(g.shape) for _ in range(ctx.group.size())]
        collective.all_gather(made, g, ctx.group)
        return None, None, None, *made


def reduce_scatter(
    output: Any, input_list: Sequence[Any], op: Any = ReduceOp.SUM, group: Any = None
) -> Any:
    """The i-th sum of all members' lists, in member i. The gradient of what was given to a member is that of its sum.

    Source: torch.distributed.nn.functional.reduce_scatter
    """
    return _ReduceScatter.apply(op, _group(group), output, *input_list)


class _AllToAll(Function):
    @staticmethod
    def forward(ctx: Any, group: Any, outputs: Any, *parts: Any) -> Any:
        ctx.group, ctx.shapes = group, [p.shape for p in parts]
        made = [x.clone() for x in outputs]
        collective.all_to_all(made, [p.contiguous() for p in parts], group)
        return tuple(made)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        made = [grads[0].new_empty(shape) for shape in ctx.shapes]
        collective.all_to_all(made, [g.contiguous() for g in grads], ctx.group)
        return None, None, *made


def all_to_all(
    output_tensor_list: Sequence[Any], input_tensor_list: Sequence[Any], group: Any = None
) -> tuple[Any, ...]:
    """What all members send to this one. Gradients go back the same way.

    Source: torch.distributed.nn.functional.all_to_all
    """
    return _AllToAll.apply(_group(group), output_tensor_list, *input_tensor_list)


class _AllToAllSingle(Function):
    @staticmethod
    def forward(ctx: Any, group: Any, output: Any, counts: Any, given: Any, x: Any) -> Any:
        ctx.group, ctx.shape, ctx.counts, ctx.given = group, x.shape, counts, given
        made = output.clone()
        collective.all_to_all_single(made, x.contiguous(), counts, given, group)
        return made

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        g = grads[0].new_empty(ctx.shape)
        collective.all_to_all_single(g, grads[0].contiguous(), ctx.given, ctx.counts, ctx.group)
        return None, None, None, None, g


def all_to_all_single(
    output: Any,
    input: Any,
    output_split_sizes: Any = None,
    input_split_sizes: Any = None,
    group: Any = None,
) -> Any:
    """The rows that all members send to this one. Gradients go back the same way.

    Source: torch.distributed.nn.functional.all_to_all_single
    """
    return _AllToAllSingle.apply(
        _group(group), output, output_split_sizes, input_split_sizes, input
    )
