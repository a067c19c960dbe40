"""Scaled dot-product attention of arrays in one pass, and its gradient, without the matrix of
all scores."""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import Any

import numpy as np

from . import attention_kernel, memory
from .process import machine
from .product import ELEMENTS, starts
from .tile import Shape, shapes


def fits(*arrays: Any) -> bool:
    """Are these float arrays with equal leading dimensions, and nothing empty?"""
    first = arrays[0]
    if first.dtype not in ELEMENTS:
        return False
    dtype, lead = first.dtype, first.shape[:-2]
    for x in arrays:  # noqa: SIM110 - all() of a generator takes longer
        if type(x) is not np.ndarray or x.dtype != dtype or not x.size or x.shape[:-2] != lead:
            return False
    return True


def _rows_in_order(x: Any) -> Any:
    """The stack, or a copy if the elements of its rows are not side by side."""
    item, flags = x.itemsize, x.flags
    if flags.c_contiguous and flags.aligned and x.strides[-1] == item:
        return x
    near = x.strides[-1] == item and not any(stride % item for stride in x.strides)
    return x if near and flags.aligned else np.array(x, order="C", subok=False)


def _shape(dtype: Any) -> Shape:
    return shapes(ELEMENTS[dtype], machine().bits)[1]


def _laid_out(mask: Any, q: Any, keys: int) -> Any:
    """A mask as numbers to add, with the scores' dimensions and its rows in order."""
    if mask.dtype == np.bool_:
        mask = np.where(mask, q.dtype.type(0), q.dtype.type(-np.inf))
    if mask.shape[-1:] != (keys,):
        mask = np.ascontiguousarray(np.broadcast_to(mask, (*mask.shape[:-1], keys)))
    return np.broadcast_to(_rows_in_order(mask), (*q.shape[:-1], keys))


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

    def __init__(
        self, dtype: Any, shapes: tuple, strides: tuple, scale: float, causal: bool, masked: bool
    ):
        (*lead, queries, size), (keys, deep) = shapes[0], shapes[2][-2:]
        self.shape, item = _shape(dtype), dtype.itemsize
        self.starts = _starts(shapes, strides, item)
        reach = max(size, deep, attention_kernel.KEYS, attention_kernel.QUERIES)
        self.offsets = _offsets(reach, self.shape.columns)
        self.heads = math.prod(lead)
        self.blocks = -(-queries // attention_kernel.QUERIES)
        self.pairs = self.heads * queries * keys
        steps = [own[-2] // item for own in strides]
        self.numbers = [
            self.heads, queries, keys, size, deep, self.blocks, *steps, causal, masked,
            struct.unpack("q", struct.pack("d", scale))[0],
        ]  # fmt: skip


_facts = lru_cache(1024)(Facts)


def facts_of(arrays: list[Any], scale: float, causal: bool, masked: bool) -> Facts:
    """arrays: q, k, v, the mask, the result, and the gradients of q, k and v."""
    shapes, strides = tuple([x.shape for x in arrays]), tuple([x.strides for x in arrays])
    return _facts(arrays[0].dtype, shapes, strides, scale, causal, masked)


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
    facts = facts_of([q, k, v, added, out, q, k, v], scale, causal, mask is not None)
    work = facts.pairs * (q.shape[-1] + v.shape[-1] + 32) // facts.shape.lanes
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
    facts = facts_of([q, k, v, added, out, *gradients], scale, causal, mask is not None)
    work = facts.pairs * (3 * q.shape[-1] + 2 * v.shape[-1] + 32) // facts.shape.lanes
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
