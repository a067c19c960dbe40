"""Functions of NumPy's that CuPy lacks, or that lack an argument there, made of what it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...formula.dimensions import broadcast_shapes
from ...kernels.cuda import table


def _as_strided(cupy: Any, x: Any, shape: Any = None, strides: Any = None, **locks: Any) -> Any:
    return cupy.lib.stride_tricks.as_strided(x, shape, strides)


def _sliding_window_view(cupy: Any, x: Any, window: Any, axis: Any = None, **locks: Any) -> Any:
    sizes = (window,) if isinstance(window, int) else tuple(window)
    axes = (axis,) if isinstance(axis, int) else tuple(range(x.ndim) if axis is None else axis)
    shape, strides = list(x.shape), list(x.strides)
    for size, at in zip(sizes, axes):
        shape[at] -= size - 1
    seen = (*shape, *sizes), (*strides, *(strides[at] for at in axes))
    return cupy.lib.stride_tricks.as_strided(x, *seen)


def _count_nonzero(cupy: Any, x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return (x != 0).sum(axis=axis, dtype=cupy.int64, keepdims=keepdims)


def _logical_not(cupy: Any, x: Any, **options: Any) -> Any:
    return x == 0 if x.dtype.kind == "c" else cupy.logical_not(x, **options)


def _extreme(name: str) -> Callable:
    def extreme(
        cupy: Any,
        x: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
    ) -> Any:
        if initial is None:
            return getattr(cupy, name)(x, axis=axis, out=out, keepdims=keepdims)
        join = cupy.maximum if name == "max" else cupy.minimum
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        axes = [a % x.ndim for a in axes]
        if any(x.shape[a] == 0 for a in axes):
            kept = [1 if i in axes else n for i, n in enumerate(x.shape)]
            left = [n for i, n in enumerate(x.shape) if i not in axes]
            return cupy.full(kept if keepdims else left, initial, x.dtype)
        return join(getattr(cupy, name)(x, axis=axis, keepdims=keepdims), x.dtype.type(initial))

    return extreme


def _solve(cupy: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return cupy.linalg.solve(a, b)
    lead = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    whole = cupy.broadcast_to(a, (*lead, *a.shape[-2:]))
    return cupy.linalg.solve(whole, cupy.broadcast_to(b, (*lead, *b.shape[-2:])))


def _where(cupy: Any, condition: Any, *branches: Any) -> Any:
    if condition.__class__ is not cupy.ndarray:
        condition = cupy.asarray(condition)
    return cupy.where(condition, *branches)


SHIMS: dict[str, Callable] = {
    "lib.stride_tricks.as_strided": _as_strided,
    "lib.stride_tricks.sliding_window_view": _sliding_window_view,
    "count_nonzero": _count_nonzero,
    "linalg.solve": _solve,
    "logical_not": _logical_not,
    "max": _extreme("max"),
    "amax": _extreme("max"),
    "min": _extreme("min"),
    "amin": _extreme("min"),
    "where": _where,
}
"""By NumPy's name, the function; its first argument is CuPy."""


def folded(function: Callable, x: Any, axis: Any, keepdims: bool) -> Any:
    """A reduction by a function that CuPy does not reduce by: halves are combined until one is left.

    The axes are not empty.
    """
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = sorted(a % x.ndim for a in axes)
    rest = [a for a in range(x.ndim) if a not in axes]
    kept = [1 if a in axes else n for a, n in enumerate(x.shape)]
    x = x.transpose(*axes, *rest).reshape(-1, *(x.shape[a] for a in rest))
    while len(x) > 1:
        half, odd = divmod(len(x), 2)
        tail = x[2 * half :]
        x = function(x[:half], x[half : 2 * half])
        if odd:
            x[:1] = function(x[:1], tail)
    return x[0].reshape(kept) if keepdims else x[0]


def _running_extreme(largest: bool) -> Callable:
    def accumulate(cupy: Any, x: Any, axis: int) -> Any:
        scan = table.function("kernels.array.scan.running_extreme")
        return scan(x, axis % x.ndim, largest)[0]

    return accumulate


def _all_so_far(cupy: Any, x: Any, axis: int) -> Any:
    return cupy.cumsum(x == 0, axis=axis) == 0


ACCUMULATE: dict[str, Callable] = {
    "add": lambda cupy, x, axis: cupy.cumsum(x, axis=axis),
    "multiply": lambda cupy, x, axis: cupy.cumprod(x, axis=axis),
    "maximum": _running_extreme(True),
    "minimum": _running_extreme(False),
    "logical_and": _all_so_far,
}
"""By a universal function's name, its results along an axis so far."""

__all__ = ["ACCUMULATE", "SHIMS", "folded"]
