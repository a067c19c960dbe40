"""What NumPy's functions and the methods of its arrays give for arrays without elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...formula.quiet import quiet
from .array import FUNCTIONS, MetaArray, _check_fits, empty_like, ordered_like, without_elements
from .ufunc import UFUNCS, reduced_shape, sample


def _gives(*names: str) -> Callable:
    def register(function: Callable) -> Callable:
        FUNCTIONS.update(dict.fromkeys(names, function))
        return function

    return register


def _meta(x: Any) -> MetaArray:
    """An array without elements for any array."""
    if isinstance(x, MetaArray):
        return x
    x = np.asarray(x)
    return MetaArray(x.shape, x.dtype)


# --------------------------------------------------------------------------- one result an element


def _elementwise(name: str) -> None:
    function = getattr(np, name)

    @_gives(name)
    def shaped(*operands: Any, out: Any = None, **options: Any) -> Any:
        arrays = [x for x in operands if x is not None]
        shape = np.broadcast_shapes(*map(np.shape, arrays))
        if isinstance(out, MetaArray):
            return out
        with quiet():
            dtype = function(*map(sample, operands), **options).dtype
        like = next((x for x in arrays if np.shape(x) == shape and np.ndim(x)), None)
        return MetaArray(shape, dtype) if like is None else ordered_like(like, dtype)


for _name in ("where", "clip", "nan_to_num", "isneginf", "isposinf", "angle", "sinc", "i0"):
    _elementwise(_name)
for _name in ("real_if_close", "round", "isclose"):
    _elementwise(_name)


@_gives("conj", "conjugate")
def _conj(x: Any) -> Any:
    return np.conjugate(x)


@_gives("select")
def _select(conditions: Any, choices: Any, default: Any = 0) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, [*conditions, *choices]))
    return MetaArray(shape, np.result_type(*map(sample, choices), default))


# ---------------------------------------------------------------------------------- reductions


def _reduction(name: str) -> None:
    function = getattr(np, name)

    @_gives(name)
    def shaped(
        x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
        **options: Any,
    ) -> Any:  # fmt: skip
        if isinstance(out, MetaArray):
            return out
        asked = {} if dtype is None else {"dtype": dtype}
        with quiet():
            found = np.asarray(function(np.ones(2, x.dtype), **asked, **options)).dtype
        return MetaArray(reduced_shape(x.shape, axis, keepdims), found)


for _name in ("sum", "prod", "mean", "var", "std", "nansum", "median"):
    _reduction(_name)


def _plain_reduction(name: str) -> None:
    """Those without a dtype."""
    function = getattr(np, name)

    @_gives(name, name.removeprefix("a") if name in ("amax", "amin") else name)
    def shaped(
        x: Any, axis: Any = None, out: Any = None, keepdims: bool = False, **options: Any
    ) -> Any:
        if x.size == 0 and name not in ("all", "any", "count_nonzero"):
            np.zeros(x.shape, x.dtype).max(axis)  # says what is wrong with it
        found = np.asarray(function(np.ones(2, x.dtype))).dtype
        made = MetaArray(reduced_shape(x.shape, axis, keepdims is True), found)
        made.usual = True if name == "all" else False if name == "any" else 0
        return made


for _name in ("max", "min", "amax", "amin", "all", "any", "count_nonzero", "argmax", "argmin"):
    _plain_reduction(_name)
for _name in ("nanmax", "nanmin", "ptp"):
    _plain_reduction(_name)


# ------------------------------------------------------------------------------ the same shape


@_gives("sort", "partition", "flip", "roll", "cumulative", "nan_to_num", "copy")
def _like(x: Any, *args: Any, **options: Any) -> Any:
    return MetaArray(x.shape, x.dtype)


@_gives("tril", "triu")
def _triangle(x: Any, k: int = 0) -> Any:
    return MetaArray(x.shape, x.dtype)


@_gives("argsort", "argpartition")
def _places(x: Any, *args: Any, **options: Any) -> Any:
    return MetaArray(x.shape, np.int64)


@_gives("cumsum", "cumprod")
def _cumulated(x: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    if isinstance(out, MetaArray):
        return out
    found = np.cumsum(np.ones(1, x.dtype), dtype=dtype).dtype
    return MetaArray((x.size,) if axis is None else x.shape, found)


@_gives("diff")
def _diff(x: Any, n: int = 1, axis: int = -1, **ends: Any) -> Any:
    shape = list(x.shape)
    more = sum(
        1 if np.ndim(end) == 0 else np.shape(end)[axis]
        for end in (ends.get("prepend"), ends.get("append"))
        if end is not None
    )
    shape[axis] = max(shape[axis] + more - n, 0)
    return MetaArray(shape, x.dtype)


@_gives("zeros_like", "ones_like", "empty_like", "full_like")
def _new_like(x: Any, *value: Any, dtype: Any = None, shape: Any = None, **options: Any) -> Any:
    if value and dtype is None and not isinstance(value[0], (int, float, complex)):
        dtype = value[0] if isinstance(value[0], (np.dtype, type, str)) else None
    return empty_like(x, dtype, shape)


# ---------------------------------------------------------------------------------- other shapes


@_gives("moveaxis")
def _moveaxis(x: Any, source: Any, destination: Any) -> Any:
    return x._view(np.moveaxis(x._ghost, source, destination))


def _methods() -> None:
    for name in ("swapaxes", "transpose", "squeeze", "diagonal", "reshape", "astype"):

        def call(x: Any, *args: Any, _name: str = name, **options: Any) -> Any:
            return getattr(x, _name)(*args, **options)

        FUNCTIONS[name] = call


_methods()


@_gives("ravel", "flatten")
def _ravel(x: Any, order: str = "C") -> Any:
    return x.reshape(-1)


@_gives("expand_dims")
def _expand_dims(x: Any, axis: Any) -> Any:
    return x._view(np.expand_dims(x._ghost, axis))


@_gives("broadcast_to")
def _broadcast_to(x: Any, shape: Any, subok: bool = False) -> Any:
    return x._view(np.broadcast_to(x._ghost, shape))


@_gives("broadcast_arrays")
def _broadcast_arrays(*arrays: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, arrays))
    return tuple(np.broadcast_to(x, shape) for x in arrays)


@_gives("atleast_1d")
def _atleast_1d(x: Any) -> Any:
    return x.reshape(1) if x.ndim == 0 else x


@_gives("atleast_2d")
def _atleast_2d(x: Any) -> Any:
    return x.reshape((1,) * (2 - x.ndim) + x.shape) if x.ndim < 2 else x


def as_strided(x: Any, shape: Any = None, strides: Any = None, **options: Any) -> Any:
    """np.lib.stride_tricks.as_strided, of either sort of arrays."""
    if not isinstance(x, MetaArray):
        return np.lib.stride_tricks.as_strided(x, shape, strides, **options)
    return x.as_strided(
        x.shape if shape is None else shape, x.strides if strides is None else strides
    )


@_gives("sliding_window_view")
def _sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **options: Any) -> Any:
    return x._view(np.lib.stride_tricks.sliding_window_view(x._ghost, window_shape, axis))


@_gives("concatenate")
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


@_gives("stack")
def _stack(arrays: Any, axis: int = 0, out: Any = None, **options: Any) -> Any:
    arrays = [_meta(x) for x in arrays]
    shape = list(arrays[0].shape)
    shape.insert(axis % (len(shape) + 1), len(arrays))
    return MetaArray(shape, np.result_type(*[x.dtype for x in arrays])) if out is None else out


@_gives("append")
def _append(x: Any, values: Any, axis: Any = None) -> Any:
    if axis is None:
        return _concatenate([_meta(x).reshape(-1), _meta(values).reshape(-1)])
    return _concatenate([x, values], axis)


@_gives("tile")
def _tile(x: Any, reps: Any) -> Any:
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    shape = (1,) * (len(reps) - x.ndim) + x.shape
    reps = (1,) * (len(shape) - len(reps)) + reps
    return MetaArray([n * m for n, m in zip(shape, reps)], x.dtype)


@_gives("repeat")
def _repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    if isinstance(repeats, MetaArray):
        raise without_elements("the size of the result")
    if axis is None:
        x, axis = x.reshape(-1), 0
    shape = list(x.shape)
    counts = np.asarray(repeats)
    shape[axis] = int(counts.sum()) if counts.size > 1 else shape[axis] * int(counts.ravel()[0])
    return MetaArray(shape, x.dtype)


@_gives("meshgrid")
def _meshgrid(*arrays: Any, indexing: str = "xy", **options: Any) -> Any:
    shape = [x.size for x in arrays]
    if indexing == "xy" and len(shape) > 1:
        shape[0], shape[1] = shape[1], shape[0]
    return tuple(MetaArray(shape, x.dtype) for x in arrays)


@_gives("take")
def _take(x: Any, index: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    if axis is None:
        return MetaArray(np.shape(index), x.dtype)
    axis %= x.ndim
    return MetaArray((*x.shape[:axis], *np.shape(index), *x.shape[axis + 1 :]), x.dtype)


@_gives("take_along_axis")
def _take_along_axis(x: Any, index: Any, axis: Any = None) -> Any:
    other = list(np.shape(index))
    sizes = list(x.shape)
    sizes[axis] = other[axis] = 1
    shape = list(np.broadcast_shapes(tuple(sizes), tuple(other)))
    shape[axis] = np.shape(index)[axis]
    return MetaArray(shape, x.dtype)


@_gives("put_along_axis", "put")
def _put(x: Any, *rest: Any, **options: Any) -> None:
    """What is written is gone."""


@_gives("copyto")
def _copyto(target: Any, source: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not isinstance(target, MetaArray):
        raise without_elements("copyto")
    _check_fits(source, target.shape)


@_gives("searchsorted")
def _searchsorted(x: Any, values: Any, side: str = "left", sorter: Any = None) -> Any:
    return MetaArray(np.shape(values), np.int64)


@_gives("bincount")
def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    if not minlength:
        raise without_elements("the size of the result")
    return MetaArray((minlength,), np.int64 if weights is None else np.float64)


@_gives("unravel_index")
def _unravel_index(places: Any, shape: Any, order: str = "C") -> Any:
    return tuple(MetaArray(places.shape, np.int64) for _ in shape)


@_gives("ravel_multi_index")
def _ravel_multi_index(places: Any, dims: Any, **options: Any) -> Any:
    return MetaArray(np.broadcast_shapes(*map(np.shape, places)), np.int64)


def elementwise(function: Callable) -> Callable:
    """A function of single elements, for arrays without any; it is asked for its dtype with ones."""

    def shaped(*operands: Any, out: Any = None) -> Any:
        if not any(isinstance(x, MetaArray) for x in operands):
            return function(*operands)
        shape = np.broadcast_shapes(*map(np.shape, operands))
        like = next(x for x in operands if np.shape(x) == shape or isinstance(x, MetaArray))
        like = like if like.shape == shape else MetaArray(shape, like.dtype)
        with quiet():
            found = function(*map(sample, operands))
        several = found if isinstance(found, tuple) else (found,)
        made = tuple(ordered_like(like, x.dtype) for x in several)
        return made if isinstance(found, tuple) else made[0]

    return shaped


@_gives("shares_memory", "may_share_memory")
def _shares(x: Any, y: Any, **options: Any) -> bool:
    bases = [getattr(a, "base", None) or a for a in (x, y)]
    return isinstance(bases[0], MetaArray) and bases[0] is bases[1]


@_gives("shape")
def _shape(x: Any) -> Any:
    return x.shape


@_gives("ndim")
def _ndim(x: Any) -> Any:
    return x.ndim


@_gives("size")
def _size(x: Any, axis: Any = None) -> Any:
    return x.size if axis is None else x.shape[axis]


@_gives("real")
def _real(x: Any) -> Any:
    return x.real


@_gives("imag")
def _imag(x: Any) -> Any:
    return x.imag


@_gives("iscomplexobj")
def _iscomplexobj(x: Any) -> bool:
    return x.dtype.kind == "c"


@_gives("result_type")
def _result_type(*given: Any) -> Any:
    return np.result_type(*[x.dtype if isinstance(x, MetaArray) else x for x in given])


@_gives("dot")
def _dot(x: Any, y: Any, out: Any = None) -> Any:
    if x.ndim and y.ndim and x.ndim <= 2 and y.ndim <= 2:
        return np.matmul(x, y)
    return np.multiply(x, y)


# ------------------------------------------------------------------------------------ keys


@_gives("indexed shape")
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


# ------------------------------------------------------------------------------- linear algebra


def _inexact(x: Any) -> Any:
    return x.dtype if x.dtype.kind in "fc" else np.dtype(np.float64)


def _real_dtype(x: Any) -> Any:
    return np.empty(0, _inexact(x)).real.dtype


@_gives("inv", "cholesky", "pinv")
def _square(x: Any, *args: Any, **options: Any) -> Any:
    return MetaArray(x.shape, _inexact(x))


@_gives("det")
def _det(x: Any) -> Any:
    return MetaArray(x.shape[:-2], _inexact(x))


@_gives("slogdet")
def _slogdet(x: Any) -> Any:
    return MetaArray(x.shape[:-2], _inexact(x)), MetaArray(x.shape[:-2], _real_dtype(x))


@_gives("solve")
def _solve(x: Any, y: Any) -> Any:
    shape = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return MetaArray((*shape, *y.shape[-2:]), np.result_type(x.dtype, y.dtype))


@_gives("svd")
def _svd(x: Any, full_matrices: bool = True, compute_uv: bool = True, **options: Any) -> Any:
    *batch, m, n = x.shape
    k = min(m, n)
    values = MetaArray((*batch, k), _real_dtype(x))
    if not compute_uv:
        return values
    a, b = (m, n) if full_matrices else (k, k)
    return MetaArray((*batch, m, a), _inexact(x)), values, MetaArray((*batch, b, n), _inexact(x))


@_gives("qr")
def _qr(x: Any, mode: str = "reduced") -> Any:
    *batch, m, n = x.shape
    k = m if mode == "complete" else min(m, n)
    r = MetaArray((*batch, k, n), _inexact(x))
    return r if mode == "r" else (MetaArray((*batch, m, k), _inexact(x)), r)


@_gives("eigh")
def _eigh(x: Any, UPLO: str = "L") -> Any:
    return MetaArray(x.shape[:-1], _real_dtype(x)), MetaArray(x.shape, _inexact(x))


@_gives("eigvalsh")
def _eigvalsh(x: Any, UPLO: str = "L") -> Any:
    return MetaArray(x.shape[:-1], _real_dtype(x))


@_gives("eig")
def _eig(x: Any) -> Any:
    dtype = np.result_type(_inexact(x), np.complex64)
    return MetaArray(x.shape[:-1], dtype), MetaArray(x.shape, dtype)


# ------------------------------------------------------------------------------------ Fourier


def _transform(name: str, kind: str, several: bool) -> None:
    @_gives(name)
    def shaped(
        x: Any, s: Any = None, axis: Any = None, norm: Any = None, out: Any = None, n: Any = None,
        axes: Any = None,
    ) -> Any:  # fmt: skip
        sizes = s if n is None else n
        where = axis if axes is None else axes
        if not several:
            where = (-1 if where is None else where,)
            sizes = None if sizes is None else (sizes,)
        elif where is None:
            where = tuple(range(-len(sizes), 0)) if sizes is not None else tuple(range(-x.ndim, 0))
        shape = list(x.shape)
        for i, dim in enumerate(where):
            if sizes is not None and sizes[i] not in (None, -1):
                shape[dim] = sizes[i]
        last = where[-1]
        if kind == "to half":
            shape[last] = shape[last] // 2 + 1
        elif kind == "from half" and (sizes is None or sizes[-1] is None):
            shape[last] = 2 * (x.shape[last] - 1)
        wide = np.result_type(x.dtype, np.complex64)
        return MetaArray(shape, np.empty(0, wide).real.dtype if kind == "from half" else wide)


for _name in ("fft", "ifft"):
    _transform(_name, "", False)
    _transform(_name + "n", "", True)
_transform("rfft", "to half", False)
_transform("rfftn", "to half", True)
_transform("irfft", "from half", False)
_transform("irfftn", "from half", True)

__all__ = ["UFUNCS", "indexed_shape"]
