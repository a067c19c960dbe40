"""What NumPy's functions that change shapes, and keys of index arrays, give for arrays without elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import MetaArray, _check_fits, without_elements
from .function import gives


def _meta(x: Any) -> MetaArray:
    """An array without elements for any array."""
    if isinstance(x, MetaArray):
        return x
    x = np.asarray(x)
    return MetaArray(x.shape, x.dtype)


@gives("moveaxis")
def _moveaxis(x: Any, source: Any, destination: Any) -> Any:
    return x._view(np.moveaxis(x._ghost, source, destination))


def _method(name: str) -> None:
    @gives(name)
    def call(x: Any, *args: Any, **options: Any) -> Any:
        return getattr(x, name)(*args, **options)


for _name in ("swapaxes", "transpose", "squeeze", "diagonal", "reshape", "astype"):
    _method(_name)


@gives("ravel", "flatten")
def _ravel(x: Any, order: str = "C") -> Any:
    return x.reshape(-1)


@gives("expand_dims")
def _expand_dims(x: Any, axis: Any) -> Any:
    return x._view(np.expand_dims(x._ghost, axis))


@gives("broadcast_to")
def _broadcast_to(x: Any, shape: Any, subok: bool = False) -> Any:
    return x._view(np.broadcast_to(x._ghost, shape))


@gives("broadcast_arrays")
def _broadcast_arrays(*arrays: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, arrays))
    return tuple(np.broadcast_to(x, shape) for x in arrays)


@gives("atleast_1d")
def _atleast_1d(x: Any) -> Any:
    return x.reshape(1) if x.ndim == 0 else x


@gives("atleast_2d")
def _atleast_2d(x: Any) -> Any:
    return x.reshape((1,) * (2 - x.ndim) + x.shape) if x.ndim < 2 else x


def as_strided(x: Any, shape: Any = None, strides: Any = None, **options: Any) -> Any:
    """np.lib.stride_tricks.as_strided, of either sort of arrays."""
    if not isinstance(x, MetaArray):
        return np.lib.stride_tricks.as_strided(x, shape, strides, **options)
    return x.as_strided(
        x.shape if shape is None else shape, x.strides if strides is None else strides
    )


@gives("sliding_window_view")
def _sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **options: Any) -> Any:
    return x._view(np.lib.stride_tricks.sliding_window_view(x._ghost, window_shape, axis))


@gives("concatenate")
def _concatenate(arrays: Any, axis: Any = 0, out: Any = None, **options: Any) -> Any:
    arrays = [_meta(x) for x in arrays]
    dtype = np.result_type(*[x.dtype for x in arrays])
    shape = list(arrays[0].shape)
    for x in arrays[1:]:
        rest = [n for i, n in enumerate(x.shape) if i != axis % x.ndim]
        if rest != [n for i, n in enumerate(shape) if i != axis % x.ndim]:
            raise ValueError(
                "all the input array dimensions except for the concatenation axis must match"
            )
    shape[axis] = sum(x.shape[axis] for x in arrays)
    return MetaArray(shape, dtype) if out is None else out


@gives("stack")
def _stack(arrays: Any, axis: int = 0, out: Any = None, **options: Any) -> Any:
    arrays = [_meta(x) for x in arrays]
    shape = list(arrays[0].shape)
    shape.insert(axis % (len(shape) + 1), len(arrays))
    return MetaArray(shape, np.result_type(*[x.dtype for x in arrays])) if out is None else out


@gives("append")
def _append(x: Any, values: Any, axis: Any = None) -> Any:
    if axis is None:
        return _concatenate([_meta(x).reshape(-1), _meta(values).reshape(-1)])
    return _concatenate([x, values], axis)


@gives("tile")
def _tile(x: Any, reps: Any) -> Any:
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    shape = (1,) * (len(reps) - x.ndim) + x.shape
    reps = (1,) * (len(shape) - len(reps)) + reps
    return MetaArray([n * m for n, m in zip(shape, reps)], x.dtype)


@gives("repeat")
def _repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    if isinstance(repeats, MetaArray):
        raise without_elements("the size of the result")
    if axis is None:
        x, axis = x.reshape(-1), 0
    shape = list(x.shape)
    counts = np.asarray(repeats)
    shape[axis] = int(counts.sum()) if counts.size > 1 else shape[axis] * int(counts.ravel()[0])
    return MetaArray(shape, x.dtype)


@gives("meshgrid")
def _meshgrid(*arrays: Any, indexing: str = "xy", **options: Any) -> Any:
    shape = [x.size for x in arrays]
    if indexing == "xy" and len(shape) > 1:
        shape[0], shape[1] = shape[1], shape[0]
    return tuple(MetaArray(shape, x.dtype) for x in arrays)


@gives("take")
def _take(x: Any, index: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    if axis is None:
        return MetaArray(np.shape(index), x.dtype)
    axis %= x.ndim
    return MetaArray((*x.shape[:axis], *np.shape(index), *x.shape[axis + 1 :]), x.dtype)


@gives("take_along_axis")
def _take_along_axis(x: Any, index: Any, axis: Any = None) -> Any:
    other = list(np.shape(index))
    sizes = list(x.shape)
    sizes[axis] = other[axis] = 1
    shape = list(np.broadcast_shapes(tuple(sizes), tuple(other)))
    shape[axis] = np.shape(index)[axis]
    return MetaArray(shape, x.dtype)


@gives("put_along_axis", "put")
def _put(x: Any, *rest: Any, **options: Any) -> None:
    """What is written is gone."""


@gives("copyto")
def _copyto(target: Any, source: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not isinstance(target, MetaArray):
        raise without_elements("copyto")
    _check_fits(source, target.shape)


@gives("searchsorted")
def _searchsorted(x: Any, values: Any, side: str = "left", sorter: Any = None) -> Any:
    return MetaArray(np.shape(values), np.int64)


@gives("bincount")
def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    if not minlength:
        raise without_elements("the size of the result")
    return MetaArray((minlength,), np.int64 if weights is None else np.float64)


@gives("unravel_index")
def _unravel_index(places: Any, shape: Any, order: str = "C") -> Any:
    return tuple(MetaArray(places.shape, np.int64) for _ in shape)


@gives("ravel_multi_index")
def _ravel_multi_index(places: Any, dims: Any, **options: Any) -> Any:
    return MetaArray(np.broadcast_shapes(*map(np.shape, places)), np.int64)


@gives("shares_memory", "may_share_memory")
def _shares(x: Any, y: Any, **options: Any) -> bool:
    bases = [getattr(a, "base", None) or a for a in (x, y)]
    return isinstance(bases[0], MetaArray) and bases[0] is bases[1]


@gives("shape")
def _shape(x: Any) -> Any:
    return x.shape


@gives("ndim")
def _ndim(x: Any) -> Any:
    return x.ndim


@gives("size")
def _size(x: Any, axis: Any = None) -> Any:
    return x.size if axis is None else x.shape[axis]


@gives("real")
def _real(x: Any) -> Any:
    return x.real


@gives("imag")
def _imag(x: Any) -> Any:
    return x.imag


@gives("iscomplexobj")
def _iscomplexobj(x: Any) -> bool:
    return x.dtype.kind == "c"


@gives("result_type")
def _result_type(*given: Any) -> Any:
    return np.result_type(*[x.dtype if isinstance(x, MetaArray) else x for x in given])


@gives("dot")
def _dot(x: Any, y: Any, out: Any = None) -> Any:
    if x.ndim and y.ndim and x.ndim <= 2 and y.ndim <= 2:
        return np.matmul(x, y)
    return np.multiply(x, y)


# ------------------------------------------------------------------------------------ keys


@gives("indexed shape")
def indexed_shape(x: Any, key: Any) -> tuple[int, ...]:
    """The shape of ``x[key]``, where index arrays are in the key.

    Raises:
        NotImplementedError: A mask without elements would say how many elements there are.
    """
    items = list(key) if isinstance(key, tuple) else [key]
    masks: list[Any] = []
    for item in items:
        if isinstance(item, list):
            item = np.asarray(item)
        if _is_array(item) and item.dtype.kind == "b":
            if isinstance(item, MetaArray):
                raise without_elements("how many elements a mask selects")
            masks.extend(np.nonzero(item) if item.ndim else [np.zeros(int(item), int)])
        else:
            masks.append(item)
    items = masks
    used = sum(1 for item in items if item is not None and item is not Ellipsis)
    if not any(item is Ellipsis for item in items):
        items.append(Ellipsis)
    at = next(i for i, item in enumerate(items) if item is Ellipsis)
    items[at : at + 1] = [slice(None)] * (x.ndim - used)
    places = [
        i for i, item in enumerate(items) if _is_array(item) or isinstance(item, (int, np.integer))
    ]
    index = np.broadcast_shapes(*[np.shape(items[i]) for i in places])
    together = places == list(range(places[0], places[-1] + 1))
    sizes, shape = iter(x.shape), []
    for i, item in enumerate(items):
        if item is None:
            shape.append(1)
            continue
        n = next(sizes)
        if isinstance(item, slice):
            shape.append(len(range(*item.indices(n))))
        elif together and i == places[0]:
            shape.extend(index)
    return tuple(shape) if together else (*index, *shape)


def _is_array(item: Any) -> bool:
    return isinstance(item, (np.ndarray, MetaArray))
