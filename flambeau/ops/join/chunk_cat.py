"""Tensors cut into chunks and laid side by side: how sharded parameters are packed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.tensor import Tensor, wrap_dim
from ...dispatch.registry import public
from .cat import cat
from .padding import pad


@public()
def _chunk_cat(tensors: Sequence[Tensor], dim: int, num_chunks: int) -> Tensor:
    """Each tensor's chunks along a dimension, flattened from there on, beside those of the others.

    A tensor whose size is no multiple of the number of chunks is filled up with zeros.

    Args:
        tensors: Of the same sizes before `dim`.
        dim: The dimension that is cut.
        num_chunks: Into how many.

    Shape: (..., n, ...) of each gives (..., num_chunks, elements of all chunks).

    Raises:
        RuntimeError: There is no tensor or no chunk, or sizes before `dim` differ.

    Source: torch._chunk_cat

    Example:
        >>> import flambeau as torch
        >>> torch._chunk_cat([torch.arange(3), torch.tensor([7, 8])], 0, 2)
        tensor([[0, 1, 7],
                [2, 0, 8]])
    """
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    if not tensors:
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    dim = wrap_dim(dim, tensors[0].ndim)
    before = tuple(tensors[0].shape[:dim])
    if any(tuple(x.shape[:dim]) != before for x in tensors):
        raise RuntimeError(
            "_chunk_cat expects same sizes of 0,...,dim-1 dimensions for all tensors"
        )
    return cat([_chunks(x, dim, num_chunks, before) for x in tensors], dim + 1)


def _chunks(x: Any, dim: int, count: int, before: tuple[int, ...]) -> Tensor:
    missing = -x.shape[dim] % count
    if missing:
        x = pad(x, [0, 0] * (x.ndim - dim - 1) + [0, missing])
    return x.reshape((*before, count, -1) if x.numel() else (*before, count, 0))
