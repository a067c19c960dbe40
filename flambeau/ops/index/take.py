"""Indices into all elements of a tensor: take, put."""

from __future__ import annotations

import numpy as np

from ...core.error import two_devices
from ...core.tensor import Tensor
from ...dispatch.inplace import Write, writing
from ...dispatch.registry import public
from ...dispatch.remembered import remembers
from ...dispatch.write import write_out
from .advanced import gathered, index_advanced, put_advanced, sibling, write_few

_take, _put_flat = sibling(index_advanced, "Take"), sibling(put_advanced, "Put")


def check_device(name: str, input: Tensor, index: Tensor) -> None:
    """Raises RuntimeError where an index is not on its tensor's device."""
    if index._kind.device is not input._kind.device:
        raise two_devices((input._kind.device, index._kind.device), name)


def flat_key(name: str, input: Tensor, index: Tensor, shape: tuple[int, ...]) -> tuple:
    """The key, into an array of this shape, of an index into all elements in row-major order.

    Raises:
        RuntimeError: The index is not int64, or on another device.
        IndexError: It is out of range.
    """
    check_device(name, input, index)
    array, size = index._array.copy(), input._array.size  # others may write to it
    if array.dtype != np.int64:
        raise RuntimeError(
            f"{name}: Expected a long tensor for index, but got {index.dtype.legacy}"
        )
    if array.size and not size:
        raise IndexError(f"{name}: tried to take from an empty tensor")
    if array.size:
        low, high = int(array.min()), int(array.max())
        if low < -size or high >= size:
            raise IndexError(
                f"out of range: tried to access index {high if high >= size else low} on a tensor "
                f"of {size} elements."
            )
    places = np.where(array < 0, array + size, array)
    return np.unravel_index(places, shape) if len(shape) > 1 else (places,)


def vector(input: Tensor) -> Tensor:
    """The tensor, or of one without dimensions a view that has one."""
    return input if input._array.ndim else input.reshape(1)


@public(method=True)
@remembers("input", at="index")
def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements at indices into the flattened tensor.

    Raises:
        IndexError: An index is out of range.
        RuntimeError: The index is not int64.

    Source: torch.take

    Example:
        >>> import flambeau as torch
        >>> torch.take(torch.tensor([[4, 3], [2, 1]]), torch.tensor([0, -1]))
        tensor([4, 1])
    """
    check_device("take", input, index)
    if index._array.dtype != np.int64 or not input._array.size:
        flat_key("take()", input, index, (input._array.size,))
    try:
        result = gathered(input.reshape(-1), (index._array,), _take)
    except IndexError:
        flat_key("take()", input, index, (input._array.size,))
        raise
    return result if out is None else write_out(out, result, "take", (input, index))


@writing(
    few=lambda input, index, source, accumulate: write_few(
        "add" if accumulate else "put", False, input, None, index, source
    )
)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Write:
    """A copy with values written (or added) at indices into the flattened tensor.

    Raises:
        IndexError: An index is out of range, or there are not as many values.
        RuntimeError: The dtypes are not right.

    Source: torch.Tensor.put
    """
    if source._kind.dtype is not input._kind.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{input.dtype.legacy} and source.dtype = {source.dtype.legacy}"
        )
    x = vector(input)
    if input._node is None and source._node is None and input._array.flags.c_contiguous:
        x = input.reshape(-1)  # the same memory, in which no index has to be taken apart
    key = flat_key("put_()", input, index, x._array.shape)
    if source._array.size != index._array.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source._array.size}, index.numel() = {index._array.size}"
        )
    values = source.reshape(index._array.shape)
    return Write(_put_flat, input, x, values, key, (accumulate,))
