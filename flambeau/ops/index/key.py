"""What stands between the brackets: keys split into a basic part and index arrays, and their errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._caller import warn
from ...core.tensor import Tensor
from ...core.twin import of_arrays
from ...formula.dimensions import broadcast_shapes

_BASIC = frozenset((int, slice, type(None), type(Ellipsis)))
_FULL = slice(None)
_AS_TUPLE = (
    "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in "
    "pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as "
    "tensor index, x[torch.tensor(seq)], which will result either in an error or a different result"
)


def index_array(item: Any) -> np.ndarray:
    """An item of a key as an array of integers or booleans.

    Raises:
        IndexError: It is neither.
    """
    if not isinstance(item, Tensor):
        return _of_sequence(item)
    array = item._array
    kind = array.dtype
    if kind == np.int64 or kind.kind == "b" or kind == np.int32:
        return array
    if kind == np.uint8:
        if array.ndim:
            warn(
                "indexing with dtype torch.uint8 is now deprecated, please use a dtype "
                "torch.bool instead.",
                UserWarning,
            )
        return array.astype(bool)
    raise IndexError(
        "tensors used as indices must be long, int, byte or bool tensors, "
        f"not {item.dtype}: convert with .long() or .bool()"
    )


def _of_sequence(item: Any) -> np.ndarray:
    if isinstance(item, str):
        raise TypeError("new(): invalid data type 'str': a tensor is not indexed by names")
    if isinstance(item, (list, tuple, range)):
        item = [index_array(i) if isinstance(i, (Tensor, list, tuple)) else i for i in item]
    array = item if is_array(item) else np.asarray(item)
    if array.dtype != bool and array.dtype.kind not in "iuf":
        raise TypeError(f"new(): invalid data type '{array.dtype}' between the brackets")
    return array if array.dtype == bool else array.astype(np.int64)


def split_key(key: Any, shape: tuple[int, ...], numbers: bool = True) -> tuple[tuple, tuple | None]:
    """`key` as a basic one and one of arrays for its result (None: there are no arrays).

    Integers are taken first, so that they do not count among the arrays, as they do in NumPy.

    Args:
        numbers: Does a tensor of one integer without dimensions count as an integer?

    Raises:
        IndexError: There are too many, they are out of range, or masks have the wrong shape.
    """
    if key.__class__ is not tuple:
        key = _as_tuple(key)
    items = [item if item.__class__ in _BASIC else _item(item, numbers) for item in key]
    used = sum([_uses(item) for item in items])
    if used > len(shape):
        if not shape and len(items) == 1 and items[0].__class__ in (int, slice):
            raise IndexError(
                "slice() cannot be applied to a 0-dim tensor."
                if items[0].__class__ is slice
                else "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    basic: list[Any] = []
    arrays: list[Any] = []
    dim, found, open_ = 0, False, True
    for item in items:
        if item is Ellipsis:
            rest = len(shape) - used if open_ else 0
            open_ = False
            basic += [_FULL] * rest
            arrays += [_FULL] * rest
            dim += rest
        elif is_array(item):
            width = _uses(item)
            _check(item, dim, shape)  # type: ignore[arg-type]
            found = True
            basic += [_FULL] * width
            arrays.append(item)
            dim += width
        else:
            _check_basic(item, dim, shape)
            basic.append(item)
            arrays += [] if item.__class__ is int else [_FULL]
            dim += item is not None
    if not found:
        return (*basic, Ellipsis), None
    _check_together([item for item in arrays if item is not _FULL])
    return (*basic, Ellipsis), tuple(arrays)


def shape_at(shape: tuple[int, ...], key: tuple) -> tuple[int, ...]:
    """The shape of what a key of arrays and whole dimensions reads."""
    first = key[0]
    if first.__class__ is np.ndarray and first.dtype != bool:
        of_first = first.shape
        for item in key:
            if item.__class__ is not np.ndarray or item.shape != of_first or item.dtype == bool:
                break
        else:  # of one shape, for the first dimensions
            return (*of_first, *shape[len(key) :])
    kept: list[int] = []
    shapes: list[tuple[int, ...]] = []
    dim, first, last = 0, 0, -1
    for i, item in enumerate(key):
        if is_array(item):
            if not shapes:
                first = len(kept)
            elif last != i - 1:
                first = 0  # arrays that are apart put their dimensions in front
            shapes.append((int(np.count_nonzero(item)),) if item.dtype == bool else item.shape)
            dim, last = dim + _uses(item), i
        elif item is not Ellipsis:
            kept.append(shape[dim])
            dim += 1
    kept += shape[dim:]
    return *kept[:first], *broadcast_shapes(*shapes), *kept[first:]


def _as_tuple(key: Any) -> tuple:
    """A key that is no tuple, as one; short lists that hold more than numbers are tuples, too."""
    if isinstance(key, tuple):
        return tuple(key)
    if isinstance(key, (list, range, str)) and len(key) < 32:
        several = (Tensor, list, tuple, range, str, slice, np.ndarray)
        if any(isinstance(i, several) or i is None or i is Ellipsis for i in key):
            warn(_AS_TUPLE, UserWarning)
            return tuple(key) if not isinstance(key, str) else (key,)
    return (key,)


def _item(item: Any, numbers: bool) -> Any:
    if isinstance(item, slice):
        return item
    if isinstance(item, (bool, np.bool_)):
        return np.asarray(item)
    if isinstance(item, (int, np.integer)):
        return int(item)
    if isinstance(item, (float, complex, np.generic)):
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte "
            f"Variables are valid indices (got {type(item).__name__})"
        )
    array = index_array(item)
    return int(array) if numbers and array.ndim == 0 and array.dtype != bool else array


def is_array(item: Any) -> bool:
    """Is it an array, of NumPy's or with its interface?"""
    return item.__class__ is np.ndarray or hasattr(item, "__array_function__")


def _uses(item: Any) -> int:
    """How many dimensions of the tensor an item is about."""
    if is_array(item):
        return item.ndim if item.dtype == bool else 1
    return 0 if item is None or item is Ellipsis else 1


def _check_basic(item: Any, dim: int, shape: tuple[int, ...]) -> None:
    if isinstance(item, slice):
        if item.step is not None:
            step = item.step.__index__()
            if step == 0:
                raise ValueError("slice step cannot be zero")
            if step < 0:
                raise ValueError(
                    "step must be greater than zero: use flip() to reverse a dimension"
                )
    elif item is not None and not -shape[dim] <= item < shape[dim]:
        raise IndexError(
            f"index {item} is out of bounds for dimension {dim} with size {shape[dim]}"
        )


@of_arrays
def _check(item: np.ndarray, dim: int, shape: tuple[int, ...]) -> None:
    if item.dtype == bool:
        for i, n in enumerate(item.shape):
            if n != shape[dim + i]:
                raise IndexError(
                    f"The shape of the mask {list(item.shape)} at index {i} does not match "
                    f"the shape of the indexed tensor {list(shape)} at index {dim + i}"
                )
    elif item.size:
        size = shape[dim]
        if size == 0:
            raise IndexError("index is out of bounds for dimension with size 0")
        low, high = item.min(), item.max()
        if low < -size or high >= size:
            bad = int(high if high >= size else low)
            raise IndexError(f"index {bad} is out of bounds for dimension {dim} with size {size}")


def _check_together(arrays: list[np.ndarray]) -> None:
    """Raises IndexError where the index arrays do not broadcast."""
    if len(arrays) == 1:
        return
    shapes: list[tuple[int, ...]] = []
    for array in arrays:
        if array.dtype == bool:
            shapes += [(int(np.count_nonzero(array)),)] * max(array.ndim, 1)
        else:
            shapes.append(array.shape)
    try:
        broadcast_shapes(*shapes)
    except ValueError:
        listed = ", ".join(str(list(shape)) for shape in shapes)
        raise IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes " + listed
        ) from None
