"""Where scattered values go: the checks and keys that the scattering operations share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap_dim
from ...dispatch.write import write_out
from ..view.slice import index_basic
from .advanced import along
from .take import check_device, vector

_UNSIGNED = {4: np.dtype(np.uint32), 8: np.dtype(np.uint64)}


def check_range(index: Any, dim: int, size: int) -> None:
    # Read as unsigned numbers negative ones are the largest: one pass finds both mistakes.
    if index.size and np.maximum.reduce(index.view(_UNSIGNED[index.itemsize]), None) >= size:
        low, high = index.min(), index.max()
        if low < 0 or high >= size:
            raise RuntimeError(
                f"index {int(low if low < 0 else high)} is out of bounds for dimension {dim} "
                f"with size {size}"
            )


def scatter_place(
    name: str, input: Tensor, dim: int, index: Tensor, src: Tensor
) -> tuple[Tensor, tuple, Tensor]:
    """The input, the key, and the part of the source that a scatter writes. Indices are not looked at.

    Raises:
        RuntimeError: Shapes or dtypes are not right.
    """
    x, array, at = located(name, input, dim, index)
    if src._kind.dtype is not input._kind.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    own = x._array.shape
    if src._array.ndim or index._array.ndim == 0:
        values = vector(src)
        given = values._array.shape
        if array.size and len(given) != array.ndim:
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
        shape = array.shape
        wide = (shape[:at], shape[at + 1 :]) != (own[:at], own[at + 1 :]) and any(
            n > m for i, (n, m) in enumerate(zip(shape, own)) if i != at
        )
        if wide or (array.size and shape != given and any(n > m for n, m in zip(shape, given))):
            raise RuntimeError(
                f"Expected index {list(array.shape)} to be no larger than self {list(own)} apart "
                f"from dimension {at} and to be no larger size than src {list(given)}"
            )
        if given != array.shape:
            values = (
                index_basic(values, tuple(slice(n) for n in array.shape))
                if (array.size)
                else values.new_zeros(array.shape)
            )
    else:
        values = src
    return x, along(array, at), values


def check_key(x: Tensor, key: Any) -> None:
    """Raises RuntimeError where an index of a key of `scatter_place` is out of range."""
    check_range(key.index, key.dim, x._array.shape[key.dim])


def finished(
    result: Tensor, input: Tensor, out: Tensor | None, name: str, inputs: tuple = ()
) -> Tensor:
    if result._array.ndim != input._array.ndim:
        result = result.reshape(input._array.shape)
    return result if out is None else write_out(out, result, name, inputs)


def located(name: str, input: Tensor, dim: int, index: Tensor) -> tuple[Tensor, Any, int]:
    """The input and index with at least one dimension, and the dimension counted from the front."""
    at = wrap_dim(dim, input._array.ndim)
    check_dtype(name, index)
    check_device(name, input, index)
    array = index._array
    if array.size and max(array.ndim, 1) != max(input._array.ndim, 1):
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as "
            + ("input tensor" if name == "gather" else "self tensor")
        )
    x = vector(input)
    if array.ndim != x._array.ndim:
        array = array.reshape((1,) if array.size else (0,) * x._array.ndim)
    return x, array, at


def check_dtype(name: str, index: Tensor) -> None:
    if index._array.dtype != np.int64 and index._array.dtype != np.int32:
        raise RuntimeError(
            f"{name}(): Expected dtype int32/int64 for index but got: {index.dtype.legacy}"
        )
