"""In-place forms of operations that have a rule, and numbers as they are written into tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd.mode import mode
from ..core.dtype import FLOAT, INTEGER
from ..core.promotion import can_cast
from ..core.quiet import quiet
from ..core.tensor import Tensor, wrap
from .registry import method
from .write import check_writable, finish_write, store

_C_NAMES = {
    "float32": "float",
    "float64": "double",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "int32": "int",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}


def number_for(value: Any, kind: Any) -> Tensor:
    """A number as a 0-d tensor of `kind`, if the dtype can hold it.

    Raises:
        RuntimeError: It cannot: too large, complex for a real dtype, nan for an integer one.
    """
    dtype = kind.dtype
    if isinstance(value, np.generic):
        value = value.item()
    real = value
    if isinstance(value, complex) and not dtype.is_complex:
        real = value.real if value.imag == 0 else None
    if real is not None and dtype.category == INTEGER and not isinstance(real, bool):
        limit, low = np.iinfo(kind.numpy), int(np.iinfo(kind.numpy).min)
        whole = int(real) if real == real and abs(real) != float("inf") else None
        if whole is not None and not dtype.is_signed and real.__class__ is int:
            low = -int(limit.max)  # negative integers wrap around
        fits = whole is not None and low <= whole <= limit.max and (low < 0 or real >= 0)
        real = whole % (int(limit.max) + 1) if fits and whole < 0 and not dtype.is_signed else whole  # type: ignore[operator]
        real = real if fits else None
    elif real is not None and dtype.category == FLOAT:
        with quiet():
            array = np.asarray(float(real)).astype(kind.numpy)
        if np.isfinite(float(real)) and not np.isfinite(np.asarray(array, np.float64)):
            real = None
    if real is None:
        raise RuntimeError(
            f"value cannot be converted to type {_C_NAMES.get(dtype.name, f'{dtype.name}_t')} "
            f"without overflow: {value} does not fit {dtype}"
        )
    with quiet():
        return wrap(kind.xp.asarray(real).astype(kind.numpy), kind)


def write_result(
    target: Tensor, function: Callable[[Tensor], Tensor], operands: Sequence[Any] = ()
) -> Tensor:
    """Run `function` on the target and write what it gives into the target, as its history.

    The function sees a copy where it is recorded, so that what it saves are the values before.

    Raises:
        RuntimeError: The result has another shape, or a dtype that the target's cannot hold.
    """
    check_writable(target, (target, *operands))
    before = target
    if mode.recording and any(x._node is not None for x in (target, *operands)):
        before = wrap(target._array.copy(), target._kind)
        before._node = target._node
    result = function(before)
    if result._array.shape != target._array.shape:
        raise RuntimeError(
            f"output with shape {list(target._array.shape)} doesn't match the broadcast shape "
            f"{list(result._array.shape)}"
        )
    if not can_cast(result.dtype, target.dtype):
        raise RuntimeError(
            f"result type {result.dtype.legacy} can't be cast to the desired output type "
            f"{target.dtype.legacy}"
        )
    store(target, result._array)
    finish_write(target, result._node)
    return target


def inplace_form(function: Callable) -> Callable:
    """Decorator: give a public function of (input, ...) its in-place method, and say which it is of."""
    name = f"{function.__name__}_"

    def form(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        operands = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
        return write_result(self, lambda x: function(x, *args, **kwargs), operands)

    form.__name__ = form.__qualname__ = name
    form.__doc__ = f"The in-place form of `{function.__name__}`."
    method()(form)
    return function
