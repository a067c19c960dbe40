"""How much arithmetic an operation does, counted from shapes as PyTorch's profiler counts it."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..core.tensor import Tensor


def flops_of(name: str, frame: FrameType) -> int:
    """Additions and multiplications of a call that starts; 0 for what is not counted."""
    count = COUNTS.get(name)
    if count is None:
        return 0
    held = frame.f_locals
    code = frame.f_code
    given = [held.get(n) for n in code.co_varnames[: code.co_argcount]]
    if code.co_flags & 0x04:
        given += held[code.co_varnames[code.co_argcount + code.co_kwonlyargcount]]
    tensors = [x for x in given if isinstance(x, Tensor)]
    return count(tensors, held)


def _product(tensors: list[Tensor], held: dict[str, Any]) -> int:
    x, y = tensors[0]._array, tensors[1]._array
    if not x.ndim or not y.ndim:
        return 0
    columns = y.shape[-1] if y.ndim > 1 else 1
    lead = math.prod(y.shape[:-2]) if x.ndim <= 2 else 1
    return 2 * x.size * columns * lead


def _added_product(tensors: list[Tensor], held: dict[str, Any]) -> int:
    return _product(tensors[1:], held)


def _linear(tensors: list[Tensor], held: dict[str, Any]) -> int:
    x, w = tensors[0]._array, tensors[1]._array
    return 2 * x.size * (w.shape[0] if w.ndim > 1 else 1)


def _elements(tensors: list[Tensor], held: dict[str, Any]) -> int:
    sizes = [x._array.size for x in tensors]
    return max(sizes, default=0)


def _conv2d(tensors: list[Tensor], held: dict[str, Any]) -> int:
    x, w = tensors[0]._array, tensors[1]._array
    stride, padding, dilation = (held.get(n, d) for n, d in DEFAULTS.items())
    if isinstance(padding, str) or x.ndim < 3:
        return 0
    out = 1
    for i in range(2):
        s, p, d = (v if isinstance(v, int) else v[i % len(v)] for v in (stride, padding, dilation))
        out *= (x.shape[i - 2] + 2 * p - d * (w.shape[i - 2] - 1) - 1) // s + 1
    batch = x.shape[0] if x.ndim == 4 else 1
    return 2 * batch * out * w.size


DEFAULTS: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1}
COUNTS: dict[str, Callable[[list[Tensor], dict[str, Any]], int]] = {
    **dict.fromkeys(("aten::mm", "aten::bmm", "aten::matmul"), _product),
    **dict.fromkeys(("aten::addmm", "aten::baddbmm"), _added_product),
    "aten::linear": _linear,
    "aten::conv2d": _conv2d,
    **dict.fromkeys(("aten::add", "aten::mul"), _elements),
}
