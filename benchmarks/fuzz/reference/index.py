"""Gather, scatter, masks and places, by NumPy's indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flambeau.formula.dimensions import broadcast_arrays, ufunc_at


def gather(x: Any, dim: int, index: Any) -> Any:
    if not x.ndim or not index.ndim:
        return np.resize(x, index.shape)
    return x[_at(index, dim)]


def take_along_dim(x: Any, index: Any, dim: int) -> Any:
    rest = [(a, b) for i, (a, b) in enumerate(zip(x.shape, index.shape)) if i != dim % x.ndim]
    return gather(x, dim, index) if all(a == b for a, b in rest) else None


def _at(index: Any, dim: int) -> tuple:
    places = list(np.indices(index.shape, sparse=True))
    places[dim] = index
    return tuple(places)


def _source(source: Any, index: Any) -> Any:
    if not isinstance(source, np.ndarray):
        return source
    return source[tuple(slice(0, n) for n in index.shape)]


def scatter(x: Any, dim: int, index: Any, source: Any) -> Any:
    """Where an index repeats any of the values may stay, so those are not compared."""
    if not x.ndim or _repeats(index, dim):
        return None
    y = x.copy()
    y[_at(index, dim)] = _source(source, index)
    return y


def _repeats(index: Any, dim: int) -> bool:
    rows = (
        np.moveaxis(index, dim, -1).reshape(-1, index.shape[dim])
        if index.size
        else np.zeros((0, 0))
    )
    return any(len(set(row)) < len(row) for row in rows.tolist())


def scatter_add(x: Any, dim: int, index: Any, source: Any) -> Any:
    if not x.ndim:
        return None
    y = x.copy()
    ufunc_at(np.add, y, _at(index, dim), _source(source, index).astype(y.dtype))
    return y


def index_add(x: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    if not x.ndim:
        return None
    y = np.moveaxis(x.copy(), dim, 0)
    ufunc_at(np.add, y, index, (np.moveaxis(source, dim, 0) * alpha).astype(y.dtype))
    return np.moveaxis(y, 0, dim)


def index_copy(x: Any, dim: int, index: Any, source: Any) -> Any:
    if not x.ndim or len(set(index.ravel().tolist())) < index.size:
        return None
    y = np.moveaxis(x.copy(), dim, 0)
    y[index] = np.moveaxis(source, dim, 0)
    return np.moveaxis(y, 0, dim)


def index_fill(x: Any, dim: int, index: Any, value: Any) -> Any:
    if not x.ndim:
        return None
    y = np.moveaxis(x.copy(), dim, 0)
    y[index] = value
    return np.moveaxis(y, 0, dim)


def index_put(x: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    if not accumulate:
        return None
    y = x.copy()
    ufunc_at(np.add, y, indices, values.astype(y.dtype))
    return y


def put(x: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    if not accumulate and len(set(index.ravel().tolist())) < index.size:
        return None
    y = x.copy().ravel()
    if accumulate:
        ufunc_at(np.add, y, index.ravel(), source.ravel())
    else:
        y[index.ravel()] = source.ravel()
    return y.reshape(x.shape)


def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return np.where(mask, np.asarray(value).astype(x.dtype), x)


def masked_scatter(x: Any, mask: Any, source: Any) -> Any:
    y = x.copy()
    mask = np.broadcast_to(mask, x.shape)
    y[mask] = source.ravel()[: int(mask.sum())]
    return y


def masked_select(x: Any, mask: Any) -> Any:
    x, mask = broadcast_arrays(x, mask)
    return x[mask]


def searchsorted(rows: Any, x: Any, right: bool = False) -> Any:
    if np.isnan(rows).any() or np.isnan(x).any():
        return None
    side = "right" if right else "left"
    if rows.ndim == 1:
        return np.searchsorted(rows, x, side)
    pairs = zip(rows.reshape(-1, rows.shape[-1]), x.reshape(-1, x.shape[-1])) if x.size else ()
    return np.reshape([np.searchsorted(r, v, side) for r, v in pairs], x.shape).astype(np.int64)


def embedding(index: Any, weight: Any) -> Any:
    return weight[index]


def one_hot(x: Any, classes: int = -1) -> Any:
    return (
        None
        if not x.size and classes < 0
        else np.eye(max(classes, int(x.max(initial=0)) + 1), dtype=int)[x]
    )


REFERENCES: dict[str, Callable[..., Any]] = {
    "gather": gather, "take_along_dim": take_along_dim, "scatter": scatter,
    "scatter_add": scatter_add, "index_add": index_add, "index_copy": index_copy,
    "index_fill": index_fill, "index_put": index_put, "put": put,
    "index_select": lambda x, dim, i: np.take(x, i.reshape(-1), dim) if x.ndim else None,
    "take": np.take, "masked_fill": masked_fill, "masked_scatter": masked_scatter,
    "masked_select": masked_select, "searchsorted": searchsorted,
    "bucketize": lambda x, edges, right=False: searchsorted(edges, x, right),
    "bincount": lambda x, minlength=0, weights=None: np.bincount(x, weights, minlength),
    "nn.functional.embedding": embedding, "embedding": lambda weight, i: weight[i],
    "nn.functional.one_hot": one_hot, "isin": lambda x, y, invert=False, assume_unique=False: np.isin(x, y, invert=invert),
}  # fmt: skip
