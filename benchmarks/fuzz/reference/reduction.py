"""Sums, extremes, orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flambeau.formula.dimensions import along

Axes = Any


def _axes(dim: Any) -> Any:
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return None
    return tuple(dim) if isinstance(dim, list) else dim


def reduced(function: Callable) -> Callable:
    def reference(x: Any, dim: Axes = None, keepdim: bool = False) -> Any:
        return function(x, axis=_axes(dim), keepdims=keepdim)

    return reference


def exact(function: Callable) -> Callable:
    """Sums and products of integers are of 64 bits."""

    def reference(x: Any, dim: Axes = None, keepdim: bool = False) -> Any:
        wide = x.astype(np.int64) if x.dtype.kind in "iub" else x
        return function(wide, axis=_axes(dim), keepdims=keepdim)

    return reference


def variance(root: bool, mean: bool = False) -> Callable:
    def reference(
        x: Any,
        dim: Any = None,
        unbiased: Any = None,
        keepdim: bool = False,
        *,
        correction: Any = None,
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        less = 1 if correction is None else correction
        if unbiased is not None and correction is None:
            less = int(unbiased)
        axes = _axes(dim)
        centre = x.mean(axes, keepdims=True)
        every = range(x.ndim) if axes is None else [axes] if isinstance(axes, int) else axes
        count = np.prod([x.shape[a] for a in every], dtype=float) if x.ndim else 1.0
        squares = (np.abs(x - centre) ** 2).sum(axes, keepdims=keepdim)
        value = squares / np.maximum(count - less, 0)
        value = np.sqrt(value) if root else value
        return (value, x.mean(axes, keepdims=keepdim)) if mean else value

    return reference


def softmax(x: Any, dim: Any = None, sign: float = 1.0) -> Any:
    x = sign * x
    e = np.exp(x - x.max(dim, keepdims=True, initial=-np.inf)) if x.size else x
    return e / e.sum(dim, keepdims=True)


def log_softmax(x: Any, dim: Any = None) -> Any:
    if not x.size:
        return x
    shifted = x - x.max(dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))


def logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    if np.iscomplexobj(x):
        return None  # of many logarithms
    dim = _axes(dim)
    m = x.max(dim, keepdims=True, initial=-np.inf)
    m = np.where(np.isfinite(m), m, 0)
    out = np.log(np.exp(x - m).sum(dim, keepdims=True)) + m
    return out if keepdim else out.squeeze(tuple(range(x.ndim)) if dim is None else dim)


def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    size, axes = np.abs(x), _axes(dim)
    if ord == np.inf:
        return size.max(axes, keepdims=keepdim)
    if ord == -np.inf:
        return size.min(axes, keepdims=keepdim)
    if ord == 0:
        return (size != 0).sum(axes, keepdims=keepdim).astype(float)
    scale = size.max(axes, keepdims=True, initial=0) if ord > 0 else np.ones(())
    scale = np.where((scale == 0) | ~np.isfinite(scale), 1, scale)
    total = ((size / scale) ** ord).sum(axes, keepdims=keepdim) ** (1 / ord)
    return total * scale.reshape(total.shape) if ord > 0 else total


def cumulative(function: Callable) -> Callable:
    def reference(x: Any, dim: Any) -> Any:
        wide = x.astype(np.int64) if x.dtype.kind in "iub" else x
        return function(wide, axis=dim) if x.ndim else wide

    return reference


def sort(x: Any, dim: Any = -1, descending: bool = False, stable: bool = False) -> Any:
    """The values alone: equal ones may change places."""
    if np.iscomplexobj(x):
        return None
    y = along(np.sort, x, dim) if x.ndim else x
    return [np.flip(y, dim) if descending and x.ndim else y]


def median(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    if np.iscomplexobj(x) or not x.size or np.isnan(x).any():
        return None
    y = along(np.sort, x, dim)
    if dim is None:
        return np.sort(x.ravel())[(x.size - 1) // 2]
    if not x.ndim:
        return [x]
    y = np.take(y, (x.shape[dim] - 1) // 2, dim)
    return [np.expand_dims(y, dim) if keepdim else y]


def quantile(
    x: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    if not np.isfinite(x).all() or not x.size:
        return None
    return np.quantile(x, q, axis=dim, keepdims=keepdim, method=interpolation)


def topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    if np.iscomplexobj(x) or np.isnan(x).any() or not sorted:
        return None
    if not x.ndim:
        return [x]
    y = along(np.sort, x, dim)
    y = np.flip(y, dim) if largest else y
    return [np.take(y, range(k), dim)]


def kthvalue(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    if np.isnan(x).any() or not x.ndim:
        return None
    y = np.take(along(np.sort, x, dim), k - 1, dim)
    return [np.expand_dims(y, dim) if keepdim else y]


def extreme(name: str) -> Callable:
    def reference(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if isinstance(dim, np.ndarray) or (dim is None and keepdim):
            return None
        value = getattr(np, name)(x, axis=_axes(dim), keepdims=keepdim)
        return value if dim is None else [value]

    return reference


def norm(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    return None if isinstance(p, str) or p is None else vector_norm(x, p, dim, keepdim)


F = "nn.functional."
REFERENCES: dict[str, Callable[..., Any]] = {
    "sum": exact(np.sum), "prod": exact(np.prod), "nansum": exact(np.nansum),
    "mean": reduced(np.mean), "amax": reduced(np.max), "amin": reduced(np.min),
    "max": extreme("max"), "min": extreme("min"), "all": reduced(np.all), "any": reduced(np.any),
    "argmax": lambda x, dim=None, keepdim=False: np.argmax(x, dim, keepdims=keepdim),
    "argmin": lambda x, dim=None, keepdim=False: np.argmin(x, dim, keepdims=keepdim),
    "var": variance(False), "std": variance(True), "var_mean": variance(False, True),
    "std_mean": variance(True, True), "softmax": softmax, f"{F}softmax": softmax,
    f"{F}softmin": lambda x, dim=None: softmax(x, dim, -1.0),
    f"log_softmax {F}log_softmax": log_softmax, "logsumexp": logsumexp,
    "linalg.vector_norm": vector_norm, "norm": norm, "cumsum": cumulative(np.cumsum),
    "cumprod": cumulative(np.cumprod), "cummax": lambda x, dim: [np.maximum.accumulate(x, dim)] if x.ndim else None,
    "cummin": lambda x, dim: [np.minimum.accumulate(x, dim)] if x.ndim else None,
    "logcumsumexp": lambda x, dim: np.logaddexp.accumulate(x, dim) if x.ndim and not np.iscomplexobj(x) else None,
    "sort": sort, "msort": lambda x: np.sort(x, 0) if x.ndim else x, "median": median, "quantile": quantile,
    "topk": topk, "kthvalue": kthvalue,
    "count_nonzero": lambda x, dim=None: np.count_nonzero(x, _axes(dim)),
    "trace": lambda x: np.trace(x.astype(np.int64) if x.dtype.kind in "iub" else x),
    "nonzero": lambda x: np.argwhere(x), "argwhere": np.argwhere,
    "diff": lambda x, n=1, dim=-1: None if x.dtype.kind == "b" else np.diff(x, n, dim),
}  # fmt: skip
