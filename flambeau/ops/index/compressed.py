"""Row numbers and row pointers: the two ways to say in which row of a sparse matrix a value stands."""

from __future__ import annotations

import numpy as np

from ...core.dtype import int32, int64
from ...core.kind import kind_of
from ...core.tensor import Tensor, wrap
from ...dispatch.registry import public


@public("_convert_indices_from_coo_to_csr", out=True, tensors="input")
def _convert_indices_from_coo_to_csr(
    input: Tensor, size: int, *, out_int32: bool = False
) -> Tensor:
    """Where each row begins, and the end, of row numbers in order.

    Args:
        input: A row number for each value, in order.
        size: How many rows there are.
        out_int32: Give int32 instead of int64.

    Shape:
        (values,) gives (size + 1,).

    Raises:
        RuntimeError: `input` is no vector.

    Source: torch._convert_indices_from_coo_to_csr

    Example:
        >>> import flambeau as torch
        >>> torch._convert_indices_from_coo_to_csr(torch.tensor([0, 0, 1, 3]), 4)
        tensor([0, 2, 3, 3, 4])
    """
    if input.ndim > 1:
        raise RuntimeError(
            f"Input is supposed to be a vector, but got {input.ndim} dimensional tensor."
        )
    kind = kind_of(int32 if out_int32 else int64, input.device)
    counts = np.bincount(input._array.ravel(), minlength=size)[:size]
    pointers = np.zeros(size + 1, kind.numpy)
    np.cumsum(counts, out=pointers[1:])
    return wrap(pointers, kind)


@public("_convert_indices_from_csr_to_coo", out=True, tensors="crow_indices col_indices")
def _convert_indices_from_csr_to_coo(
    crow_indices: Tensor,
    col_indices: Tensor,
    *,
    out_int32: bool = False,
    transpose: bool = False,
) -> Tensor:
    """The row and column of each value, of row pointers and column numbers.

    Args:
        crow_indices: Where each row begins, and the end.
        col_indices: The column of each value.
        out_int32: Give int32 instead of int64.
        transpose: The columns first.

    Shape:
        (rows + 1,) and (values,) give (2, values); with batches (*batch, rows + 1) and (*batch, values) give
        (batch dimensions + 2, values of all batches).

    Source: torch._convert_indices_from_csr_to_coo

    Example:
        >>> import flambeau as torch
        >>> pointers, columns = torch.tensor([0, 2, 2, 3]), torch.tensor([0, 1, 1])
        >>> torch._convert_indices_from_csr_to_coo(pointers, columns)
        tensor([[0, 0, 2],
                [0, 1, 1]])
    """
    kind = kind_of(int32 if out_int32 else int64, crow_indices.device)
    pointers, columns = crow_indices._array, col_indices._array
    counts = np.diff(pointers, axis=-1)
    place = np.repeat(np.arange(counts.size), counts.ravel())
    *batch, rows = np.unravel_index(place, counts.shape)
    last = (columns.ravel(), rows) if transpose else (rows, columns.ravel())
    return wrap(np.stack([*batch, *last]).astype(kind.numpy), kind)
