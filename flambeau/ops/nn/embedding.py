"""Rows of a table picked by index: embedding, and its sums over bags."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import kernels
from ...autograd.location import count_writes
from ...autograd.mode import no_grad
from ...core.dtype import BY_NUMPY, int64
from ...core.sparse import of_coordinates
from ...core.tensor import Tensor, wrap, wrap_numpy
from ...core.twin import of_arrays
from ...dispatch.decided import decided
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...kernels.gather.plan import Unsigned
from ..join.padding import returned, taken
from . import bag


def _picked(w: Any, index: Any) -> Any:
    return kernels.gather.indexed.take(w, Unsigned((index,)))


@operation(operands="w index", label="Embedding")
def rows(w: Any, index: Any, padding: int | None, by_count: bool) -> Any:
    """Rows of a table."""
    return _picked(w, index)


@rows.gradient
def _(
    g: Tensor, index: Tensor, padding: int | None, by_count: bool, shape_w: tuple[int, ...]
) -> tuple:
    return put_rows(g, index, padding, by_count, shape_w), None


@operation(operands="w index", label="Embedding")
def sparse_rows(w: Any, index: Any, padding: int | None, by_count: bool) -> Any:
    """`rows`, whose gradient is sparse: it has the rows that were picked."""
    return _picked(w, index)


@sparse_rows.gradient
def _(
    g: Tensor, index: Tensor, padding: int | None, by_count: bool, shape_w: tuple[int, ...]
) -> tuple:
    if by_count:
        raise RuntimeError(
            "embedding_backward: scale_grad_by_freq not supported with sparse gradients: use "
            "sparse=False"
        )
    at, values = index._array.reshape(-1), g.reshape(-1, shape_w[1])
    if padding is not None:
        kept = np.flatnonzero(at != padding)
        at, values = at[kept], rows(values, wrap_numpy(kept), None, False)
    return of_coordinates(at[None], values, shape_w), None


@operation(operands="g index", label="EmbeddingDenseBackward")
def put_rows(
    g: Any, index: Any, padding: int | None, by_count: bool, shape: tuple[int, ...]
) -> Any:
    """A table with `g` added at its rows, over how often each was met if `by_count`; nothing at the
    padding row."""
    flat = (index, g) if index.ndim == 1 else (index.reshape(-1), g.reshape(-1, *shape[1:]))
    table = kernels.gather.indexed.spread(shape, flat[:1], flat[1])
    if by_count:
        met, counts = np.unique(index, return_counts=True)
        table[met] /= counts[:, None].astype(g.dtype)
    if padding is not None:
        table[padding] = 0
    return table


@put_rows.gradient
def _(g: Tensor, index: Tensor, padding: int | None, by_count: bool) -> tuple:
    if padding is None and not by_count:
        return rows(g, index, None, False), None
    factor = _factors(index._array, g.shape[0], g._kind.numpy, padding, by_count)
    return rows(g * wrap(factor, g._kind), index, None, False), None


@of_arrays
def _factors(index: Any, size: int, dtype: Any, padding: int | None, by_count: bool) -> Any:
    """What rows of a gradient were multiplied with, (size, 1)."""
    factor = np.ones(size, dtype)
    if by_count:
        met, counts = np.unique(index, return_counts=True)
        factor[met] /= counts
    if padding is not None:
        factor[padding] = 0
    return factor[:, None]


def _check(index: Tensor, weight: Tensor, name: str = "indices") -> None:
    if index.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            f"Expected tensor for argument #1 '{name}' to have one of the following scalar types: Long, "
            f"Int; but got {index.type()} instead (while checking arguments for embedding)"
        )


def _check_range(index: Tensor, weight: Tensor) -> None:
    error = _wrong(index, weight) if index._kind.backend.can_look() else None
    if error is not None:
        raise error


def _wrong(index: Tensor, weight: Tensor) -> IndexError | None:
    """The error for the first index that names no row."""
    array, rows = index._array, weight.shape[0]
    if array.size and (array.min() < 0 or array.max() >= rows):
        wrong = (array < 0) | (array >= rows)
        at = np.unravel_index(wrong.argmax(), array.shape)
        place = f" at {list(map(int, at))}" if at else ""
        return IndexError(
            f"index out of range in self: {int(array[at])}{place} of the indices, but weight has {rows} "
            f"rows, so indices are 0 to {rows - 1}: make num_embeddings larger, or look at the indices"
        )
    return None


def _padding(padding_idx: int | None, weight: Tensor) -> int | None:
    if padding_idx is None:
        return None
    if not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % weight.shape[0]


def renormalize(weight: Tensor, index: Any, max_norm: float, norm_type: float) -> None:
    """Shrink, in place, the rows that are looked up and longer than max_norm."""
    with no_grad():
        if _shrink(weight._array, index, max_norm, norm_type):
            count_writes((weight,))


@of_arrays
def _shrink(table: Any, index: Any, max_norm: float, norm_type: float) -> bool:
    """`renormalize` of arrays: was there something to shrink?"""
    met = np.unique(index)
    if math.isinf(norm_type):
        norms = np.abs(table[met]).max(-1)
    else:
        norms = (np.abs(table[met]) ** norm_type).sum(-1) ** (1 / norm_type)
    long = norms > max_norm
    if not long.any():
        return False
    table[met[long]] *= (max_norm / (norms[long] + 1e-7))[:, None].astype(table.dtype)
    return True


@public("nn.functional.embedding")
@decided
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """Rows of `weight` at the indices.

    Args:
        input: Indices, any shape.
        weight: (rows, size)
        padding_idx: A row that gets no gradient.
        max_norm, norm_type: Rows that are longer are first shrunk, in place.
        scale_grad_by_freq: Divide a row's gradient by how often it was picked.
        sparse: Make the gradient a sparse tensor, of the rows that were picked.

    Raises:
        IndexError: An index is out of range.
        RuntimeError: The indices are no integers.

    Source: torch.nn.functional.embedding

    Example:
        >>> import flambeau as torch
        >>> table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> torch.nn.functional.embedding(torch.tensor([1, 0]), table)
        tensor([[3., 4.],
                [1., 2.]])
    """
    if weight.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D, not of shape {list(weight.shape)}")
    _check(input, weight)
    padding, pick = _padding(padding_idx, weight), sparse_rows if sparse else rows

    def run(input: Tensor, weight: Tensor) -> Tensor:
        if max_norm is not None:
            _check_range(input, weight)
            renormalize(weight, input._array, max_norm, norm_type)
        try:
            return pick(weight, input, padding, scale_grad_by_freq)  # type: ignore[no-any-return]
        except IndexError as error:
            raise (_wrong(input, weight) or error) from None

    return run


@public("embedding")
def plain_embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """`nn.functional.embedding` with the table first; a padding_idx of -1 is none.

    Source: torch.embedding

    Example:
        >>> import flambeau as torch
        >>> torch.embedding(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1]))
        tensor([[3., 4.]])
    """
    padding = None if padding_idx < 0 else padding_idx
    return embedding(indices, weight, padding, None, 2.0, scale_grad_by_freq, sparse)


@public("nn.functional.embedding_bag")
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of the rows in each bag of indices.

    Args:
        input: (bags, indices), or all bags' indices after each other with
        offsets: where each bag starts.
        weight: (rows, size)
        max_norm, norm_type, scale_grad_by_freq, sparse: As for `embedding`.
        mode: "sum", "mean" or "max".
        per_sample_weights: What each row is multiplied by; "sum" only.
        include_last_offset: The last offset is where the last bag ends.
        padding_idx: An index that counts for nothing.

    Raises:
        ValueError, RuntimeError, NotImplementedError: The options do not fit.

    Source: torch.nn.functional.embedding_bag
    """
    if weight.dtype.name in ("int64", "int32") and input.is_floating_point():
        input, weight = weight, input  # the old order of arguments
    input, starts, per_sample_weights = _bags(
        input, offsets, per_sample_weights, include_last_offset
    )
    _check_bags(mode, weight, per_sample_weights)
    if sparse and mode == "max":
        raise ValueError("max mode does not support sparse weights: use sparse=False")
    _check(input, weight)
    _check_range(input, weight)
    if max_norm is not None:
        renormalize(weight, input._array, max_norm, norm_type)
    padding = _padding(padding_idx, weight)
    plain = padding is None and per_sample_weights is None and not (sparse or scale_grad_by_freq)
    if plain and mode != "max":
        return bagged(weight, input, starts, mode == "mean")
    input._kind.check_elements("_embedding_bag")
    index = input._array
    owner, kept = bag.owners(index, starts), bag.without(index, padding)
    index, owner = index[kept].astype(np.int64), owner[kept]
    picked = (sparse_rows if sparse else rows)(
        weight, wrap(index, input._kind.with_dtype(int64)), None, scale_grad_by_freq
    )
    if per_sample_weights is not None:
        picked = picked * taken(per_sample_weights, kept, 0).unsqueeze(1)
    return _reduced(picked, owner, len(starts) - 1, mode)


def _bags(
    input: Tensor, offsets: Tensor | None, weights: Tensor | None, last: bool
) -> tuple[Tensor, Any, Tensor | None]:
    """Indices after each other, and where each bag starts (and the last one ends)."""
    if weights is not None and input.shape != weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({weights.shape}) is not None, then it must have the "
            f"same shape as the input ({input.shape})"
        )
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed "
                f"length sequences. However, found offsets of type {type(offsets)}"
            )
        count, size = input.shape
        starts = bag.even(input._array, count, size)
        return input.reshape(-1), starts, None if weights is None else weights.reshape(-1)
    if input.ndim != 1:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}"
        )
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    starts = offsets._array
    if not last:
        starts = bag.ended(starts, len(input))
    if not offsets._kind.backend.can_look():
        return input, starts, weights
    if len(starts) and starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position "
            f"0. However, got {starts[0]}"
        )
    if len(starts) and starts[-1] > len(input):
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length ({len(input)}) but got offsets[-1] of "
            f"{starts[-1]}"
        )
    return input, starts, weights


def _summed(table: Any, index: Any, starts: Any, mean: bool) -> Any:
    """Sums, or means, of the rows at the indices of bags, with NumPy."""
    owner, bags = bag.owners(index, starts), len(starts) - 1
    key = owner.astype(np.int64), slice(None)
    found = kernels.gather.indexed.spread((bags, table.shape[1]), key[:1], table[index])
    if not mean:
        return found
    return found / bag.divisors(starts)[:, None].astype(table.dtype)


_sum_bags = kernels.Native("gather.bags", "summed", _summed)


@operation(operands="weight index", label="EmbeddingBag")
def bagged(weight: Any, index: Any, starts: Any, mean: bool) -> Any:
    """Sums, or means, of the rows at the indices of bags; the half types are rounded once."""
    wide = weight.astype(BY_NUMPY[weight.dtype].compute, copy=False)
    made = _sum_bags(wide, index.astype(np.int64, copy=False), starts.astype(np.int64), mean)
    return made.astype(weight.dtype, copy=False)


@bagged.gradient
def _(
    g: Tensor, index: Tensor, starts: Any, mean: bool, shape_weight: tuple[int, ...]
) -> tuple[Tensor, None]:
    owner = bag.owners(index._array, starts)
    if mean:
        counts = bag.divisors(starts)[:, None]
        g = g / wrap(counts.astype(g._kind.numpy), g._kind)
    given = taken(g, owner, 0)
    return returned(given, index._array.astype(np.int64), 0, shape_weight[0]), None


def _check_bags(mode: str, weight: Tensor, weights: Tensor | None) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum or mean or max")
    if weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for "
            f"mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    if weights is not None and weights.dtype is not weight.dtype:
        raise RuntimeError(
            f"expected weight and per_sample_weights to have the same dtype, got {weight.dtype} and "
            f"{weights.dtype}"
        )


def _reduced(picked: Tensor, owner: Any, bags: int, mode: str) -> Tensor:
    """Rows reduced to one a bag; an empty bag is zeros."""
    if mode != "max":
        sums = returned(picked, owner, 0, bags)
        if mode == "sum":
            return sums
        counts = np.maximum(bag.counted(owner, bags), 1)[:, None]
        return sums / wrap(counts.astype(picked._kind.numpy), picked._kind)
    if not len(owner):
        return returned(picked, owner, 0, bags)
    from .pooling import picked as at

    starts = bag.starts_of(owner, bags)
    places = kernels.gather.segment.largest(picked._array, starts)
    filled = (starts[1:] > starts[:-1])[:, None].astype(picked._kind.numpy)
    return at(picked.T, places.T).T * wrap(filled, picked._kind)
