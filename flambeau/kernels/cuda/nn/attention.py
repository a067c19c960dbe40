"""Scaled dot-product attention of device arrays in one pass, and its gradient, without the matrix of all scores."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from ...matmul.matmul import starts
from .. import driver
from ..array.copy import in_order
from ..array.launch import THREADS
from ..floats import HALF, SUMS
from ..tensor_core import WITHOUT
from ..upload import uploaded
from . import attention_kernel, attention_tensor
from .attention_tile import ARRAYS, Form, Numbers

WIDEST = 128
"""Columns of a row that a block's registers have room for."""


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
    if not fits(q, k, v) or max(q.shape[-1], v.shape[-1]) > WIDEST:
        return NotImplemented
    q, k, v = (_rows_in_order(x) for x in (q, k, v))
    out = seated((*q.shape[:-1], v.shape[-1]), q.dtype)
    logs = driver.cupy().empty(q.shape[:-1], SUMS[q.dtype.name])
    call = _Call({"q": q, "k": k, "v": v, "out": out}, mask, scale, causal)
    kernel = (attention_tensor if call.on_tensor_cores else attention_kernel).forward(call.form)
    call.launch(kernel, call.blocks(q.shape[-2]), q, k, v, call.mask, out, logs)
    return out, logs


def backward(
    g: Any, q: Any, k: Any, v: Any, out: Any, logs: Any, mask: Any, scale: float, causal: bool
) -> Any:
    """The gradients towards q, k and v, given what `forward` gave."""
    if not fits(q, k, v) or max(q.shape[-1], v.shape[-1]) > WIDEST:
        return NotImplemented
    dq, dk, dv = (seated(x.shape, x.dtype) for x in (q, k, v))
    q, k, v, g, out = (_rows_in_order(x) for x in (q, k, v, g, out))
    xp = driver.cupy()
    logs, shares = in_order(logs), xp.empty(logs.shape, logs.dtype)
    arrays = {"q": q, "k": k, "v": v, "out": out, "g": g, "dq": dq, "dk": dk, "dv": dv}
    call = _Call(arrays, mask, scale, causal)
    own = attention_kernel.shares(Form(q.dtype.name, "", False, 0))
    call.launch(own, -(-logs.size // THREADS), g, out, shares, threads=THREADS)
    given, form = (q, k, v, call.mask, g, logs, shares), call.form
    by_queries, by_keys = call.blocks(q.shape[-2]), call.blocks(k.shape[-2])
    if call.on_tensor_cores:
        call.launch(attention_tensor.backward_queries(form), by_queries, *given, dq)
        for name, result in (("dk", dk), ("dv", dv)):
            call.launch(attention_tensor.backward_keys(form, name), by_keys, *given, result)
    else:
        call.launch(attention_kernel.backward_queries(form), by_queries, *given, dq)
        call.launch(attention_kernel.backward_keys(form), by_keys, *given, dk, dv)
    return dq, dk, dv


def _rows_in_order(x: Any) -> Any:
    """The stack, or a copy if the elements of its rows are not side by side."""
    near = x.strides[-1] == x.itemsize or x.shape[-1] == 1
    return x if near and min(x.strides) >= 0 else in_order(x)


class _Call:
    """What the kernels of one call are told besides their arrays.

    Attributes:
        on_tensor_cores: Do they multiply there?
        form: What they are made for.
        mask: The mask with the scores' shape, or any array where there is none.
    """

    def __init__(self, arrays: dict[str, Any], mask: Any, scale: float, causal: bool):
        q, k, v = (arrays[name] for name in "qkv")
        self.mask, name = q, ""
        if mask is not None:
            wanted = (*q.shape[:-1], k.shape[-2])
            name = mask.dtype.name
            arrays = arrays | {"mask": driver.cupy().broadcast_to(mask, wanted)}
            self.mask = arrays["mask"]
        device = driver.device()
        facts = tuple((key, x.shape, x.strides, x.itemsize) for key, x in arrays.items())
        self.starts, starts_whole = _starts(device, facts)
        self.on_tensor_cores = q.dtype.name in HALF and driver.architecture(device) not in WITHOUT
        whole = self.on_tensor_cores and starts_whole and all(
            x.data.ptr % 16 == 0 for key, x in arrays.items() if key != "mask"
        )  # fmt: skip
        width = _room(max(q.shape[-1], v.shape[-1]))
        form = Form(q.dtype.name, name, causal, width, whole)
        self.form = form if self.on_tensor_cores else replace(form, width=max(width, form.side))
        self.heads, self.scale = math.prod(q.shape[:-2]), float(scale)
        steps = {f"{key}_row": x.strides[-2] // x.itemsize for key, x in arrays.items()}
        self.numbers = Numbers(**dict.fromkeys(Numbers._fields, 0) | steps | {
            "heads": self.heads, "queries": q.shape[-2], "keys": k.shape[-2], "size": q.shape[-1],
            "depth": v.shape[-1], "mask_along": self.mask.strides[-1] // self.mask.itemsize,
        })  # fmt: skip

    def blocks(self, rows: int) -> int:
        """A block for each tile of rows of each head."""
        side = attention_tensor.SIDE if self.on_tensor_cores else self.form.side
        return -(-rows // side) * self.heads

    def launch(self, kernel: Any, grid: int, *arrays: Any, threads: int = 0) -> None:
        own = attention_tensor.THREADS if self.on_tensor_cores else self.form.threads
        kernel(grid, threads or own, *arrays, self.starts, self.scale, *self.numbers)


def _room(width: int) -> int:
    """The columns that kernels are made for: a few sizes are enough for all."""
    return next(size for size in (32, 64, 128) if size >= width)


@lru_cache(1024)
def _starts(device: int, facts: tuple) -> tuple[Any, bool]:
    """Where the heads of each array begin, on a device, of those that are not there at 0; and whether all rows are
    multiples of 16 bytes."""
    lead = facts[0][1][:-2]
    found = np.zeros((len(ARRAYS), math.prod(lead)), np.int64)
    whole = True
    for name, shape, strides, item in facts:
        place = found[ARRAYS.index(name)] = starts(lead, shape, strides, item)
        if name != "mask":
            rows = shape[-1] * item, strides[-2]
            whole = whole and not any(x % 16 for x in rows) and not (place * item % 16).any()
    return uploaded(found), whole


__all__ = ["backward", "fits", "forward", "seated"]
