"""Scaled dot-product attention of device arrays in one pass, and its gradient, without the matrix of all scores."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ...matmul.matmul import starts
from .. import driver
from . import attention_kernel
from .attention_tile import ARRAYS, Form, Numbers

SUMS = {"float16": "float32", "bfloat16": "float32", "float32": "float32", "float64": "float64"}
"""The dtypes of sums, by those of arrays."""
WIDEST = 128
"""Columns of a result that a block's registers have room for."""
THREADS = 256


def fits(*arrays: Any) -> bool:
    """Are these float arrays with equal leading dimensions, and nothing empty?"""
    first = arrays[0]
    lead = first.shape[:-2]
    return first.dtype.name in SUMS and all(
        x.dtype == first.dtype and x.size and x.shape[:-2] == lead for x in arrays
    )


def seated(shape: tuple[int, ...], dtype: Any) -> Any:
    """A new array; of four dimensions (batch, heads, length, size) the heads lie within the length, as PyTorch has it."""
    xp = driver.cupy()
    if len(shape) != 4:
        return xp.empty(shape, dtype)
    batch, heads, length, size = shape
    return xp.empty((batch, length, heads, size), dtype).swapaxes(1, 2)


def forward(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> Any:
    """softmax(scale q k^T + mask) v, and the logarithms of the softmax's sums; NotImplemented unless they fit.

    Args:
        q, k, v: (..., L, E), (..., S, E), (..., S, V).
        mask: None, bool (True takes part) or added to the scores; broadcasts to (..., L, S).
        causal: Query i looks at keys up to i.
    """
    if not fits(q, k, v) or v.shape[-1] > WIDEST:
        return NotImplemented
    q, k, v = (_rows_in_order(x) for x in (q, k, v))
    out = seated((*q.shape[:-1], v.shape[-1]), q.dtype)
    logs = driver.cupy().empty(q.shape[:-1], SUMS[q.dtype.name])
    call = _Call({"q": q, "k": k, "v": v, "out": out}, mask, scale, causal)
    kernel = attention_kernel.forward(call.form(v.shape[-1]))
    call.launch(kernel, call.blocks(q.shape[-2]), q, k, v, call.mask, out, logs)
    return out, logs


def backward(
    g: Any, q: Any, k: Any, v: Any, out: Any, logs: Any, mask: Any, scale: float, causal: bool
) -> Any:
    """The gradients towards q, k and v, given what `forward` gave."""
    if not fits(q, k, v) or max(q.shape[-1], v.shape[-1]) > WIDEST:
        return NotImplemented
    gradients = [seated(x.shape, x.dtype) for x in (q, k, v)]
    q, k, v, g, out = (_rows_in_order(x) for x in (q, k, v, g, out))
    xp = driver.cupy()
    logs, shares = xp.ascontiguousarray(logs), xp.empty(logs.shape, logs.dtype)
    made = dict(zip(("dq", "dk", "dv"), gradients))
    call = _Call({"q": q, "k": k, "v": v, "out": out, "g": g, **made}, mask, scale, causal)
    form = call.form(max(q.shape[-1], v.shape[-1]))
    rows = -(-logs.size // THREADS)
    call.launch(attention_kernel.shares(form), rows, g, out, shares, threads=THREADS)
    given = q, k, v, call.mask, g, logs, shares
    call.launch(
        attention_kernel.backward_queries(form), call.blocks(q.shape[-2]), *given, gradients[0]
    )
    call.launch(
        attention_kernel.backward_keys(form), call.blocks(k.shape[-2]), *given, *gradients[1:]
    )
    return tuple(gradients)


def _rows_in_order(x: Any) -> Any:
    """The stack, or a copy if the elements of its rows are not side by side."""
    near = x.strides[-1] == x.itemsize or x.shape[-1] == 1
    return x if near and min(x.strides) >= 0 else driver.cupy().ascontiguousarray(x)


class _Call:
    """What the kernels of one call are told besides their arrays."""

    def __init__(self, arrays: dict[str, Any], mask: Any, scale: float, causal: bool):
        q, k, v = (arrays[name] for name in "qkv")
        self.dtype, self.causal = q.dtype.name, causal
        self.mask_name = "" if mask is None else mask.dtype.name
        self.mask = q
        if mask is not None:
            wanted = (*q.shape[:-1], k.shape[-2])
            arrays["mask"] = self.mask = driver.cupy().broadcast_to(mask, wanted)
        names = tuple(name for name in ARRAYS if name in arrays)
        given = [arrays[name] for name in names]
        shapes, strides = tuple(x.shape for x in given), tuple(x.strides for x in given)
        items = tuple(x.itemsize for x in given)
        device = int(driver.cupy().cuda.runtime.getDevice())
        self.starts = _starts(device, names, shapes, strides, items)
        steps = {f"{name}_row": x.strides[-2] // x.itemsize for name, x in arrays.items()}
        along = self.mask.strides[-1] // self.mask.itemsize
        self.heads = math.prod(q.shape[:-2])
        fields = dict.fromkeys(Numbers._fields, 0) | steps
        self.numbers = Numbers(**fields | {
            "heads": self.heads, "queries": q.shape[-2], "keys": k.shape[-2], "size": q.shape[-1],
            "depth": v.shape[-1], "mask_along": along,
        })  # fmt: skip
        self.scale = float(scale)

    def form(self, width: int) -> Form:
        """The kernels' form where results have so many columns."""
        form = Form(self.dtype, self.mask_name, self.causal, 0)
        side = form.side
        return Form(
            self.dtype,
            self.mask_name,
            self.causal,
            1 << (-(-width // side) * side - 1).bit_length(),
        )

    def blocks(self, rows: int) -> int:
        """A block for each tile of rows of each head."""
        side = Form(self.dtype, self.mask_name, self.causal, 0).side
        return -(-rows // side) * self.heads

    def launch(self, kernel: Any, grid: int, *arrays: Any, threads: int = 0) -> None:
        block = threads or Form(self.dtype, self.mask_name, self.causal, 0).threads
        kernel(grid, block, *arrays, self.starts, self.scale, *self.numbers)


@lru_cache(1024)
def _starts(
    device: int, names: tuple[str, ...], shapes: tuple, strides: tuple, items: tuple[int, ...]
) -> Any:
    """Where the heads of each array begin, on a device; of those that are not there, at 0."""
    lead = shapes[0][:-2]
    found = np.zeros((len(ARRAYS), math.prod(lead)), np.int64)
    for name, *facts in zip(names, shapes, strides, items):
        found[ARRAYS.index(name)] = starts(lead, *facts)
    return driver.cupy().asarray(found)


__all__ = ["backward", "fits", "forward", "seated"]
