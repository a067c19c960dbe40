"""What NumPy's functions and the methods of its arrays give for arrays without elements: one result an element, and
reductions; `shape.py` and `linalg.py` have the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...formula.quiet import quiet
from .array import FUNCTIONS, MetaArray, empty_like, ordered_like
from .ufunc import reduced_shape, sample


def gives(*names: str) -> Callable:
    def register(function: Callable) -> Callable:
        FUNCTIONS.update(dict.fromkeys(names, function))
        return function

    return register


# --------------------------------------------------------------------------- one result an element


def _elementwise(name: str) -> None:
    function = getattr(np, name)

    @gives(name)
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


@gives("conj", "conjugate")
def _conj(x: Any) -> Any:
    return np.conjugate(x)


@gives("select")
def _select(conditions: Any, choices: Any, default: Any = 0) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, [*conditions, *choices]))
    return MetaArray(shape, np.result_type(*map(sample, choices), default))


# ---------------------------------------------------------------------------------- reductions


def _reduction(name: str) -> None:
    function = getattr(np, name)

    @gives(name)
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

    @gives(name, name.removeprefix("a") if name in ("amax", "amin") else name)
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


@gives("sort", "partition", "flip", "roll", "copy")
def _like(x: Any, *args: Any, **options: Any) -> Any:
    return MetaArray(x.shape, x.dtype)


@gives("tril", "triu")
def _triangle(x: Any, k: int = 0) -> Any:
    return MetaArray(x.shape, x.dtype)


@gives("argsort", "argpartition")
def _places(x: Any, *args: Any, **options: Any) -> Any:
    return MetaArray(x.shape, np.int64)


@gives("cumsum", "cumprod")
def _cumulated(x: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    if isinstance(out, MetaArray):
        return out
    found = np.cumsum(np.ones(1, x.dtype), dtype=dtype).dtype
    return MetaArray((x.size,) if axis is None else x.shape, found)


@gives("diff")
def _diff(x: Any, n: int = 1, axis: int = -1, **ends: Any) -> Any:
    shape = list(x.shape)
    more = sum(
        1 if np.ndim(end) == 0 else np.shape(end)[axis]
        for end in (ends.get("prepend"), ends.get("append"))
        if end is not None
    )
    shape[axis] = max(shape[axis] + more - n, 0)
    return MetaArray(shape, x.dtype)


@gives("zeros_like", "ones_like", "empty_like", "full_like")
def _new_like(x: Any, *value: Any, dtype: Any = None, shape: Any = None, **options: Any) -> Any:
    if value and dtype is None and not isinstance(value[0], (int, float, complex)):
        dtype = value[0] if isinstance(value[0], (np.dtype, type, str)) else None
    return empty_like(x, dtype, shape)


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
