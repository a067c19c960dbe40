"""Scaled dot-product attention of arrays in one pass, and its gradient, without the matrix of
all scores."""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import Any

import numpy as np

from ..array.half import FLOAT32, as_type, widened
from ..matmul.matmul import ELEMENTS, starts
from ..matmul.microkernel import Shape, shapes
from ..runtime import memory
from ..runtime.entry import Job
from ..runtime.process import machine
from . import attention_kernel


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


def _laid_out(mask: Any, q: Any, keys: int, number: Any = None) -> Any:
    """A mask as numbers to add, of the type of q or another, with the scores' dimensions and its rows in order."""
    if mask.dtype == np.bool_:
        number = number or q.dtype.type
        mask = np.where(mask, number(0), number(-np.inf))
    if mask.shape[-1:] != (keys,):
        mask = np.ascontiguousarray(np.broadcast_to(mask, (*mask.shape[:-1], keys)))
    return np.broadcast_to(_rows_in_order(mask), (*q.shape[:-1], keys))


def _starts(shapes: tuple, strides: tuple, item: int) -> Any:
    """Where the heads of each array begin."""
    lead = shapes[0][:-2]
    return np.concatenate([starts(lead, x, y, item) for x, y in zip(shapes, strides)])


def _queries(heads: int, queries: int, causal: bool) -> int:
    """Queries of a block: many, as each block packs all keys and values, but so that there are blocks to share, and few
    where a block looks at keys that not all of its queries see."""
    least = attention_kernel.QUERIES
    most = least if causal else min(LONGEST, heads * queries // SHARED // least * least)
    return max(least, min(most, -(-queries // least) * least))


LONGEST, SHARED = 256, 8
"""Queries of a block at most, and blocks that are wanted."""


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
        heads = math.prod(lead)
        block = _queries(heads, queries, causal)
        blocks = -(-queries // block)
        most = attention_kernel.KEYS
        if not causal and keys >= 2 * most:
            most *= 2
        lanes = self.shape.lanes
        key_block = min(most, -(-keys // lanes) * lanes)
        steps = zip(attention_kernel.STARTED, strides, strict=True)
        numbers = attention_kernel.Numbers(
            heads=heads, queries=queries, keys=keys, width=size, depth=deep, block=block, blocks=blocks, key_block=key_block,
            causal=causal, masked=masked, scale=struct.unpack("q", struct.pack("d", scale))[0],
            **{f"{name}_row": own[-2] // item for name, own in steps},
        )  # fmt: skip
        pairs = heads * queries * keys
        work = pairs * (size + deep + 32) // self.shape.lanes
        job = Job(rows=heads * blocks, length=1, weight=work, divisible=False)
        self.forward = *job, *numbers
        work = pairs * (3 * size + 2 * deep + 32) // self.shape.lanes
        self.backward = *job._replace(rows=heads, weight=work), *numbers


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
    if q.dtype in ELEMENTS and q.__class__ is k.__class__ is v.__class__ is np.ndarray:
        added = q if mask is None else _laid_out(mask, q, k.shape[-2])
        facts = _direct(
            q.dtype, k.dtype, v.dtype, q.shape, q.strides, k.shape, k.strides, v.shape, v.strides,
            added.shape, added.strides, scale, causal, mask is not None,
        )  # fmt: skip
        if facts is not None and q.flags.aligned and k.flags.aligned and v.flags.aligned:
            out = seated((*q.shape[:-1], v.shape[-1]), q.dtype)
            return _computed(q, k, v, added, out, facts)
    if not fits(q, k, v):
        made = _of_halves(q, k, v, mask, scale, causal)
        if made is not None:
            return made
        wide = widened(q, k, v)
        if wide is None or not fits(*wide):
            return NotImplemented
        q_wide, k_wide, v_wide = wide
        out, logs = forward(q_wide, k_wide, v_wide, _wide_mask(mask), scale, causal)
        return as_type(out, q.dtype), logs
    out = seated((*q.shape[:-1], v.shape[-1]), q.dtype)
    return attended(q, k, v, mask, scale, causal, out)


def _of_halves(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> Any:
    """The same of half types, or None."""
    if q.dtype.itemsize != 2:
        return None
    from . import attention_half

    if not attention_half.is_made_for(q, k, v):
        return None
    if mask is not None:
        mask = _laid_out(_wide_mask(mask), q, k.shape[-2], np.float32)
    out = seated((*q.shape[:-1], v.shape[-1]), q.dtype)
    return attention_half.forward(q, k, v, mask, scale, causal, out)


def attended(
    q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool, out: Any
) -> tuple[Any, Any]:
    """The same into an array whose rows are in order."""
    q, k, v = (_rows_in_order(x) for x in (q, k, v))
    added = q if mask is None else _laid_out(mask, q, k.shape[-2])
    facts = facts_of([q, k, v, added, out, q, k, v], scale, causal, mask is not None)
    return _computed(q, k, v, added, out, facts)


def _computed(q: Any, k: Any, v: Any, added: Any, out: Any, facts: Facts) -> tuple[Any, Any]:
    logs = memory.empty(q.shape[:-1], q.dtype)
    arrays = attention_kernel.ForwardArrays(
        q=q, k=k, v=v, mask=added, out=out, logs=logs, starts=facts.starts
    )
    attention_kernel.forward(facts.shape)(*arrays, *facts.forward)
    return out, logs


@lru_cache(1024)
def _direct(
    dtype: Any, k_dtype: Any, v_dtype: Any, q: tuple, q_steps: tuple, k: tuple, k_steps: tuple, v: tuple,
    v_steps: tuple, mask: tuple, mask_steps: tuple, scale: float, causal: bool, masked: bool,
) -> Facts | None:  # fmt: skip
    """The facts of arrays of these shapes and strides; None where they do not fit or one has to be copied."""
    like = [
        np.lib.stride_tricks.as_strided(np.empty(1, own), shape, steps)
        for own, shape, steps in ((dtype, q, q_steps), (k_dtype, k, k_steps), (v_dtype, v, v_steps))
    ]
    if not fits(*like) or any(_rows_in_order(x) is not x for x in like):
        return None
    steps = seated((*q[:-1], v[-1]), dtype).strides
    shapes, strides = (
        (q, k, v, mask, (*q[:-1], v[-1])),
        (q_steps, k_steps, v_steps, mask_steps, steps),
    )
    return _facts(
        dtype, (*shapes, q, k, v), (*strides, q_steps, k_steps, v_steps), scale, causal, masked
    )


def backward(
    g: Any, q: Any, k: Any, v: Any, out: Any, logs: Any, mask: Any, scale: float, causal: bool
) -> Any:
    """The gradients towards q, k and v, given what `forward` gave."""
    if not fits(q, k, v):
        wide = widened(q, k, v, g, out)
        if wide is None or not fits(*wide[:3]):
            return NotImplemented
        q_wide, k_wide, v_wide, g, out = wide
        added = _wide_mask(mask)
        found = backward(g, q_wide, k_wide, v_wide, out, logs, added, scale, causal)
        return tuple(as_type(x, q.dtype) for x in found)
    gradients = [seated(x.shape, x.dtype) for x in (q, k, v)]
    q, k, v = (_rows_in_order(x) for x in (q, k, v))
    g, out = _alike(g, _rows_in_order(out))
    added = q if mask is None else _laid_out(mask, q, k.shape[-2])
    facts = facts_of([q, k, v, added, out, *gradients], scale, causal, mask is not None)
    dq, dk, dv = gradients
    arrays = attention_kernel.BackwardArrays(
        q=q, k=k, v=v, mask=added, g=g, out=out, logs=np.ascontiguousarray(logs), dq=dq, dk=dk,
        dv=dv, starts=facts.starts,
    )  # fmt: skip
    attention_kernel.backward(facts.shape)(*arrays, *facts.backward)
    return dq, dk, dv


def _wide_mask(mask: Any) -> Any:
    """A mask for float32 scores."""
    return mask if mask is None or mask.dtype == np.bool_ else as_type(mask, FLOAT32)


def _alike(g: Any, out: Any) -> tuple[Any, Any]:
    """The slopes and the result, which the kernel reads in one way, with equal strides."""
    if g.strides == out.strides and g.flags.aligned:
        return g, out
    made = memory.empty(out.shape, out.dtype)
    if made.strides == out.strides:
        made[...] = g
        return made, out
    return np.ascontiguousarray(g), np.ascontiguousarray(out)
