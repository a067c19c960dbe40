"""Scaled dot-product attention of arrays in one pass, and its gradient, without the matrix of
all scores."""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import Any

import numpy as np

from . import attention_kernel, memory
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
def _starts(shapes: tuple, strides: tuple, item: int) -> Any:
    """Where the heads of each array begin."""
    lead = shapes[0][:-2]
    return np.concatenate([starts(lead, x, y, item) for x, y in zip(shapes, strides)])


@lru_cache(64)
def _offsets(reach: int, columns: int) -> Any:
    return np.arange(reach, dtype=np.int64) * columns


def seated(shape: tuple[int, ...], dtype: Any) -> Any:
    """A new array; of four dimensions (batch, heads, length, size) the heads lie within the length, as
    PyTorch has it: where they are put side by side nothing has to be moved."""
    if len(shape) != 4:
        return memory.empty(shape, dtype)
    batch, heads, length, size = shape
    return memory.empty((batch, length, heads, size), dtype).swapaxes(1, 2)


class Facts:
    """What both directions are told besides their arrays."""

    def __init__(self, arrays: list[Any], scale: float, causal: bool, masked: bool):
        """arrays: q, k, v, the mask, the result, and the gradients of q, k and v."""
        q, k, v = arrays[:3]
        item, queries = q.itemsize, q.shape[-2]
        self.shape = _shape(q.dtype)
        given = tuple([x.shape for x in arrays]), tuple([x.strides for x in arrays])
        self.starts = _starts(*given, item)
        reach = max(q.shape[-1], v.shape[-1], attention_kernel.KEYS, attention_kernel.QUERIES)
        self.offsets = _offsets(reach, self.shape.columns)
        self.heads = math.prod(q.shape[:-2])
        self.blocks = -(-queries // attention_kernel.QUERIES)
        steps = [x.strides[-2] // item for x in arrays]
        self.numbers = [
            self.heads, queries, k.shape[-2], q.shape[-1], v.shape[-1], self.blocks, *steps,
            causal, masked, struct.unpack("q", struct.pack("d", scale))[0],
        ]  # fmt: skip


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
    out = seated((*q.shape[:-1], v.shape[-1]), q.dtype)
    return attended(q, k, v, mask, scale, causal, out)


def attended(
    q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool, out: Any
) -> tuple[Any, Any]:
    """The same into an array whose rows are in order."""
    q, k, v = (_rows_in_order(x) for x in (q, k, v))
    logs = memory.empty(q.shape[:-1], q.dtype)
    added = q if mask is None else _laid_out(mask, q, k.shape[-2])
    facts = Facts([q, k, v, added, out, q, k, v], scale, causal, mask is not None)
    work = logs.size * k.shape[-2] * (q.shape[-1] + v.shape[-1] + 32) // facts.shape.lanes
    attention_kernel.forward(facts.shape)(
        q, k, v, added, out, logs, facts.starts, facts.offsets, facts.heads * facts.blocks, 1, work, 0,
        *facts.numbers,
    )  # fmt: skip
    return out, logs


def backward(
    g: Any, q: Any, k: Any, v: Any, out: Any, logs: Any, mask: Any, scale: float, causal: bool
) -> Any:
    """The gradients towards q, k and v, given what `forward` gave."""
    if not fits(q, k, v):
        return NotImplemented
    gradients = [seated(x.shape, x.dtype) for x in (q, k, v)]
    q, k, v = (_rows_in_order(x) for x in (q, k, v))
    g, out = _alike(g, _rows_in_order(out))
    added = q if mask is None else _laid_out(mask, q, k.shape[-2])
    facts = Facts([q, k, v, added, out, *gradients], scale, causal, mask is not None)
    work = logs.size * k.shape[-2] * (3 * q.shape[-1] + 2 * v.shape[-1] + 32) // facts.shape.lanes
    attention_kernel.backward(facts.shape)(
        q, k, v, added, g, out, np.ascontiguousarray(logs), *gradients, facts.starts, facts.offsets,
        facts.heads, 1, work, 0, *facts.numbers,
    )  # fmt: skip
    return tuple(gradients)


def _alike(g: Any, out: Any) -> tuple[Any, Any]:
    """The slopes and the result, which the kernel reads in one way, with equal strides."""
    if g.strides == out.strides and g.flags.aligned:
        return g, out
    made = memory.empty(out.shape, out.dtype)
    if made.strides == out.strides:
        made[...] = g
        return made, out
    return np.ascontiguousarray(g), np.ascontiguousarray(out)
