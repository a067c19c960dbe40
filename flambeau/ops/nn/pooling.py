"""Pooling: the largest, the mean or the p-norm of what a window sees."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from ... import kernels
from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.device import CPU
from ...core.dtype import BY_NUMPY
from ...core.memory import set_writable
from ...core.tensor import Tensor
from ...dispatch.decided import decided
from ...dispatch.registry import NAMESPACES, public
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import write_out
from ...kernels.gather.plan import Along
from .window import (
    KnownWindows,
    Window,
    grown,
    numbers,
    offsets,
    padded,
    place_of_largest,
    unpadded,
    views,
)

_ONE = ("1d", "2d", "3d")


# -------------------------------------------------------------------------------------- maxima


def _looked_up(x: Any, places: Any) -> Any:
    """The elements of rows at places that count from 0, with NumPy."""
    return kernels.gather.indexed.take(x, Along(places, x.ndim - 1))


_taken = kernels.Native("nn.pooling", "taken", _looked_up)


@operation(label="MaxPool")
def picked(x: Any, places: Any) -> Any:
    """The elements of rows at the given places."""
    return _taken(x, places)


@picked.gradient
def _(g: Tensor, places: Any, shape_x: tuple[int, ...]) -> Tensor:
    return spread(g, places, shape_x[-1:], None)


def _counted(g: Any, places: Any, sizes: tuple[int, ...], window: Any = None) -> Any:
    """`spread` with NumPy."""
    lead, size = g.shape[: g.ndim - len(sizes)], math.prod(sizes)
    rows = math.prod(lead)
    starts = np.arange(rows)[:, None] * size
    at = (places.reshape(rows, -1) + starts).ravel() if places.size else places.ravel()
    sums = np.bincount(at, g.ravel(), rows * size)
    return sums.astype(g.dtype).reshape(*lead, *sizes)


_spread = kernels.Native("nn.pooling", "spread", _counted)


@operation(label="MaxPoolBackward")
def spread(g: Any, places: Any, sizes: tuple[int, ...], window: Any) -> Any:
    """Zeros of the given last sizes with the elements of g added at places of their flattened elements.

    window: What the places are maxima of: a window, () for parts, or None if they are any.
    """
    return _spread(g, places, sizes, window)


@spread.gradient
def _(g: Tensor, places: Any, sizes: tuple[int, ...]) -> Tensor:
    lead = places.shape[: places.ndim - len(sizes)]
    taken = math.prod(places.shape[len(lead) :])
    flat = picked(g.reshape(*lead, math.prod(sizes)), places.reshape(*lead, taken))
    return flat.reshape(*places.shape)


@operation(label="MaxUnpool")
def unpooled(x: Any, places: Any, size: int) -> Any:
    """Rows of zeros with the elements of x put at the places."""
    rows = np.zeros((*x.shape[:-1], size), x.dtype)
    kernels.gather.indexed.put_at(rows, Along(places, x.ndim - 1), x)
    return rows


@unpooled.gradient
def _(g: Tensor, places: Any) -> Tensor:
    return picked(g, places)


def lowest(dtype: Any) -> Any:
    """What no maximum is below."""
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _places_of_maxima(x: Any, window: Window, counts: tuple[int, ...]) -> Any:
    """For each place of the window, where its maximum is, in the flattened spatial dimensions."""
    n = len(window.size)
    sizes = x.shape[-n:]
    seen = views(padded(x, window, lowest(x.dtype)), window, counts)
    flat = np.moveaxis(seen.reshape(*x.shape[:-n], window.elements, *counts), -n - 1, -1)
    best = np.unravel_index(place_of_largest(flat), window.size)
    place: Any = 0
    for i, size in enumerate(sizes):
        start = np.arange(counts[i]) * window.stride[i] - window.before[i]
        start = start.reshape([-1 if j == i else 1 for j in range(n)])
        place = place * size + np.clip(start + best[i] * window.dilation[i], 0, size - 1)
    return place


def at_places(x: Any, places: Any, n: int) -> Any:
    """The elements of an array at places of its flattened last n dimensions."""
    lead = x.shape[:-n]
    rows = places.reshape(*lead, math.prod(places.shape[-n:]))
    return np.take_along_axis(x.reshape(*lead, math.prod(x.shape[-n:])), rows, -1).reshape(
        places.shape
    )


def _largest(x: Any, window: Window, counts: tuple[int, ...]) -> tuple[Any, Any]:
    """The maxima of windows and their places, with NumPy."""
    places = _places_of_maxima(x, window, counts)
    return at_places(x, places, len(counts)), places


_largest_map = kernels.Native("nn.pooling", "largest", _largest)


@operation(label="MaxPool", outputs="values places", differentiable=(0,))
def largest(x: Any, window: Window, counts: tuple[int, ...]) -> Any:
    """The largest element of each window, and where it is."""
    return _largest_map(x, window, counts)


@largest.gradient
def _(
    g_values: Tensor, places: Tensor, shape_x: tuple[int, ...], window: Window, counts: Any
) -> Any:
    return spread(g_values, places._array, shape_x[-len(counts) :], window)


def take_places(x: Tensor, places: Any, n: int) -> Tensor:
    """The elements of x at places of its flattened last n dimensions."""
    lead = tuple(x.shape[:-n])
    total, taken = math.prod(x.shape[-n:]), math.prod(places.shape[-n:])
    flat = picked(x.reshape(*lead, total), places.reshape(*lead, taken))
    return flat.reshape(*lead, *places.shape[-n:])


def pool_window(
    name: str,
    input: Tensor,
    n: int,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> tuple[Window, tuple[int, ...]]:
    """The window of a pooling, its padding after as large as the places need, and their numbers."""
    key = name, input._array.shape, ceil_mode
    options = kernel_size, stride, padding, dilation
    found = _windows.get(key, options)
    if found is not None:
        return found
    size = numbers("kernel_size", kernel_size, n, name)
    none_given = stride is None or (isinstance(stride, (tuple, list)) and not stride)
    strides = size if none_given else numbers("stride", stride, n, name)
    pads, dilations = numbers("padding", padding, n, name), numbers("dilation", dilation, n, name)
    _check_pool(name, input, n, size, strides, pads, dilations)
    counts, after = [], []
    for m, k, s, p, d in zip(input.shape[-n:], size, strides, pads, dilations):
        room = m + 2 * p - d * (k - 1) - 1
        count = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (count - 1) * s >= m + p:
            count -= 1  # the last window would lie in the padding after
        counts.append(count)
        after.append(max(p, (count - 1) * s + d * (k - 1) + 1 - m - p))
    if min(counts) < 1:
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, input.shape[-n - 1 :]))}). Calculated output size: "
            f"({'x'.join(map(str, (input.shape[-n - 1], *counts)))}). Output size is too small"
        )
    made = Window(size, strides, dilations, pads, tuple(after)), tuple(counts)
    _windows.put(key, options, made)
    return made


_windows = KnownWindows()


def _check_pool(
    name: str,
    input: Tensor,
    n: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    pads: tuple[int, ...],
    dilation: tuple[int, ...],
) -> None:
    check_dims(name, input, n)
    if min(size) < 1:
        raise RuntimeError(f"{name}: kernel size should be greater than zero, but got {list(size)}")
    if min(stride) < 1:
        raise RuntimeError(f"{name}: stride should not be zero, but got {list(stride)}")
    if min(dilation) < 1:
        raise RuntimeError(
            f"{name}: dilation should be greater than zero, but got {list(dilation)}"
        )
    if min(pads) < 0:
        raise RuntimeError(f"{name}: padding must be non-negative, but got pad={list(pads)}")
    if any(2 * p > (k - 1) * d + 1 for p, k, d in zip(pads, size, dilation)):
        raise RuntimeError(
            f"{name}: pad should be at most half of effective kernel size, but got pad={list(pads)}, "
            f"kernel_size={list(size)} and dilation={list(dilation)}"
        )


def check_dims(name: str, input: Tensor, n: int) -> None:
    """Raises RuntimeError unless there are n spatial dimensions, none of them empty."""
    if input.ndim not in (n + 1, n + 2) or 0 in input.shape[-n - 1 :]:
        raise RuntimeError(
            f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch size "
            f"for input, but got: {list(input.shape)}"
        )


def _max_pool(n: int) -> None:
    name = f"max_pool{_ONE[n - 1]}"

    def both(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        window, counts = pool_window(
            name, input, n, kernel_size, stride, padding, dilation, ceil_mode
        )
        return lambda input: largest(input, window, counts)  # type: ignore[no-any-return]

    def one_or_both(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Callable[[Tensor], Any]:
        window, counts = pool_window(
            name, input, n, kernel_size, stride, padding, dilation, ceil_mode
        )
        if return_indices:
            return lambda input: largest(input, window, counts)
        plan = plan_of("maxima", input, counts, window)
        if plan is None:
            return lambda input: largest(input, window, counts)[0]
        kind = input._kind

        def run(input: Tensor) -> Tensor:
            if input._node is not None and mode.recording:
                return largest(input, window, counts)[0]  # type: ignore[no-any-return]
            return handle.make(plan(input._array)[0], kind, None, [0], None)

        return run

    with_indices, function = decided(both), decided(one_or_both)

    _published(name, function, f"The largest element of each window, over {n} dimensions.")
    _published(f"{name}_with_indices", with_indices, f"`{name}` and where the maxima are.")
    if n == 1:
        public("max_pool1d")(function)
        public("max_pool1d_with_indices")(with_indices)
    else:
        public(name)(function)


def plan_of(name: str, input: Tensor, *facts: Any) -> Callable | None:
    """What the kernels of `pooling` make of arrays like this one, where they serve them."""
    if input._kind.device is not CPU or input.__class__ is not Tensor or not kernels.enabled():
        return None
    plans = getattr(import_module("flambeau.kernels.nn.pooling"), name)
    return plans(input._array.dtype, input._array.shape, *facts)  # type: ignore[no-any-return]


_ARGS = """
    Args:
        input: (N, C, sizes) or (C, sizes).
        kernel_size, stride, padding: A number, or one for each dimension; strides default to the kernel.

    Raises:
        RuntimeError: The window does not fit the input.
"""


def _published(name: str, function: Callable, doc: str) -> Callable:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}\n{_ARGS}\n    Source: torch.nn.functional.{name}\n    "
    return public(f"nn.functional.{name}")(function)


for _n in (1, 2, 3):
    _max_pool(_n)


# --------------------------------------------------------------------------------------- means


def _averaged(x: Any, window: Window, counts: tuple[int, ...], divisor: Any) -> Any:
    """`averaged` with NumPy."""
    whole, wide = padded(x, window), widened(x.dtype)
    total = np.zeros((*x.shape[: -len(counts)], *counts), wide)
    for _, met in offsets(window, counts):
        total += whole[met]
    mean = total / divisor.astype(wide) if wide.kind in "fc" else np.trunc(total / divisor)
    return mean.astype(x.dtype, copy=False)


_mean_map = kernels.Native("nn.pooling", "averaged", _averaged)


@operation(label="AvgPool")
def averaged(x: Any, window: Window, counts: tuple[int, ...], divisor: Any) -> Any:
    """The sums over the windows, divided."""
    return _mean_map(x, window, counts, divisor)


def widened(dtype: Any) -> Any:
    """The dtype that sums are kept in: float32 for the half types."""
    return BY_NUMPY[dtype].compute


@averaged.gradient
def _(g: Tensor, window: Window, counts: Any, divisor: Any, shape_x: tuple[int, ...]) -> Tensor:
    return shared(g, window, counts, divisor, shape_x[-len(counts) :])


def _shared(g: Any, window: Window, counts: tuple[int, ...], divisor: Any, sizes: Any) -> Any:
    """`shared` with NumPy."""
    wide = widened(g.dtype)
    share = g.astype(wide, copy=False) / divisor.astype(wide)
    whole = np.zeros((*g.shape[: -len(counts)], *grown(window, sizes)), wide)
    for _, met in offsets(window, counts):
        whole[met] += share
    return np.ascontiguousarray(unpadded(whole, window, sizes), g.dtype)


_share_map = kernels.Native("nn.pooling", "shared", _shared)


@operation(label="AvgPoolBackward")
def shared(g: Any, window: Window, counts: tuple[int, ...], divisor: Any, sizes: Any) -> Any:
    """Each window's value, divided, added to what it saw."""
    return _share_map(g, window, counts, divisor, sizes)


@shared.gradient
def _(g: Tensor, window: Window, counts: Any, divisor: Any) -> Tensor:
    return averaged(g, window, counts, divisor)


@lru_cache(1024)
def _divisor(
    window: Window, counts: tuple[int, ...], sizes: Any, pads: tuple[int, ...], include: bool
) -> Any:
    """How many elements each window averages over."""
    divisor: Any = np.ones((), np.int64)
    for m, k, s, p, count in zip(sizes, window.size, window.stride, pads, counts):
        start = np.arange(count) * s - p
        low, high = (start, m + p) if include else (np.maximum(start, 0), m)
        divisor = divisor[..., None] * (np.minimum(start + k, high) - low)
    set_writable(divisor, False)
    return divisor


def _avg_pool(n: int) -> None:
    name = f"avg_pool{_ONE[n - 1]}"

    def function(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
        *,
        out: Tensor | None = None,
    ) -> Tensor:
        result = mean(
            input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        )
        return result if out is None else write_out(out, result, name)  # type: ignore[no-any-return]

    @decided
    def mean(
        input: Tensor,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None,
    ) -> Callable[[Tensor], Tensor]:
        window, counts = pool_window(name, input, n, kernel_size, stride, padding, 1, ceil_mode)
        if divisor_override is None:
            sizes = input._array.shape[-n:]
            divisor = _divisor(window, counts, sizes, window.before, count_include_pad)
        elif divisor_override == 0:
            raise RuntimeError("divisor must be not zero")
        else:
            divisor = np.asarray(divisor_override)
        plan, kind = plan_of("means", input, counts, window), input._kind
        if plan is None:
            return lambda input: averaged(input, window, counts, divisor)  # type: ignore[no-any-return]
        divisor = np.ascontiguousarray(np.broadcast_to(divisor, counts), kind.numpy)

        def run(input: Tensor) -> Tensor:
            if input._node is not None and mode.recording:
                return averaged(input, window, counts, divisor)  # type: ignore[no-any-return]
            return handle.make(plan(input._array, divisor), kind, None, [0], None)

        return run

    if n == 1:

        def function(  # type: ignore[misc]
            input: Tensor,
            kernel_size: Any,
            stride: Any = None,
            padding: Any = 0,
            ceil_mode: bool = False,
            count_include_pad: bool = True,
        ) -> Tensor:
            return mean(input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)  # type: ignore[no-any-return]

        public(name)(function)
    _published(name, function, f"The mean of each window, over {n} dimensions.")


for _n in (1, 2, 3):
    _avg_pool(_n)


def _lp_pool(n: int) -> None:
    name = f"lp_pool{_ONE[n - 1]}"

    def function(
        input: Tensor,
        norm_type: float,
        kernel_size: Any,
        stride: Any = None,
        ceil_mode: bool = False,
    ) -> Tensor:
        size = numbers("kernel_size", kernel_size, n, name)
        pool = NAMESPACES["nn.functional"][f"avg_pool{_ONE[n - 1]}"]
        mean = pool(input.pow(norm_type), size, stride, 0, ceil_mode)
        relu = NAMESPACES["nn.functional"]["relu"]
        return (mean.sign() * relu(mean.abs())).mul(math.prod(size)).pow(1.0 / norm_type)

    _published(name, function, f"The p-norm of each window, over {n} dimensions.")


for _n in (1, 2, 3):
    _lp_pool(_n)


__all__ = ["averaged", "check_dims", "picked", "pool_window", "take_places", "unpooled", "widened"]
