"""Layers of the torch namespace by the names of their kernels, which give what the kernels compute on the way.

Means and deviations beside normalised values, a mask beside what is left, bags beside their sums: programs that
write derivatives of their own use them, and so do packages that take operations apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import bool_, int64
from ...core.tensor import Tensor, wrap
from ...dispatch.registry import NAMESPACES, public
from ..join.padding import pad
from ..reduction.softmax import layer_norm
from . import bag, batch_norm, convolution, embedding, grid_sample
from .dropout import fused_dropout

# ------------------------------------------------------------------------------------ normalisation


@public()
def native_layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.layer_norm`, the means of the rows, and one over their deviations.

    Source: torch.native_layer_norm

    Example:
        >>> import flambeau as torch
        >>> y, mean, rstd = torch.native_layer_norm(torch.tensor([[1.0, 3.0]]), [2], None, None, 0.0)
        >>> mean, rstd
        (tensor([[2.]]), tensor([[1.]]))
    """
    result = layer_norm(input, list(normalized_shape), weight, bias, eps)
    axes = tuple(range(input.ndim - len(normalized_shape), input.ndim))
    return result, *_statistics(input.detach(), axes, eps, keepdim=True)  # type: ignore[attr-defined]


@public()
def native_group_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    N: int,
    C: int,
    HxW: int,
    group: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.group_norm`, the means of the groups, and one over their deviations, both (N, group).

    Args:
        N, C, HxW: The input's sizes: of the batch, of channels, of all others together.
        group: How many groups the channels form.

    Source: torch.native_group_norm
    """
    result = batch_norm.group_norm(input, group, weight, bias, eps)
    rows = input.reshape(N, group, C // group * HxW)  # type: ignore[attr-defined]
    return result, *_statistics(rows, (-1,), eps)


@public(tensors="input weight bias running_mean running_var")
def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.batch_norm`, the means of the channels, and one over their deviations.

    The last two are empty where the running statistics are used.

    Source: torch.native_batch_norm
    """
    result = batch_norm.batch_norm(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )
    if not training:
        return result, input.new_empty(0), input.new_empty(0)  # type: ignore[attr-defined]
    axes = tuple(i for i in range(input.ndim) if i != 1)
    return result, *_statistics(input.detach(), axes, eps)  # type: ignore[attr-defined]


@public()
def _native_batch_norm_legit(input: Tensor, *args: Any) -> tuple[Tensor, Tensor, Tensor]:
    """`native_batch_norm` that has running statistics, or, without them among the arguments, has none.

    Source: torch._native_batch_norm_legit
    """
    if len(args) == 5:  # weight, bias, training, momentum, eps
        args = (*args[:2], None, None, *args[2:])
    return native_batch_norm(input, *args)


def _statistics(
    x: Any, axes: tuple[int, ...], eps: float, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """The means, and one over the deviations."""
    var = x.var(axes, correction=0, keepdim=keepdim)
    return x.mean(axes, keepdim=keepdim), (var + eps).rsqrt()


@public()
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """`nn.functional.dropout`, and where elements are left.

    Args:
        p: The probability of an element to become zero.
        train: False: all are left.

    Source: torch.native_dropout
    """
    x: Any = input
    if train is False or p == 0:
        return x.clone(), NAMESPACES["torch"]["ones_like"](x, dtype=bool_)
    found = fused_dropout(x, p)
    if found is not None:
        return found
    left = NAMESPACES["torch"]["empty_like"](x).bernoulli_(1 - p)
    return x * left * (0.0 if p == 1 else 1 / (1 - p)), left.bool()


@public(tensors="v")
def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norms over all dimensions but one, which are kept with size 1.

    Args:
        pow: The order.
        dim: Of the others; -1 takes the norm of all elements.

    Source: torch.norm_except_dim

    Example:
        >>> import flambeau as torch
        >>> torch.norm_except_dim(torch.tensor([[3.0, 4.0], [0.0, 2.0]]))
        tensor([[5.],
                [2.]])
    """
    norm = NAMESPACES["torch"]["norm"]
    if dim == -1:
        return norm(v, pow)
    others = [i for i in range(v.ndim) if i != dim]
    return norm(v, pow, others, keepdim=True) if others else v.abs()  # type: ignore[attr-defined]


# --------------------------------------------------------------------------------------- embeddings

_BAGS = ("sum", "mean", "max")


@public("embedding_bag", "_embedding_bag", tensors="weight indices offsets")
def embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`nn.functional.embedding_bag`, and whose the indices are.

    Args:
        weight: (rows, size), first here.
        mode: 0 for sums, 1 for means, 2 for maxima.
        indices, offsets, scale_grad_by_freq, sparse, per_sample_weights, include_last_offset, padding_idx: As
            there; a `padding_idx` below 0 is none.

    Returns: what nn.functional.embedding_bag gives; for each index its bag; how many indices a bag has; the rows
        that the maxima are of. As in PyTorch, sums leave the second empty and the third 0, and of anything but
        maxima the last is the third.

    Raises:
        RuntimeError: Another mode.

    Source: torch.embedding_bag
    """
    if not 0 <= mode < 3:
        raise RuntimeError(f"`mode` must be sum (0), mean (1), or max (2), not {mode}")
    padding = None if padding_idx is None or padding_idx < 0 else padding_idx
    result = embedding.embedding_bag(
        indices,
        weight,
        offsets,
        None,
        2.0,
        scale_grad_by_freq,
        _BAGS[mode],
        sparse,
        per_sample_weights,
        include_last_offset,
        padding,
    )
    bags = len(result._array)
    if mode == 0:
        sizes = indices.new_zeros(bags, dtype=int64)
        return result, indices.new_zeros(0, dtype=int64), sizes, sizes.clone()
    index, kind = indices._array, indices._kind.with_dtype(int64)
    owner = bag.owners(index, bag.ended(offsets._array, len(index))[: bags + 1])
    kept = bag.without(index, padding)
    counts = bag.counted(owner[kept], bags)
    rows = counts if mode == 1 else _largest(weight._array, index[kept], owner[kept], bags)
    return result, wrap(owner, kind), wrap(counts, kind), wrap(rows.copy(), kind)


def _largest(table: Any, index: Any, owner: Any, bags: int) -> Any:
    """For each bag and column, which row of the table has the largest element; 0 for an empty bag."""
    starts = bag.starts_of(owner, bags)
    if not len(index):
        return kernels.gather.segment.largest(table, starts)
    places = kernels.gather.segment.largest(table[index], starts)
    return index[places].astype(np.int64) * (starts[1:] > starts[:-1])[:, None]


@public(tensors="input indices")
def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Shrink, in place, the rows that are named and longer than `max_norm`.

    Source: torch.embedding_renorm_

    Example:
        >>> import flambeau as torch
        >>> torch.embedding_renorm_(torch.tensor([[3.0, 4.0], [6.0, 8.0]]), torch.tensor([0]), 1.0, 2.0)
        tensor([[0.6000, 0.8000],
                [6.0000, 8.0000]])
    """
    embedding.renormalize(input, indices._array, max_norm, norm_type)
    return input


# ------------------------------------------------------------------------- convolution and sampling


@public("convolution")
def any_convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """A convolution of one, two or three dimensions, or its transpose.

    Args:
        stride, padding, dilation, output_padding: A number for each dimension, or one for all.
        transposed: Is it the transpose?
        input, weight, bias, groups: As for `nn.functional.conv1d` and its neighbours.

    Source: torch.convolution
    """
    n = weight.ndim - 2
    stride, padding, dilation = _each(stride, n), _each(padding, n), _each(dilation, n)
    if not transposed:
        conv = (convolution.conv1d, convolution.conv2d, convolution.conv3d)[n - 1]
        return conv(input, weight, bias, stride, padding, dilation, groups)
    back = (
        convolution.conv_transpose1d,
        convolution.conv_transpose2d,
        convolution.conv_transpose3d,
    )
    more = _each(output_padding, n)
    return back[n - 1](input, weight, bias, stride, padding, more, groups, dilation)


def _each(value: Sequence[int], n: int) -> list[int]:
    """A number for each dimension."""
    return list(value) * n if len(value) == 1 else list(value)


@public()
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """`nn.functional.pad` with a constant.

    Source: torch.constant_pad_nd

    Example:
        >>> import flambeau as torch
        >>> torch.constant_pad_nd(torch.ones(2), (1, 2), 7)
        tensor([7., 1., 1., 7., 7.])
    """
    return _pad(input, list(pad), "constant", value)


_pad = pad
_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


@public("grid_sampler")
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`nn.functional.grid_sample` with numbers for its modes.

    Args:
        interpolation_mode: 0 for bilinear, 1 for nearest, 2 for bicubic.
        padding_mode: 0 for zeros, 1 for border, 2 for reflection.
        input, grid, align_corners: As there.

    Raises:
        ValueError: Another number.

    Source: torch.grid_sampler
    """
    for what, number in (
        ("interpolation_mode", interpolation_mode),
        ("padding_mode", padding_mode),
    ):
        if not 0 <= number < 3:
            raise ValueError(f"grid_sampler(): {what} is 0, 1 or 2, not {number}")
    mode, padding = _MODES[interpolation_mode], _PADDINGS[padding_mode]
    return grid_sample.grid_sample(input, grid, mode, padding, align_corners)


def _sampler(n: int) -> Any:
    @public(f"grid_sampler_{n}d")
    def sampler(
        input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
    ) -> Tensor:
        if input.ndim != n + 2:
            raise RuntimeError(
                f"grid_sampler_{n}d(): expected {n + 2}D input, but got input with sizes {list(input.shape)}"
            )
        return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)

    sampler.__doc__ = (
        f"`grid_sampler` of {n} dimensions.\n\n"
        f"Raises:\n    RuntimeError: There are others.\n\n"
        f"Source: torch.grid_sampler_{n}d\n"
    )
    return sampler


_sampler(2)
_sampler(3)
