"""New tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.variable import requires_grad_
from ..core.device import CPU, defaults, resolve
from ..core.dtype import bool_, int64, state
from ..core.dtype import from_numpy as numpy_dtype
from ..core.kind import Kind, kind_of
from ..core.memory import foreign
from ..core.tensor import Tensor, wrap
from .registry import method, public
from .write import write_out

_new = object.__new__


def kind_for(dtype: Any, device: Any, default: Any = None) -> Kind:
    """The kind of a new tensor of this dtype on this device; None means the defaults."""
    if dtype is None:
        dtype = state.default if default is None else default
    elif not hasattr(dtype, "category"):
        raise TypeError(f"argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    return kind_of(dtype, defaults.current if device is None else resolve(device))


def made(array: Any, kind: Kind, requires_grad: bool = False) -> Tensor:
    """A new tensor on a new array."""
    result = wrap(array, kind)
    return requires_grad_(result) if requires_grad else result


def into(out: Tensor | None, result: Tensor, name: str) -> Tensor:
    """A result, written to ``out=`` if that was given."""
    return result if out is None else write_out(out, result, name)


def sizes(size: tuple) -> tuple[int, ...]:
    """Sizes given one by one or as a sequence.

    Raises:
        TypeError: One is no integer.
        RuntimeError: One is negative.
    """
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])
    try:
        shape = tuple([n if n.__class__ is int else n.__index__() for n in size])
    except AttributeError:
        raise TypeError(
            f"a size must be a tuple of ints, but found {[type(n).__name__ for n in size]}"
        ) from None
    if shape and min(shape) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        )
    return shape


_last_default: list[Any] = [None, None, None]
"""The default dtype and device when they were last asked for, and their kind."""


def _default_kind() -> Kind:
    """The kind of the default dtype and device."""
    dtype, device, kind = _last_default
    if dtype is not state.default or device is not defaults.current:
        kind = kind_for(None, None)
        _last_default[:] = state.default, defaults.current, kind
    return kind


def _filled(name: str, fill: str) -> Any:
    def function(
        *size: Any,
        out: Tensor | None = None,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
        names: Any = None,
    ) -> Tensor:
        kind = _default_kind() if dtype is None and device is None else kind_for(dtype, device)
        array = getattr(kind.xp, fill)(sizes(size), kind.numpy)
        if out is not None:
            return write_out(out, wrap(array, kind), name)
        return made(array, kind, requires_grad)

    function.__name__ = function.__qualname__ = name
    what = {"zeros": "Zeros", "ones": "Ones", "empty": "Uninitialised memory"}[name]
    function.__doc__ = f"""{what} of a given shape.

    Args:
        size: The sizes, one by one or as a sequence.
        dtype, device: Default: the default dtype and device.
        requires_grad: Is its gradient wanted?
        out: Write there.

    Source: torch.{name}
    """
    return public(name)(function)


zeros, ones, empty = _filled("zeros", "zeros"), _filled("ones", "ones"), _filled("empty", "empty")


@public()
def full(
    size: Any,
    fill_value: Any,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """One value everywhere.

    Source: torch.full

    Example:
        >>> import flambeau as torch
        >>> torch.full((2,), 7)
        tensor([7, 7])
    """
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    kind = kind_for(dtype, device, _of_number(fill_value))
    return into(
        out, made(kind.xp.full(sizes((size,)), fill_value, kind.numpy), kind, requires_grad), "full"
    )


def _of_number(value: Any) -> Any:
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    return state.default_complex if isinstance(value, complex) else state.default


def _like(name: str, fill: str) -> Any:
    def function(
        input: Tensor,
        *,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        kind = (
            input._kind
            if dtype is None and device is None
            else kind_for(dtype or input.dtype, device or input.device)
        )
        array = getattr(kind.xp, fill)(input._array, kind.numpy)
        return made(array, kind, requires_grad)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{name.split('_')[0].capitalize()} in the shape and dtype of another tensor.\n\n"
        f"    Source: torch.{name}\n    "
    )
    return public(name)(function)


zeros_like, ones_like, empty_like = (
    _like(name, name) for name in ("zeros_like", "ones_like", "empty_like")
)


@public()
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """One value in the shape and dtype of another tensor.

    Source: torch.full_like
    """
    return full(
        input.shape,
        fill_value,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


def _new_form(name: str, function: Any) -> None:
    def form(
        self: Tensor, *size: Any, dtype: Any = None, device: Any = None, **options: Any
    ) -> Tensor:
        return function(*size, dtype=dtype or self.dtype, device=device or self.device, **options)

    form.__name__ = form.__qualname__ = name
    form.__doc__ = f"`{function.__name__}` with this tensor's dtype and device."
    method(name)(form)


_new_form("new_zeros", zeros)
_new_form("new_ones", ones)
_new_form("new_empty", empty)
_new_form("new_full", full)


def _nested_dtype(data: Any) -> Any:
    """The dtype that nested Python data stands for."""
    widest = -1
    stack = [data]
    while stack:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack.extend(item)
        elif isinstance(item, Tensor):
            widest = max(widest, item.dtype.category)
        elif isinstance(item, (bool, np.bool_)):
            widest = max(widest, 0)
        elif isinstance(item, (int, np.integer)):
            widest = max(widest, 1)
        elif isinstance(item, (float, np.floating)):
            widest = max(widest, 2)
        elif isinstance(item, (complex, np.complexfloating)):
            widest = max(widest, 3)
        elif isinstance(item, np.ndarray):
            widest = max(widest, numpy_dtype(item.dtype).category)
        else:
            raise TypeError(
                f"new(): invalid data type '{type(item).__name__}'"
                if isinstance(item, str)
                else f"Could not infer dtype of {type(item).__name__}"
            )
    return (
        (bool_, int64, state.default, state.default_complex)[widest]
        if widest >= 0
        else state.default
    )


def _nested_shape(data: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(data, (list, tuple)):
        shape.append(len(data))
        if not data:
            break
        data = data[0]
    if isinstance(data, (Tensor, np.ndarray)):
        shape += list(data.shape)
    return tuple(shape)


def _check_nested(data: Any, shape: tuple[int, ...], depth: int = 0) -> None:
    """Raises ValueError where nested sequences differ in length."""
    if not isinstance(data, (list, tuple)):
        return
    if len(data) != shape[depth]:
        raise ValueError(
            f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})"
        )
    for item in data:
        if isinstance(item, (list, tuple)) != (
            len(shape) > depth + 1 and not isinstance(item, Tensor)
        ) and not (isinstance(item, (Tensor, np.ndarray))):
            raise ValueError(
                f"expected sequence of length {shape[depth + 1]} at dim {depth + 1}"
                if len(shape) > depth + 1
                else f"too many dimensions '{type(item).__name__}'"
            )
        _check_nested(item, shape, depth + 1)


def array_of(data: Any, dtype: Any) -> tuple[Any, Any]:
    """Data as a new array, and its dtype."""
    if isinstance(data, Tensor):
        found = dtype or data.dtype
        return np.array(data._array, found.numpy, copy=True), found
    if isinstance(data, np.ndarray):
        found = dtype or numpy_dtype(data.dtype)
        return _converted(data, found), found
    if isinstance(data, np.generic):
        found = dtype or numpy_dtype(data.dtype)
        return np.asarray(data).astype(found.numpy), found
    if not isinstance(data, (list, tuple)) and hasattr(data, "__array__"):
        return array_of(np.asarray(data), dtype)
    if isinstance(data, Sequence) and not isinstance(data, (list, tuple, str)):
        data = list(data)
    found = dtype or _nested_dtype(data)
    shape = _nested_shape(data)
    _check_nested(data, shape)
    plain = _plain(data)
    try:
        array = (
            np.array(plain, found.numpy)
            if found.numpy.kind != "V"
            else np.array(plain).astype(found.numpy)
        )
    except OverflowError:
        array = np.array(plain, object)
        bits = 1 << (8 * found.itemsize)
        if found.category == 1:
            raise RuntimeError(
                f"value cannot be converted to type {found.name} without overflow"
            ) from None
        array = (array % bits).astype(found.numpy)
    except (TypeError, ValueError) as error:
        raise TypeError(f"cannot make a {found} tensor of this data: {error}") from None
    return array.reshape(shape), found


def _plain(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return data._array.tolist() if isinstance(data, Tensor) else data


def _converted(array: Any, dtype: Any) -> Any:
    with np.errstate(all="ignore"):
        if array.dtype.kind == "c" and dtype.numpy.kind != "c":
            array = array.real
        return array.astype(dtype.numpy)


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

    Raises:
        ValueError: Nested sequences differ in length.
        TypeError: The data holds what is no number.

    Source: torch.tensor

    Example:
        >>> import flambeau as torch
        >>> torch.tensor([[1., 2.], [3., 4.]])
        tensor([[1., 2.],
                [3., 4.]])
    """
    array, found = array_of(data, dtype)
    return made(array, kind_for(found, device), requires_grad)


@public("as_tensor", "asarray")
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Data as a tensor, sharing memory where that can be.

    Source: torch.as_tensor
    """
    if isinstance(data, Tensor):
        return data.to(dtype=dtype or data.dtype, device=device or data.device)  # type: ignore[attr-defined]
    if isinstance(data, np.ndarray):
        shared = from_numpy(data)
        return shared if dtype is None else shared.to(dtype)  # type: ignore[attr-defined]
    return tensor(data, dtype=dtype, device=device)


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
    if any(step < 0 for step in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides "
            "are not currently supported. (You can probably work around this by making a copy of your "
            "array with array.copy().)"
        )
    return wrap(foreign(ndarray), kind_of(found, CPU))


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, (Tensor, np.generic)) else value


@public()
def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """start, start + step, ... below end; of int64 if all are integers.

    Raises:
        RuntimeError: The step is zero or leads away.

    Source: torch.arange
    """
    if end is None:
        start, end = 0, start
    start, end, step = _number(start), _number(end), _number(step)
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    whole = all(isinstance(n, int) for n in (start, end, step))
    kind = kind_for(dtype, device, int64 if whole else state.default)
    count = math.ceil((end - start) / step) if not whole else len(range(start, end, step))
    exact = np.int64 if whole else np.float64
    array = (start + np.arange(count, dtype=exact) * step).astype(kind.numpy)
    if out is not None:
        return write_out(out, wrap(array, kind), "arange")
    return made(array, kind, requires_grad)


@public()
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers from start to end, both included.

    Source: torch.linspace
    """
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    start, end = _number(start), _number(end)
    kind = kind_for(
        dtype,
        device,
        state.default_complex if isinstance(start, complex) or isinstance(end, complex) else None,
    )
    wide = np.complex128 if kind.numpy.kind == "c" else np.float64
    array = np.linspace(start, end, steps, dtype=wide)
    if kind.numpy.kind in "iu":
        array = np.trunc(array)
    return into(out, made(array.astype(kind.numpy), kind, requires_grad), "linspace")


@public()
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """base to the power of `linspace`.

    Source: torch.logspace
    """
    kind = kind_for(dtype, device)
    array = np.power(base, np.linspace(_number(start), _number(end), steps, dtype=np.float64))
    return made(array.astype(kind.numpy), kind, requires_grad)


@public()
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones on the diagonal.

    Source: torch.eye
    """
    kind = kind_for(dtype, device)
    return made(kind.xp.eye(n, m, dtype=kind.numpy), kind, requires_grad)


def _triangle(name: str, find: Any) -> None:
    def function(
        row: int,
        col: int,
        offset: int = 0,
        *,
        dtype: Any = int64,
        device: Any = None,
        layout: Any = None,
    ) -> Tensor:
        kind = kind_for(dtype, device)
        return made(np.stack(find(row, offset, col)).astype(kind.numpy), kind)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"Row and column indices of a triangle of a matrix.\n\n    Source: torch.{name}\n    "
    )
    public(name)(function)


_triangle("tril_indices", np.tril_indices)
_triangle("triu_indices", np.triu_indices)
