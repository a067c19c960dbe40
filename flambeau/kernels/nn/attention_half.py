"""Attention in half types by tiles, as a function of arrays (`attention_half_kernel` writes the code)."""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import Any

import numpy as np

from ..matmul import amx, half
from ..matmul.half_pack import BLOCKS
from ..matmul.stack import starts
from ..runtime import memory
from ..runtime.entry import Job
from . import attention_half_kernel as kernel

FLOAT32 = np.dtype(np.float32)


def is_made_for(q: Any, k: Any, v: Any) -> bool:
    """Can tiles multiply these?"""
    if q.dtype.name not in BLOCKS or not amx.available():
        return False
    lead = q.shape[:-2]
    return all(
        type(x) is np.ndarray and x.dtype is q.dtype and x.size and x.shape[:-2] == lead
        for x in (q, k, v)
    )


def forward(
    q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool, out: Any
) -> tuple[Any, Any] | None:
    """softmax(scale q k^T + mask) v into an array whose rows are in order, and the logarithms of the softmax's sums; None
    where something is not finite in float16.

    Args:
        mask: None, or float32 with the scores' dimensions and its rows in order.
    """
    q, k, v = (x if _is_in_order(x) else np.array(x, order="C", subok=False) for x in (q, k, v))
    logs = memory.empty(q.shape[:-1], FLOAT32)
    arrays = (q, k, v, out) if mask is None else (q, k, v, out, mask)
    shapes, strides = tuple([x.shape for x in arrays]), tuple([x.strides for x in arrays])
    found = _plan(q.dtype, shapes, strides, scale, causal)
    panels = []
    for how, x in zip(found.packings, (k, v)):
        made = memory.empty((how.size,), half.BYTE)
        if how.function(x, made, how.begin, *how.told):
            return None
        panels.append(made)
    given = kernel.Arrays(
        q=q, k=panels[0], v=panels[1], mask=q if mask is None else mask, out=out, logs=logs,
        starts=found.starts,
    )  # fmt: skip
    return None if kernel.forward(q.dtype.name)(*given, *found.told) else (out, logs)


def _is_in_order(x: Any) -> bool:
    """Do the elements of its rows lie side by side, as the packing reads them?"""
    return x.strides[-1] == x.itemsize and x.flags.aligned


class _Plan:
    """What shapes and strides of the queries, keys, values, the result and perhaps a mask say."""

    def __init__(self, dtype: Any, shapes: tuple, strides: tuple, scale: float, causal: bool):
        (*lead, queries, width), (keys, depth) = shapes[0], shapes[2][-2:]
        element, leading = dtype.name, tuple(lead)
        key = half.operand(leading, shapes[1], strides[1])
        value = half.operand(leading, *((*x[:-2], x[-1], x[-2]) for x in (shapes[2], strides[2])))
        packed = [half.packed(element, x, False, 2) for x in (key, value)]
        self.packings = [how for how, _ in packed]
        masked = len(shapes) > 4
        begins = [starts(leading, x, y, 1) for x, y in zip(shapes, strides)]
        mask = begins[4] if masked else begins[0]
        self.starts = np.concatenate([begins[0], packed[0][1], packed[1][1], mask, begins[3]])
        heads, blocks = math.prod(lead), -(-queries // kernel.QUERIES)
        numbers = kernel.Numbers(
            heads=heads, queries=queries, keys=keys, width=width, depth=depth, blocks=blocks,
            q_row=strides[0][-2], mask_row=strides[4][-2] if masked else 0,
            out_row=strides[3][-2], k_panel=half.panel_bytes(element, width),
            v_panel=half.panel_bytes(element, keys), causal=causal, masked=masked,
            scale=struct.unpack("q", struct.pack("d", scale))[0],
        )  # fmt: skip
        work = heads * queries * keys * (width + depth + 256) // 256
        job = Job(rows=heads * blocks, length=1, weight=work, divisible=False)
        self.told = tuple(map(int, (*job, *numbers)))


_plan = lru_cache(1024)(_Plan)
