"""Evenly spaced numbers: arange, range, linspace, logspace.

Note: the last bit. PyTorch counts in vectors: the first of every 8 float32 (4 float64) is start + i step,
rounded, and the others are so many steps from it. What does not fill two vectors is counted one
by one. linspace counts from the nearer end. Both are followed here, so that values compare equal.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import kernels
from ..._caller import warn
from ...core import tensor as handle
from ...core.device import CPU, defaults
from ...core.dtype import BOOL, COMPLEX, FLOAT, bool_, dtype, float32, int64, state
from ...core.kind import Kind, kind_of
from ...core.number import converted, integer, number
from ...core.random.fma import fused
from ...core.tensor import Tensor
from ...dispatch.registry import public
from ...formula.quiet import quiet
from .factory import factory, of_arguments

_INT64_KIND = kind_of(int64, CPU)
_VECTOR_BYTES = 32
"""PyTorch's vector of the CPU, by whose elements it steps."""


def arange(*args: Any, **options: Any) -> Tensor:
    """start, start + step, ... below end; of int64 if all are integers.

    Args:
        start: The first number (0 if only `end` is given).
        end: Where to stop; never reached.
        step: From one to the next (1).
        out: Write there; it decides the dtype and is resized where its length differs.
        dtype: Default: int64 if all are integers, else the default dtype.
        layout: Only the strided one.
        device: Default: the default device.
        requires_grad: Is its gradient wanted?

    Raises:
        RuntimeError: The step is zero or leads away, or a bound is no finite number.
        NotImplementedError: The dtype is bool, complex or an unsigned one of more than 8 bits.

    Source: torch.arange

    Example:
        >>> import flambeau as torch
        >>> torch.arange(1, 2, 0.25)
        tensor([1.0000, 1.2500, 1.5000, 1.7500])
    """
    if len(args) == 1 and not options and (state.one_device or defaults.current is CPU):
        end = args[0]
        if end.__class__ is int and 0 <= end < 1 << 40:
            return handle.make(np.arange(end), _INT64_KIND, None, [0], None)
    return _of_any(*args, **options)


@of_arguments
def _of_any(*args: Any, **options: Any) -> Tensor:
    start, end, step = _bounds(args, options)
    out = options.get("out")
    if out is not None and isinstance(out, Tensor):
        count = _count(start, end, step, out.dtype)
        if out.numel() != count and out.numel():
            _warn_of_resize(out, count)
    return _arange(start, end, step, **options)


arange.__module__ = __name__
public("arange")(arange)


def _bounds(args: tuple, options: dict[str, Any]) -> tuple[Any, Any, Any]:
    """start, end and step of a call: end alone, start and end, or all three."""
    named: dict[str, Any] = {
        name: options.pop(name) for name in ("start", "end", "step") if name in options
    }
    given: dict[str, Any] = {}
    if len(args) == 1 and "end" not in named:
        given["end"] = args[0]
    elif len(args) <= 3:
        given = dict(zip(("start", "end", "step"), args))
    if len(args) > 3 or given.keys() & named.keys() or "end" not in {**given, **named}:
        types = ", ".join(type(arg).__name__ for arg in args)
        raise TypeError(
            f"arange() received an invalid combination of arguments - got ({types}), but expected "
            "(end), (start, end) or (start, end, step)"
        )
    given.update(named)
    places = {name: i + 1 for i, name in enumerate(given)}
    values = {name: number(v, "arange", name, places[name]) for name, v in given.items()}
    return values.get("start", 0), values["end"], values.get("step", 1)


def _warn_of_resize(out: Tensor, count: int) -> None:
    warn(
        f"The number of elements in the out tensor of shape {list(out.shape)} is {out.numel()} which "
        f"does not match the computed number of elements {count}. Note that this may occur as a "
        "result of rounding error. The out tensor will be resized to a tensor of shape "
        f"({count},).",
        UserWarning,
    )


@factory
def _arange(kind: Any, start: Any, end: Any, step: Any) -> Any:
    whole = all(isinstance(n, int) for n in (start, end, step))
    chosen = kind(int64 if whole else None)
    count = _count(start, end, step, chosen.dtype)
    return _counted(chosen, start, step, count), chosen


def _check_countable(function: str, type: dtype) -> None:
    if type.category in (BOOL, COMPLEX) or type.is_barebones:
        raise NotImplementedError(
            f"\"{function}_cpu\" not implemented for '{type.legacy}': make it in another dtype and "
            "convert"
        )


def _count(start: Any, end: Any, step: Any, type: dtype) -> int:
    """How many numbers there are from start to end, which is left out."""
    for value in (start, end, step):
        if isinstance(value, complex):
            raise RuntimeError(
                f"value cannot be converted to type double without overflow: {value}"
            )
    if step == 0:
        raise RuntimeError("step must be nonzero")
    _check_span(start, end, step)
    if type is int64 and _truncated(step) == step:
        first, last, stride = (_truncated(n) for n in (start, end, step))
        return max(len(range(first, last, stride)), 0)
    count = math.ceil((float(end) - float(start)) / float(step))
    if count >= 1 << 60:
        raise RuntimeError(
            f"invalid size, possible overflow? {count} elements from {start} to {end}"
        )
    return count


def _truncated(value: Any) -> int:
    return int(converted(value, int64))


def _check_span(start: Any, end: Any, step: Any) -> None:
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}; the bounds must be finite")
    if (end - start) * math.copysign(1, step) < 0:
        raise RuntimeError(
            f"upper bound and lower bound inconsistent with step sign: from {start} to {end} by {step}"
        )


def _counted(kind: Kind, start: Any, step: Any, count: int) -> Any:
    """`count` numbers from start on."""
    type = kind.dtype
    _check_countable("arange", type)
    first, by = float(start), float(step)
    if first.is_integer() and by.is_integer() and is_counted_by_kernel(type, count):
        made = kernels.array.ramp.between(first, 0.0, by, count, count, type.numpy)
        return kind.xp.asarray(made)
    steps = np.arange(count)
    if type.category < FLOAT:
        first = converted(math.trunc(start), type)
        array = first + steps * math.trunc(step)
    else:
        array = _vectored(float(start), float(step), steps, type)
    with quiet():
        return kind.xp.asarray(_rounded(array, type))


def _rounded(array: np.ndarray, type: dtype) -> np.ndarray:
    """The values as `type`; those of 16 bits are rounded by way of float32, as PyTorch does."""
    if type.itemsize < 4 and array.dtype == np.float64:
        array = array.astype(np.float32)
    return array.astype(type.numpy, copy=False)


def _vectored(start: float, step: float, steps: np.ndarray, type: dtype) -> np.ndarray:
    """start + i * step, rounded as PyTorch's vectors are."""
    exact = fused if type.itemsize == 8 else _unfused
    width = _VECTOR_BYTES // type.itemsize if type.is_floating_point else 1
    index = steps.astype(np.float64)
    result = exact(index, step, start)
    whole = steps.size // (2 * width) * (2 * width)
    if width > 1 and whole and not (start.is_integer() and step.is_integer()):
        lane = index[:whole] % width
        base = _rounded(exact(index[:whole] - lane, step, start), type).astype(np.float64)
        result[:whole] = exact(lane, step, base)
    return result


@of_arguments
@factory
def _range(kind: Any, start: Any, end: Any, step: Any = 1) -> Any:
    """start, start + step, ... up to end, which is included; deprecated for `arange`.

    Args:
        start: The first number.
        end: Where to stop.
        step: From one to the next.

    Raises:
        RuntimeError: The step is zero or leads away, or a bound is no finite number.

    Source: torch.range
    """
    values = [
        number(value, "range", name, i)
        for i, (name, value) in enumerate((("start", start), ("end", end), ("step", step)), 1)
    ]
    start, end, step = values
    if step == 0:
        raise RuntimeError("step must be nonzero")
    _check_span(start, end, step)
    chosen = kind()
    count = math.floor((end - start) / step) + 1
    return _counted(chosen, start, step, count), chosen


def range_(start: Any, end: Any, step: Any = 1, **options: Any) -> Tensor:
    warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is "
        "inconsistent with Python's range builtin. Instead, use torch.arange, which produces values "
        "in [start, end).",
        UserWarning,
    )
    return _range(start, end, step, **options)


range_.__doc__ = _range.__doc__
range_.__signature__ = inspect.signature(_range)  # type: ignore[attr-defined]
public("range")(range_)


# ---- so many numbers between two ends ----------------------------------------------------------


_FEW = 256
"""Numbers up to which NumPy takes less time."""


def is_counted_by_kernel(type: dtype, count: int) -> bool:
    """Are there so many numbers, of such a dtype, that a kernel makes them?"""
    return count > _FEW and type.name in ("float32", "float64") and kernels.enabled()


def _ends(function: str, kind: Any, start: Any, end: Any, steps: Any) -> tuple[Any, Any, int, Kind]:
    """The two ends as numbers, the number of steps, and the kind."""
    for name, value in (("start", start), ("end", end)):
        if isinstance(value, Tensor) and value.ndim:
            raise RuntimeError(
                f"{function} only supports 0-dimensional start and end tensors, but got {name} with "
                f"{value.ndim} dimension(s)."
            )
    start, end = (x.item() if isinstance(x, Tensor) else x for x in (start, end))
    start, end = number(start, function, "start", 1), number(end, function, "end", 2)
    steps = integer(steps, function, "steps", 3)
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}")
    is_complex = isinstance(start, complex) or isinstance(end, complex)
    chosen = kind(state.default_complex if is_complex else None)
    if is_complex and not chosen.dtype.is_complex:
        raise RuntimeError(
            f"torch.{function}(): inferred dtype {state.default_complex} can't be safely cast to "
            f"passed dtype {chosen.dtype}: the ends are complex"
        )
    return start, end, steps, chosen


def _between(start: Any, end: Any, steps: int, type: dtype) -> np.ndarray:
    """`steps` numbers from start to end, counted from the nearer one."""
    if steps == 1:
        return np.array([start])
    if type.is_complex:
        real, imag = (
            _between(getattr(start, part), getattr(end, part), steps, type.to_real())
            for part in ("real", "imag")
        )
        return real + 1j * imag
    if type.category < FLOAT:
        start, end = (converted(math.trunc(x), type) for x in (start, end))
        step = (float(end) - float(start)) / max(steps - 1, 1)
        index = np.arange(steps, dtype=np.float64)
        return np.trunc(_from_both_ends(float(start), float(end), step, index, fused))
    if type.is_reduced:
        return _half_between(start, end, np.arange(steps, dtype=np.float64), type)
    number = type.numpy.type
    start, end = number(start), number(end)
    step = float((end - start) / number(max(steps - 1, 1)))
    if is_counted_by_kernel(type, steps):
        ends = float(start), float(end), step
        return kernels.array.ramp.between(*ends, steps, steps // 2, type.numpy)  # type: ignore[no-any-return]
    index = np.arange(steps, dtype=np.float64)
    exact = fused if type.itemsize == 8 else _unfused
    return _from_both_ends(float(start), float(end), step, index, exact)


def _from_both_ends(
    start: float, end: float, step: float, index: np.ndarray, exact: Callable
) -> np.ndarray:
    """start + i step in the lower half, end - (count - 1 - i) step in the upper."""
    count, half = index.size, index.size // 2
    values = np.empty(count)
    values[:half] = exact(index[:half], step, start)
    values[half:] = exact(index[count - 1 - half :: -1], -step, end)
    return values


def _half_between(start: Any, end: Any, index: np.ndarray, type: dtype) -> np.ndarray:
    """As `_from_both_ends` in a type of 16 bits, where each operation rounds."""

    def rounded(x: Any) -> Any:
        return _rounded(np.asarray(x, np.float64), type).astype(np.float32)

    start, end, last = rounded(start), rounded(end), rounded(max(index.size - 1, 1))
    step = float(rounded(rounded(end - start) / last))
    upward = float(start) + rounded(step * index)
    downward = float(end) - rounded(step * (index.size - 1 - index))
    return np.where(index < index.size // 2, upward, downward)


def _unfused(x: Any, y: Any, z: Any) -> Any:
    """x * y + z for float32 in float64, where the product is exact."""
    return x * y + z


@public()
@of_arguments
@factory
def linspace(kind: Any, start: Any, end: Any, steps: int) -> Any:
    """`steps` numbers from start to end, both included.

    Args:
        start: The first, a number or a 0-d tensor.
        end: The last.
        steps: How many.

    Raises:
        RuntimeError: `steps` is negative, or an end is a tensor with dimensions.

    Source: torch.linspace

    Example:
        >>> import flambeau as torch
        >>> torch.linspace(0, 1, 5)
        tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    start, end, steps, chosen = _ends("linspace", kind, start, end, steps)
    if chosen.dtype is bool_:
        _check_countable("linspace", chosen.dtype)
    with quiet():
        array = _between(start, end, steps, chosen.dtype).astype(chosen.numpy)
    return chosen.xp.asarray(array), chosen


@public()
@of_arguments
@factory
def logspace(kind: Any, start: Any, end: Any, steps: int, base: float = 10.0) -> Any:
    """base to the power of `steps` numbers from start to end.

    Args:
        start: The first exponent, a number or a 0-d tensor.
        end: The last.
        steps: How many.
        base: What is raised.

    Raises:
        RuntimeError: `steps` is negative, or an end is a tensor with dimensions.

    Source: torch.logspace

    Example:
        >>> import flambeau as torch
        >>> torch.logspace(0, 2, 3)
        tensor([  1.,  10., 100.])
    """
    start, end, steps, chosen = _ends("logspace", kind, start, end, steps)
    if chosen.dtype is bool_:
        _check_countable("logspace", chosen.dtype)
    type = chosen.dtype if chosen.dtype.category >= FLOAT else float32
    wide = np.complex128 if type.is_complex else np.float64
    with quiet():
        exponents = _between(start, end, steps, type).astype(type.numpy).astype(wide)
        array = np.power(wide(number(base, "logspace", "base", 4)), exponents)
        if chosen.dtype.category < FLOAT:
            array = np.trunc(array)
        return chosen.xp.asarray(array.astype(chosen.numpy)), chosen
