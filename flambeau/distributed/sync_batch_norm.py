"""Batch normalisation over the batches of all processes: what `nn.SyncBatchNorm` does where there are several.

Each process sends the count, mean and squared deviations of its batch; they are joined exactly (Chan, Golub, LeVeque 1979),
so that the result is that of one process with the whole batch. Backward sends two sums a channel.

Source: torch.nn.SyncBatchNorm; Ioffe, Szegedy, Batch Normalization (ICML 2015)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.function import Function
from ..ops.create.data import from_numpy
from .agreement import agree
from .kinds import ReduceOp
from .process_group import ProcessGroup, is_initialized, world


def normalised(layer: Any, input: Any) -> Any:
    """A batch normalised over all processes; None where this one is alone.

    Raises:
        ValueError: All processes together have one value a channel.
    """
    if not is_initialized():
        return None
    group = world() if layer.process_group is None else layer.process_group
    if group.size() == 1:
        return None
    if layer.running_mean is not None and layer.num_batches_tracked is not None:
        layer.num_batches_tracked.add_(1)
    factor = layer.momentum
    if factor is None:
        factor = (
            1.0 / float(layer.num_batches_tracked) if layer.num_batches_tracked is not None else 0.0
        )
    weight, bias = layer.weight, layer.bias
    return _Normalise.apply(
        input, weight, bias, layer.running_mean, layer.running_var, layer.eps, factor, group
    )


def _joined(
    group: ProcessGroup, count: int, mean: np.ndarray, squares: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray]:
    """Count, means and squared deviations of all processes."""
    channels = mean.size
    mine = np.concatenate([[count], mean, squares]).astype(np.float64)
    parts = np.empty((group.size(), mine.size))

    def call() -> None:
        agree(group, "SyncBatchNorm", (channels,))
        group._transport.all_gather(parts, mine)

    group._order.run(call, False, None)
    counts, means, deviations = parts[:, :1], parts[:, 1 : channels + 1], parts[:, channels + 1 :]
    total = counts.sum()
    whole = (counts * means).sum(0) / total
    return int(total), whole, (deviations + counts * (means - whole) ** 2).sum(0)


class _Normalise(Function):
    @staticmethod
    def forward(
        ctx: Any,
        input: Any,
        weight: Any,
        bias: Any,
        running_mean: Any,
        running_var: Any,
        eps: float,
        factor: float,
        group: Any,
    ) -> Any:
        dims = [0, *range(2, input.ndim)]
        shape = [1, -1] + [1] * (input.ndim - 2)
        count = input.numel() // input.shape[1]
        wide = input.float() if input.element_size() < 4 else input
        if count:
            var, mean = wide.var(dims, correction=0), wide.mean(dims)
            local = count, mean.cpu().numpy(), var.cpu().numpy() * count
        else:
            zeros = np.zeros(input.shape[1])
            local = 0, zeros, zeros
        total, mean, squares = _joined(group, *local)
        if total <= 1:
            raise ValueError(
                f"Expected more than 1 value per channel when training, got input size {list(input.shape)}"
            )
        kind = wide.dtype
        var = from_numpy(squares / total).to(input.device, kind)
        mean = from_numpy(mean).to(input.device, kind)
        invstd = (var + eps).rsqrt()
        if running_mean is not None:
            running_mean.mul_(1 - factor).add_(mean.to(running_mean.dtype), alpha=factor)
            running_var.mul_(1 - factor).add_(
                (var * (total / (total - 1))).to(running_var.dtype), alpha=factor
            )
        scale = invstd if weight is None else invstd * weight.to(kind)
        shift = -mean * scale if bias is None else bias.to(kind) - mean * scale
        ctx.save_for_backward(input, weight, mean, invstd)
        ctx.group, ctx.total, ctx.has_bias = group, total, bias is not None
        return (wide * scale.view(shape) + shift.view(shape)).to(input.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (grad,) = grads
        input, weight, mean, invstd = ctx.saved_tensors
        dims = [0, *range(2, input.ndim)]
        shape = [1, -1] + [1] * (input.ndim - 2)
        wide, g = input.to(mean.dtype), grad.to(mean.dtype)
        centred = wide - mean.view(shape)
        sums = np.stack([g.sum(dims).cpu().numpy(), (g * centred).sum(dims).cpu().numpy()]).astype(
            np.float64
        )
        local = sums.copy()
        group = ctx.group

        def call() -> None:
            agree(group, "SyncBatchNorm backward", (sums.shape,))
            group._transport.reduce(sums, ReduceOp(), None)

        group._order.run(call, False, None)
        mean_g, mean_gx = (from_numpy(row / ctx.total).to(mean.device, mean.dtype) for row in sums)
        scale = invstd if weight is None else invstd * weight.to(mean.dtype)
        back = (
            g - mean_g.view(shape) - centred * (invstd * invstd * mean_gx).view(shape)
        ) * scale.view(shape)
        grad_weight = (
            None
            if weight is None
            else (from_numpy(local[1]).to(mean.device, mean.dtype) * invstd).to(weight.dtype)
        )
        grad_bias = (
            from_numpy(local[0]).to(grad.device, grad.dtype if weight is None else weight.dtype)
            if ctx.has_bias
            else None
        )
        return back.to(input.dtype), grad_weight, grad_bias, None, None, None, None, None
