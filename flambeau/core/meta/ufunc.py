"""What universal functions give for arrays without elements."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ...formula.quiet import quiet
from .array import UFUNCS, MetaArray, ordered_like

_dtypes: dict[Any, tuple] = {}
_USUAL = {
    np.less: True, np.less_equal: True, np.equal: True, np.greater_equal: True, np.isfinite: True,
    np.greater: False, np.not_equal: False, np.isnan: False, np.isinf: False,
}  # fmt: skip
"""How usual numbers answer: they are finite and within bounds."""


def _does(method: str) -> Callable:
    def register(function: Callable) -> Callable:
        UFUNCS[method] = function
        return function

    return register


def sample(x: Any) -> Any:
    """A small array that promotes as x does; numbers stay what they are."""
    return np.ones(1, x.dtype) if isinstance(x, (MetaArray, np.ndarray)) else x


def _result_dtypes(ufunc: Any, operands: tuple, options: dict) -> tuple:
    """The dtypes of a universal function's results, which it is asked for with one element."""
    asked = options.get("dtype")
    key = ufunc, asked, *[x.dtype if hasattr(x, "dtype") else x.__class__ for x in operands]
    found = _dtypes.get(key)
    if found is None:
        with quiet():
            made = ufunc(*map(sample, operands), dtype=asked)
        several = made if isinstance(made, tuple) else (made,)
        found = _dtypes[key] = tuple(x.dtype for x in several)
    return found


@_does("__call__")
def _call(ufunc: Any, *operands: Any, out: Any = None, **options: Any) -> Any:
    operands, given = operands[: ufunc.nin], operands[ufunc.nin :]
    out = given or out
    if ufunc.signature is not None:
        return _of_cores(ufunc, operands, out)
    shape = np.broadcast_shapes(*map(np.shape, operands))
    if out is not None:
        for target in out if isinstance(out, tuple) else (out,):
            if target is not None and np.broadcast_shapes(shape, target.shape) != target.shape:
                raise ValueError(f"non-broadcastable output operand with shape {target.shape}")
        return out if len(out) > 1 else out[0]
    like = next((x for x in operands if np.shape(x) == shape and np.ndim(x)), None)
    dtypes = _result_dtypes(ufunc, operands, options)
    results = [MetaArray(shape, d) if like is None else ordered_like(like, d) for d in dtypes]
    known = [x.usual if isinstance(x, MetaArray) else x for x in operands]
    if ufunc in _USUAL:
        answered = all(np.ndim(x) == 0 and x is not None for x in known)
        results[0].usual = bool(ufunc(*known)) if answered else _USUAL[ufunc]
    return results[0] if len(results) == 1 else tuple(results)


def _of_cores(ufunc: Any, operands: tuple, out: Any) -> Any:
    """A universal function of whole matrices and vectors, by its signature: ``(n?,k),(k,m?)->(n?,m?)``."""
    taken, given = (_CORES.findall(side) for side in ufunc.signature.split("->"))
    sizes: dict[str, int | None] = {}
    stacks = []
    for x, core in zip(operands, taken):
        names = [name for name in core.split(",") if name]
        if len(names) > x.ndim:
            sizes.update((name, None) for name in names if name.endswith("?"))
            names = [name for name in names if not name.endswith("?")]
        cut = x.ndim - len(names)
        stacks.append(x.shape[:cut])
        for name, n in zip(names, x.shape[cut:]):
            if sizes.setdefault(name, n) != n:
                raise ValueError(f"{ufunc.__name__}: sizes {sizes[name]} and {n} of {name} differ")
    if out is not None:
        return out[0] if isinstance(out, tuple) and len(out) == 1 else out
    stack = np.broadcast_shapes(*stacks)
    fewer = min((n for n in sizes.values() if n is not None), default=0)  # what svd calls p
    shapes = [
        (
            *stack,
            *(
                n
                for name in core.split(",")
                if name
                for n in (sizes.get(name, fewer),)
                if n is not None
            ),
        )
        for core in given
    ]
    dtypes = ufunc.resolve_dtypes((*(x.dtype for x in operands), *[None] * ufunc.nout))
    results = [MetaArray(shape, d) for shape, d in zip(shapes, dtypes[ufunc.nin :])]
    return results[0] if len(results) == 1 else tuple(results)


_CORES = re.compile(r"\(([^)]*)\)")


def reduced_shape(shape: tuple[int, ...], axis: Any, keepdims: bool = False) -> tuple[int, ...]:
    """The shape that is left where `axis` (None: all) is reduced.

    Raises:
        AxisError: There is no such axis.
    """
    if axis is None:
        axes: tuple[int, ...] = tuple(range(len(shape)))
    else:
        axes = np.lib.array_utils.normalize_axis_tuple(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


@_does("reduce")
def _reduce(
    ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False,
    **options: Any,
) -> Any:  # fmt: skip
    if out is not None and out != (None,):
        return out[0] if isinstance(out, tuple) else out
    with quiet():
        found = ufunc.reduce(np.ones((1,) * x.ndim, x.dtype), None, dtype).dtype
    return MetaArray(reduced_shape(x.shape, axis, keepdims), found)


@_does("accumulate")
def _accumulate(ufunc: Any, x: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    with quiet():
        return ordered_like(x, ufunc.accumulate(np.ones(1, x.dtype), 0, dtype).dtype)


@_does("reduceat")
def _reduceat(ufunc: Any, x: Any, indices: Any, axis: int = 0, **options: Any) -> Any:
    shape = list(x.shape)
    shape[axis] = len(indices)
    return MetaArray(shape, ufunc.reduceat(np.ones(1, x.dtype), [0]).dtype)


@_does("at")
def _at(ufunc: Any, x: Any, key: Any, *values: Any) -> None:
    for value in values:
        x[key] = value


@_does("outer")
def _outer(ufunc: Any, x: Any, y: Any, **options: Any) -> Any:
    return _call(ufunc, x.reshape(*x.shape, *(1,) * np.ndim(y)), y)
