"""Functions that CuPy has another way than NumPy: what makes arrays, what goes to the host, what sorts, indexes and sums."""

from __future__ import annotations

import copyreg
from typing import Any

import numpy as np

from .array import computed, memory_of, ndarray, new, operand, supported, wrap
from .call import accumulated, call, host
from .capture import run, synchronizes
from .cast import as_written
from .dlpack import imported
from .index import inside

# arrays from data


def array(
    obj: Any,
    dtype: Any = None,
    copy: bool | None = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    *,
    blocking: bool = False,
) -> ndarray:
    """An array of numbers, of a host array, or of an array on any device."""
    if subok:
        raise NotImplementedError("subok=True is not supported")
    if obj.__class__ is not ndarray and hasattr(obj, "__cuda_array_interface__"):
        from .exchange import of_interface

        obj = of_interface(obj)
    if obj.__class__ is ndarray:
        made = obj if dtype is None else obj.astype(dtype, order=order or "K", copy=False)
        wrong = order in ("C", "F") and not made.flags[f"{order}_CONTIGUOUS"]
        if wrong or (made is obj and (copy or _elsewhere(obj))):
            made = made.copy(order or "K")
        if made.ndim < ndmin:
            made = made.reshape((1,) * (ndmin - made.ndim) + made.shape)
        return made
    if copy is False:
        raise ValueError("Unable to avoid copy while creating an array from given array.")
    if isinstance(obj, np.ndarray):
        given = np.array(obj, dtype, order=order or "K", ndmin=ndmin, copy=None)
    else:
        given = np.array(_numbers(obj), dtype, order=order or "K", ndmin=ndmin)
    synchronizes()
    return new(given)


def _elsewhere(x: ndarray) -> bool:
    from .cuda.runtime import getDevice

    return memory_of(x._host).device_id != getDevice()


def _numbers(x: Any) -> Any:
    """Nested lists, in which there may be arrays."""
    if x.__class__ is ndarray:
        return operand(x)
    if isinstance(x, list | tuple):
        return [_numbers(y) for y in x]
    return x


def asarray(
    a: Any,
    dtype: Any = None,
    order: Any = None,
    *,
    copy: bool | None = None,
    blocking: bool = False,
) -> ndarray:
    if (
        a.__class__ is ndarray
        and dtype is None
        and order is None
        and not copy
        and not _elsewhere(a)
    ):
        return a
    if copy is False and a.__class__ is ndarray:
        made = asarray(a, dtype, order)
        if made is not a:
            raise ValueError("Unable to avoid copy while creating an array from given array.")
        return made
    return array(a, dtype, copy if a.__class__ is not ndarray else bool(copy), order or "K")


asanyarray = asarray


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    made = asarray(a, dtype, "C")
    return made if made.ndim else made.reshape(1)


def asfortranarray(a: Any, dtype: Any = None) -> ndarray:
    return asarray(a, dtype, "F")


def astype(x: ndarray, dtype: Any, /, *, copy: bool = True) -> ndarray:
    if x.__class__ is not ndarray:
        raise TypeError(f"Input should be a CuPy array. It is a {type(x)} instead.")
    return x.astype(dtype, copy=copy)


def copy(a: ndarray, order: Any = "K") -> ndarray:
    return a.copy(order=order)


def asnumpy(
    a: Any, stream: Any = None, order: Any = "C", out: Any = None, *, blocking: bool = True
) -> np.ndarray:
    """A copy in the host's memory."""
    if a.__class__ is ndarray:
        return a.get(stream=stream, order=order, out=out, blocking=blocking)
    made = np.asarray(a, order=order)  # type: ignore[call-overload]
    if out is None:
        return made
    out[...] = made
    return out


def from_dlpack(array: Any, *, device: Any = None, copy: bool | None = None) -> ndarray:
    """An array of another library's memory, on a simulated GPU."""
    made = imported(array)
    return made.copy() if copy else made


def get_array_module(*args: Any) -> Any:
    """This module for arrays on the device, else NumPy."""
    import flambeau.simulator as cupy

    return cupy if any(x.__class__ is ndarray for x in args) else np


def get_default_memory_pool() -> Any:
    from .cuda import memory

    return memory.default_pool


def get_default_pinned_memory_pool() -> Any:
    from .cuda import pinned_memory

    return pinned_memory.default_pool


# arrays from numbers


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> ndarray:
    for x in (start, stop, step, 0):
        if x.__class__ is ndarray:
            raise TypeError("arange is of numbers; an array on the device is none")
    if stop is None:
        start, stop = 0, start
    return computed(lambda: np.arange(start, stop, 1 if step is None else step, dtype))  # type: ignore[call-overload]


def empty(shape: Any, dtype: Any = float, order: Any = "C") -> ndarray:
    return ndarray(shape, dtype, order=order)


def zeros(shape: Any, dtype: Any = float, order: Any = "C") -> ndarray:
    return full(shape, 0, dtype, order)


def ones(shape: Any, dtype: Any = float, order: Any = "C") -> ndarray:
    return full(shape, 1, dtype, order)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C") -> ndarray:
    value = host(fill_value)
    made = ndarray(shape, np.asarray(value).dtype if dtype is None else dtype, order=order)
    made[...] = fill_value
    return made


def empty_like(
    prototype: ndarray, dtype: Any = None, order: Any = "K", subok: Any = None, shape: Any = None
) -> ndarray:
    if subok is not None:
        raise TypeError("subok is not supported yet")
    if prototype.__class__ is not ndarray:
        raise TypeError(f"Argument 'prototype' has incorrect type {type(prototype)}")
    like = np.lib.stride_tricks.as_strided(
        np.empty(0, prototype.dtype), prototype.shape, prototype.strides
    )
    made = np.empty_like(like, supported(dtype or prototype.dtype), order, shape=shape)
    return _like(made)


def _like(host: np.ndarray) -> ndarray:
    from .cuda import memory

    return ndarray(host.shape, host.dtype, memory.alloc(host.nbytes), host.strides)


def zeros_like(
    a: ndarray, dtype: Any = None, order: Any = "K", subok: Any = None, shape: Any = None
) -> ndarray:
    return full_like(a, 0, dtype, order, subok, shape)


def ones_like(
    a: ndarray, dtype: Any = None, order: Any = "K", subok: Any = None, shape: Any = None
) -> ndarray:
    return full_like(a, 1, dtype, order, subok, shape)


def full_like(
    a: ndarray,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: Any = None,
    shape: Any = None,
) -> ndarray:
    made = empty_like(a, dtype, order, subok, shape)
    made.fill(fill_value)
    return made


def broadcast_arrays(*args: Any) -> list[ndarray]:
    shape = np.broadcast_shapes(*(x.shape for x in args))
    return [wrap(np.broadcast_to(host(x), shape)) for x in args]


# choices and writes


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    if x is None:
        return condition.nonzero()
    if condition.__class__ is not ndarray:
        raise TypeError(f"the condition has to be an array on the device, not {type(condition)}")
    choice, first, second = operand(condition), operand(x), operand(y)
    return computed(lambda: np.where(choice, first, second))


def copyto(dst: ndarray, src: Any, casting: str = "same_kind", where: Any = None) -> None:
    target, source = operand(dst), operand(src)
    mask = True if where is None else operand(where)
    run(lambda: np.copyto(target, _cast(source, target.dtype, casting), casting, mask))  # type: ignore[arg-type]


def _cast(source: Any, dtype: np.dtype, casting: str) -> Any:
    return as_written(source, dtype) if casting == "unsafe" else source


def clip(a: ndarray, a_min: Any, a_max: Any, out: Any = None) -> ndarray:
    """Numbers kept within bounds; CuPy has it for real numbers, and bfloat16 becomes float32."""
    if a.dtype.kind == "c":
        raise TypeError("ufunc 'cupy_clip' not supported for the input types")
    if a.dtype.name == "bfloat16":
        a = a.astype(np.float32)
    return call(np.clip, a, a_min, a_max, out=out)


def repeat(a: ndarray, repeats: Any, axis: int | None = None) -> ndarray:
    if repeats.__class__ is ndarray:
        synchronizes()  # how many elements there will be
    return call(np.repeat, a, repeats, axis=axis)


def diff(
    a: ndarray, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None
) -> ndarray:
    return call(np.diff, a, n=n, axis=axis, prepend=prepend, append=append)


def meshgrid(*xi: Any, **kwargs: Any) -> Any:
    return list(call(np.meshgrid, *xi, **kwargs))


# indices and orders


def take(a: ndarray, indices: Any, axis: int | None = None, out: Any = None) -> ndarray:
    x, key = operand(a), host(indices)
    inside(key, x.size if axis is None else x.shape[axis])
    return call(np.take, a, indices, axis=axis, out=out)


def take_along_axis(a: ndarray, indices: ndarray, axis: int | None) -> ndarray:
    inside(host(indices), a.size if axis is None else a.shape[axis])
    return call(np.take_along_axis, a, indices, axis=axis)


def put_along_axis(arr: ndarray, indices: ndarray, values: Any, axis: int | None) -> None:
    x, key, given = operand(arr), host(indices), host(values)
    inside(key, x.size if axis is None else x.shape[axis])
    run(lambda: np.put_along_axis(x, key, given, axis))


def argsort(a: ndarray, axis: int | None = -1, kind: Any = None) -> ndarray:
    """The order of a stable sort, as CuPy's always is."""
    x = operand(a)
    return computed(lambda: np.argsort(x, axis, kind="stable"))


def sort(a: ndarray, axis: int | None = -1, kind: Any = None) -> ndarray:
    x = operand(a)
    return computed(lambda: np.sort(x, axis, kind="stable"))


def argpartition(a: ndarray, kth: Any, axis: int | None = -1) -> ndarray:
    return argsort(a, axis)


def partition(a: ndarray, kth: Any, axis: int | None = -1) -> ndarray:
    return sort(a, axis)


# products


def matmul(
    *args: Any,
    axes: Any = None,
    axis: Any = None,
    keepdims: bool = False,
    casting: str = "same_kind",
    dtype: Any = None,
    signature: Any = None,
    order: Any = "K",
    out: Any = None,
) -> ndarray:
    if any(x is not None for x in (axes, axis, signature)) or keepdims:
        raise NotImplementedError("matmul of the simulator takes two arrays, dtype= and out=")
    if len(args) == 3 and out is None:
        *args, out = args  # type: ignore[assignment]
    return accumulated(np.matmul, *args, dtype=dtype, out=out)


def einsum(*operands: Any, **kwargs: Any) -> ndarray:
    options = {name: x for name, x in kwargs.items() if name in ("dtype", "out", "optimize")}
    return accumulated(np.einsum, *operands, **options)


def _product(x: Any, y: Any) -> ndarray:
    return matmul(x, y)


def _reflected_product(x: Any, y: Any) -> ndarray:
    return matmul(y, x)


setattr(ndarray, "__matmul__", _product)  # noqa: B010
setattr(ndarray, "__rmatmul__", _reflected_product)  # noqa: B010
copyreg.pickle(ndarray, lambda x: (array, (x.get(),)))
