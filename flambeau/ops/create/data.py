"""Tensors of given data: nested sequences, numbers, arrays, buffers, tensors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from ..._caller import warn
from ...core.device import CPU, resolve
from ...core.dtype import bool_, convertible, dtype, iinfo, int64, state, uint8
from ...core.dtype import from_numpy as numpy_dtype
from ...core.kind import kind_of
from ...core.limit import MAX_DIMS, too_many
from ...core.memory import foreign
from ...core.promotion import PROMOTED
from ...core.tensor import Tensor, wrap
from ...core.twin import host
from ...dispatch.registry import method, public
from ...formula.quiet import quiet
from .factory import check_placement, kind_for, made, named_dtype, pinned

_NUMBERS = frozenset((bool, int, float, complex))
_ROWS = frozenset((list, tuple))


@host
def array_of(data: Any, dtype: dtype | None) -> tuple[Any, dtype]:
    """Data as a new array, and its dtype.

    Raises:
        TypeError, ValueError, RuntimeError: It is no data, is ragged, or does not fit the dtype.
    """
    kind = data.__class__
    if kind in _NUMBERS:
        found = dtype or _inferred({kind})
        return _numbers(data, found), found
    if kind in _ROWS:
        leaves, shape, kinds = _flattened(data)
        if kinds <= _NUMBERS:
            found = dtype or _inferred(kinds)
            return _numbers(leaves, found).reshape(shape), found
        return _of_anything(data, dtype)
    if isinstance(data, Tensor):
        found = dtype or data.dtype
        return _cast(data._array, found), found
    if isinstance(data, np.ndarray):
        found = dtype or numpy_dtype(data.dtype)
        _check_strides(data)
        return _cast(data, found), found
    return _of_anything(data, dtype)


def _inferred(kinds: set[type]) -> dtype:
    if float in kinds and complex not in kinds:
        return state.default
    if complex in kinds:
        return state.default_complex
    return int64 if int in kinds else state.default if not kinds else bool_


def _flattened(data: Any) -> tuple[list, list[int], set[type]]:
    """The items of nested lists in order, the shape, and the classes of the items.

    Raises:
        ValueError: Lists at one depth differ in length.
        RuntimeError: They are nested more deeply than an array has dimensions.
    """
    level, shape = data, [len(data)]
    kinds = set(map(type, level))
    while kinds and kinds <= _ROWS:
        length = len(level[0])
        if len(set(map(len, level))) > 1:
            wrong = next(len(row) for row in level if len(row) != length)
            if length:  # PyTorch looks no further where the first is empty
                raise ValueError(
                    f"expected sequence of length {length} at dim {len(shape)} (got {wrong}): nested "
                    "sequences must not be ragged"
                )
            level = []
        shape.append(length)
        level = list(chain.from_iterable(level))
        kinds = set(map(type, level))
    if len(shape) > MAX_DIMS:
        raise too_many(len(shape))
    return level, shape, kinds


def _numbers(values: Any, found: dtype) -> Any:
    """Python numbers, one or a flat list of them, as an array."""
    half = found.is_reduced
    target = found.compute  # PyTorch rounds twice
    try:
        with quiet():
            array = np.array(values, target)
            return convertible(array, found.numpy).astype(found.numpy) if half else array
    except (OverflowError, ValueError, TypeError):
        return _one_by_one(values, found)


def _one_by_one(values: Any, found: dtype) -> Any:
    """As `_numbers`, where some number needs to be wrapped, or does not fit."""
    flat = values if values.__class__ is list else [values]
    if found.category < 2:
        flat = [_whole(value, found) for value in flat]
    else:
        for value in flat:
            if isinstance(value, complex) and not found.is_complex:
                raise TypeError(
                    f"must be real number, not complex: a {found} tensor cannot hold {value!r}"
                )
    with quiet():
        array = np.array(flat, found.numpy)
    return array if values.__class__ is list else array.reshape(())


def _whole(value: Any, found: dtype) -> int:
    if found is bool_:
        return bool(value)
    if isinstance(value, complex):
        raise TypeError(
            f"'complex' object cannot be interpreted as an integer: a {found} tensor cannot hold "
            f"{value!r}"
        )
    limits = iinfo(found)
    if found is int64 and isinstance(value, int) and not limits.min <= value <= limits.max:
        raise ValueError(
            f"Overflow when unpacking long long: {value} does not fit into 64 bits; pass a "
            "floating-point dtype"
        )
    lowest = limits.min
    if not found.is_signed and isinstance(value, int):
        if found.itemsize == 8 and value < 0:
            raise OverflowError(f"can't convert negative int to unsigned: {value}")
        lowest = -limits.max
    if not lowest <= value <= limits.max:  # NaN too
        raise RuntimeError(
            f"value cannot be converted to type {found.name} without overflow: {value!r}"
        )
    return int(value) % (limits.max + 1) if not found.is_signed else int(value)


# ---- data of every sort ------------------------------------------------------------------------


@host
def _of_anything(data: Any, dtype: dtype | None) -> tuple[Any, dtype]:
    """`array_of` for what holds NumPy numbers, tensors, arrays, or sequences other than lists."""
    if hasattr(data, "_array") and not data._kind.has_elements:
        found = dtype or data._kind.dtype
        return data._array.astype(found.numpy), found
    if isinstance(data, np.generic):
        data = np.asarray(data)
        found = dtype or numpy_dtype(data.dtype)
        return _cast(data, found), found
    if not _is_sequence(data) and hasattr(data, "__array__"):
        return array_of(np.asarray(data), dtype)
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}': tensors hold numbers")
    if _holds_arrays(data):
        warn(
            "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider "
            "converting the list to a single numpy.ndarray with numpy.array() before converting to "
            "a tensor.",
            UserWarning,
        )
    shape = _shape(data)
    leaves: list[Any] = []
    _collect(data, shape, 0, leaves)
    found = dtype or _dtype_of(leaves)
    values = [item.item() if isinstance(item, (Tensor, np.generic)) else item for item in leaves]
    if found.category < 2:
        values = [item if type(item) in _NUMBERS else item.__index__() for item in values]
    return (_numbers(values, found).reshape(shape) if shape else _numbers(values[0], found)), found


def _is_sequence(data: Any) -> bool:
    if isinstance(data, (str, bytes, Tensor, np.generic)):
        return False
    if isinstance(data, np.ndarray):
        return True
    return isinstance(data, Sequence) or (
        hasattr(data, "__len__")
        and hasattr(data, "__getitem__")
        and not hasattr(data, "keys")
        and not hasattr(data, "__array__")
    )


def _holds_arrays(data: Any) -> bool:
    return isinstance(data, (list, tuple)) and bool(data) and isinstance(data[0], np.ndarray)


def _shape(data: Any) -> list[int]:
    """The shape that the first item at each depth tells."""
    shape = []
    while _is_sequence(data):
        shape.append(len(data))
        if len(shape) > 64:
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
        if not len(data):
            break
        data = data[0]
    return shape


def _collect(data: Any, shape: list[int], depth: int, leaves: list[Any]) -> None:
    """Append the items in order.

    Raises:
        ValueError: Sequences differ in length.
        TypeError: Some items are sequences where others are not.
    """
    if depth == len(shape):
        leaves.append(_leaf(data))
        return
    if not _is_sequence(data):
        raise TypeError(
            f"not a sequence: found {type(data).__name__} at dim {depth}, where other items are "
            f"sequences of length {shape[depth]}"
        )
    if len(data) != shape[depth]:
        raise ValueError(
            f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})"
        )
    for item in data:
        _collect(item, shape, depth + 1, leaves)


def _leaf(item: Any) -> Any:
    if isinstance(item, Tensor):
        if item._array.size != 1:
            error = TypeError if item.dtype.category < 2 else ValueError
            raise error(
                f"only one element tensors can be converted to Python scalars, but one in the data "
                f"has shape {tuple(item.shape)}: join tensors with torch.stack()"
            )
        return item
    if isinstance(item, (str, bytes)):
        raise ValueError(f"too many dimensions '{type(item).__name__}': tensors hold numbers")
    if _is_sequence(item):
        raise TypeError(
            f"'{type(item).__name__}' object cannot be interpreted as a number, as the items beside "
            "it are"
        )
    if isinstance(item, (int, float, complex, np.generic)) or hasattr(item, "__index__"):
        return item
    raise RuntimeError(f"Could not infer dtype of {type(item).__name__}: tensors hold numbers")


def _dtype_of(leaves: list[Any]) -> dtype:
    """The type to which all items promote."""
    found: dtype | None = None
    for item in leaves:
        if isinstance(item, Tensor):
            own = item.dtype
        elif isinstance(item, np.generic):
            own = numpy_dtype(item.dtype)
        else:
            own = _inferred({type(item) if type(item) in _NUMBERS else int})
        found = own if found is None or found is own else PROMOTED[found, own]
    return found or state.default


def _cast(array: Any, found: dtype) -> Any:
    """A new array of the dtype."""
    with quiet():
        return convertible(array, found.numpy).astype(found.numpy)


def _check_strides(array: Any) -> None:
    if array.strides and min(array.strides) < 0:
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides "
            "are not currently supported. (You can probably work around this by making a copy of your "
            "array with array.copy().)"
        )


# ---- the public functions ----------------------------------------------------------------------


@public()
def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new tensor with a copy of data: nested sequences, numbers, arrays, tensors.

    Args:
        data: What to copy.
        dtype: Default: what the data stands for; Python floats stand for the default dtype.
        device: Default: the default device.
        requires_grad: Is its gradient wanted?
        pin_memory: Put it into page-locked memory, which an accelerator reads by itself.

    Raises:
        ValueError: Nested sequences differ in length, or an integer has more than 64 bits.
        TypeError: The data holds what is no number.
        RuntimeError: A number does not fit the dtype.

    Source: torch.tensor

    Example:
        >>> import flambeau as torch
        >>> torch.tensor([[1., 2.], [3., 4.]])
        tensor([[1., 2.],
                [3., 4.]])
    """
    if dtype is not None and not hasattr(dtype, "category"):
        dtype = named_dtype(dtype, "tensor")
    if pin_memory is not False:
        check_placement("tensor", None, pin_memory)
    if isinstance(data, Tensor):
        _warn_of_copy("torch.tensor")
        data = data.detach()  # type: ignore[attr-defined]
    if hasattr(data, "__cuda_array_interface__"):
        copied = as_tensor(data, dtype, device).clone()  # type: ignore[attr-defined]
        return copied.requires_grad_(requires_grad)
    array, found = array_of(data, dtype)
    kind = kind_for(found, device)
    return made(pinned(array, kind) if pin_memory else array, kind, requires_grad)


def _warn_of_copy(function: str) -> None:
    warn(
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
        "sourceTensor.detach().clone().requires_grad_(True), rather than "
        f"{function}(sourceTensor).",
        UserWarning,
    )


@method()
def new_tensor(
    self: Tensor,
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`tensor` with this tensor's dtype and device.

    Source: torch.Tensor.new_tensor

    Example:
        >>> import flambeau as torch
        >>> torch.ones(1).new_tensor([1, 2])
        tensor([1., 2.])
    """
    if isinstance(data, Tensor):
        _warn_of_copy("tensor.new_tensor")
        data = data._array.copy()  # whatever its strides
    return tensor(
        data,
        dtype=dtype or self.dtype,
        device=device or self.device,
        requires_grad=requires_grad,
        pin_memory=pin_memory,
    )


@public()
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Data as a tensor, sharing memory where that can be.

    Args:
        data: What `tensor` takes. A tensor of the right dtype and device is given back itself.
        dtype, device: Default: those of the data.

    Source: torch.as_tensor

    Example:
        >>> import numpy as np, flambeau as torch
        >>> array = np.zeros(2)
        >>> torch.as_tensor(array)[0] = 5
        >>> array
        array([5., 0.])
    """
    if isinstance(data, Tensor):
        if dtype is None and device is None:
            return data
        return data.to(dtype=dtype or data.dtype, device=device or data.device)
    if hasattr(data, "__cuda_array_interface__"):
        return _on_gpu(data).to(dtype=dtype, device=device)  # type: ignore[attr-defined]
    if isinstance(data, np.ndarray):
        shared = from_numpy(data)
        if dtype is None and device is None:
            return shared
        return shared.to(dtype=dtype, device=device)
    return tensor(data, dtype=dtype, device=device)


def _on_gpu(data: Any) -> Tensor:
    """A tensor on the memory of another library's array on a GPU.

    Raises:
        TypeError: It is of an unsupported dtype.
    """
    xp = kind_of(uint8, resolve("cuda")).xp
    array = xp.asarray(data)
    return wrap(array, kind_of(numpy_dtype(array.dtype), resolve(f"cuda:{array.device.id}")))


@public()
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor on a NumPy array's memory: each sees what is written to the other.

    Raises:
        TypeError: It is no array, or of an unsupported dtype.
        ValueError: Its strides are negative or its byte order foreign.

    Source: torch.from_numpy

    Example:
        >>> import numpy as np, flambeau as torch
        >>> array = np.zeros(2)
        >>> t = torch.from_numpy(array)
        >>> array[0] = 5
        >>> t
        tensor([5., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    found = numpy_dtype(ndarray.dtype)
    _check_strides(ndarray)
    return wrap(foreign(ndarray), kind_of(found, CPU))
