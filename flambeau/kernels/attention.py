"""Scaled dot-product attention of arrays in one pass, and its gradient, without the matrix of
all scores."""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import Any

import numpy as np

from . import attention_kernel
from .machine import machine
from .product import ELEMENTS, starts
from .tile import Shape, shapes


def fits(*arrays: Any) -> bool:
    """Are these float arrays with equal leading dimensions, and nothing empty?"""
    first = arrays[0]
    return first.dtype in ELEMENTS and all(
        type(x) is np.ndarray
        and x.dtype == first.dtype
        and x.size
        and x.shape[:-2] == first.shape[:-2]
        for x in arrays
    )


def _rows_in_order(x: Any) -> Any:
    """The stack, or a copy if the elements of its rows are not side by side."""
    item = x.itemsize
    near = x.strides[-1] == item and not any(stride % item for stride in x.strides)
    return x if near and x.flags.aligned else np.array(x, order="C", subok=False)


def _shape(dtype: Any) -> Shape:
    return shapes(ELEMENTS[dtype], machine().bits)[1]


def _laid_out(mask: Any, q: Any, keys: int) -> Any:
    """A mask as numbers to add, with the scores' dimensions and its rows in order."""
    if mask.dtype == np.bool_:
        mask = np.where(mask, q.dtype.type(0), q.dtype.type(-np.inf))
    if mask.shape[-1:] != (keys,):
        mask = np.ascontiguousarray(np.broadcast_to(mask, (*mask.shape[:-1], keys)))
    return np.broadcast_to(_rows_in_order(mask), (*q.shape[:-1], keys))


@lru_cache(1024)
def _tables(columns: int, item: int, shapes: tuple, strides: tuple) -> list[Any]:
    """The offsets of packed rows, and where the matrices of q, k, v and the mask begin."""
    q, v = shapes[0], shapes[2]
    reach = max(q[-1], v[-1], attention_kernel.KEYS, attention_kernel.QUERIES)
    offsets = np.arange(reach, dtype=np.int64) * columns
    return [offsets, *(starts(q[:-2], x, y, item) for x, y in zip(shapes, strides))]


def _facts(
    q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool, shape: Shape
) -> tuple[list[int], list[Any]]:
    """The words that both directions share, and the arrays that they are the addresses of."""
    item, queries, keys = q.itemsize, q.shape[-2], k.shape[-2]
    added = q if mask is None else _laid_out(mask, q, keys)
    given = q, k, v, added
    shapes = tuple([x.shape for x in given])
    strides = tuple([x.strides for x in given])
    tables = _tables(shape.columns, item, shapes, strides)
    arrays = [tables[0], added, *tables[1:]]
    words = [
        *map(id, arrays), queries, keys, q.shape[-1], v.shape[-1],
        -(-queries // attention_kernel.QUERIES), *(x[-2] // item for x in strides),
        causal, mask is not None, struct.unpack("q", struct.pack("d", scale))[0],
    ]  # fmt: skip
    return words, arrays


def forward(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> Any:
    """softmax(scale q k^T + mask) v, and the logarithms of the softmax's sums; NotImplemented
    unless they fit.

    Args:
        q, k, v: (..., L, E), (..., S, E), (..., S, V).
        mask: None, bool (True takes part) or added to the scores; broadcasts to (..., L, S).
        causal: Query i looks at keys up to i.
    """
    if not fits(q, k, v):
        return NotImplemented
    out = np.empty((*q.shape[:-1], v.shape[-1]), q.dtype)
    return attended(q, k, v, mask, scale, causal, out)


def attended(
    q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool, out: Any
) -> tuple[Any, Any]:
    """The same into an array in order."""
    shape = _shape(q.dtype)
    q, k, v = (_rows_in_order(x) for x in (q, k, v))
    logs = np.empty(q.shape[:-1], q.dtype)
    words, arrays = _facts(q, k, v, mask, scale, causal, shape)
    heads, blocks = math.prod(q.shape[:-2]), -(-q.shape[-2] // attention_kernel.QUERIES)
    work = logs.size * k.shape[-2] * (q.shape[-1] + v.shape[-1] + 32) // shape.lanes
    attention_kernel.forward(shape)(
        [id(q), id(k), id(v), id(out), id(logs), *words], heads * blocks, work
    )
    del arrays  # alive until here
    return out, logs


def backward(
    g: Any, q: Any, k: Any, v: Any, out: Any, logs: Any, mask: Any, scale: float, causal: bool
) -> Any:
    """The gradients towards q, k and v, given what `forward` gave."""
    if not fits(q, k, v):
        return NotImplemented
    gradients = (
        np.empty_like(q, order="C"),
        np.empty_like(k, order="C"),
        np.empty_like(v, order="C"),
    )
    shape = _shape(q.dtype)
    q, k, v = (_rows_in_order(x) for x in (q, k, v))
    g = np.ascontiguousarray(g)
    dots = np.vecdot(g, out)
    logs = np.ascontiguousarray(logs)
    words, arrays = _facts(q, k, v, mask, scale, causal, shape)
    work = logs.size * k.shape[-2] * (3 * q.shape[-1] + 2 * v.shape[-1] + 32) // shape.lanes
    given = [q, k, v, g, logs, dots, *gradients]
    attention_kernel.backward(shape)([*map(id, given), *words], math.prod(q.shape[:-2]), work)
    del arrays  # alive until here
    return gradients
