"""Tables of rows: embedding, one_hot."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from ..core.tensor import Tensor
from .data import from_numpy
from .registry import public
from .rule import operation


@operation(operands="w index", label="Embedding")
def rows(w: Any, index: Any, padding: int | None) -> Any:
    """Rows of a table."""
    return w[index]


@rows.gradient
def _(g: Tensor, index: Tensor, padding: int | None, shape_w: tuple[int, ...]) -> tuple:
    return put_rows(g, index, padding, shape_w), None


@operation(operands="g index", label="EmbeddingDenseBackward")
def put_rows(g: Any, index: Any, padding: int | None, shape: tuple[int, ...]) -> Any:
    """A table with `g` added at its rows; nothing at the padding row."""
    table = np.zeros(shape, g.dtype)
    kernels.indexed.add_at(table, (index,), g)
    if padding is not None:
        table[padding] = 0
    return table


@put_rows.gradient
def _(g: Tensor, index: Tensor, padding: int | None) -> tuple:
    return rows(g, index, padding), None


@public("nn.functional.embedding")
def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Rows of `weight` at the indices.

    Raises:
        IndexError: An index is out of range.
        RuntimeError: The indices are no integers.

    Source: torch.nn.functional.embedding
    """
    if input.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; "
            f"but got {input.dtype} instead"
        )
    array = input._array
    if array.size and (array.min() < 0 or array.max() >= weight.shape[0]):
        raise IndexError("index out of range in self")
    return rows(weight, input, padding_idx)


@public("nn.functional.one_hot")
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Ones at the classes, as a new last dimension.

    Source: torch.nn.functional.one_hot
    """
    if tensor.dtype.name != "int64":
        raise RuntimeError("one_hot is only applicable to index tensor.")
    array = tensor._array
    if array.size and array.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    count = int(array.max()) + 1 if num_classes == -1 else num_classes
    if array.size and array.max() >= count:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return from_numpy((array[..., None] == np.arange(count)).astype(np.int64))
