"""Convolution over one, two or three dimensions, its transpose, and the two as columns.

A convolution is linear in its input and in its weight. The three maps that this gives (to the output,
back to the input, back to the weight) are operations, and each one's gradients are the other two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import BY_NUMPY
from ...core.tensor import Tensor
from ...dispatch.decided import decided
from ...dispatch.registry import is_overridden, override, public
from ...dispatch.rule.rule_operation import operation
from ..join.padding import constant_pad_
from ..linalg.matmul import conjugate
from .convolution_check import check_convolution, resolved_padding
from .window import KnownWindows, Window, columns, numbers, uncolumned

_NAMES = ("conv1d", "conv2d", "conv3d")


def _widened(plain: Callable, operands: int) -> Callable:
    """A map that computes the half types in float32, and rounds once."""

    def compute(*given: Any) -> Any:
        dtype = given[0].dtype
        if not BY_NUMPY[dtype].is_reduced:
            return plain(*given)
        wide = (None if a is None else a.astype(np.float32) for a in given[:operands])
        return plain(*wide, *given[operands:]).astype(dtype)

    return compute


def _grouped(w: Any, groups: int) -> Any:
    """A weight (O, C / groups, sizes) as (groups, O / groups, C / groups * sizes)."""
    return w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))


def _split(y: Any, groups: int) -> Any:
    """Results (N, O, places) as (N, groups, O / groups, places)."""
    return y.reshape(len(y), groups, y.shape[1] // groups, math.prod(y.shape[2:]))


def _by_columns(x: Any, w: Any, bias: Any, window: Window, groups: int) -> Any:
    """The convolution with NumPy."""
    n, places = x.shape[0], window.places(x.shape[2:])
    cols = _split(columns(x, window), groups)
    y = np.matmul(_grouped(w, groups), cols).reshape(n, w.shape[0], *places)
    if bias is not None:
        y += bias.reshape(-1, *(1,) * len(places))
    return y


def _back_by_columns(y: Any, w: Any, bias: Any, window: Window, groups: int, sizes: Any) -> Any:
    """The transpose with NumPy."""
    cols = np.matmul(_grouped(w, groups).swapaxes(1, 2), _split(y, groups))
    cols = cols.reshape(len(y), groups * cols.shape[2], cols.shape[3])
    x = uncolumned(cols, window, sizes)
    if bias is not None:
        x = x + bias.reshape(-1, *(1,) * len(sizes))
    return np.ascontiguousarray(x)


def _weight_by_columns(y: Any, x: Any, window: Window, groups: int, shape: tuple[int, ...]) -> Any:
    """The map to the weight with NumPy."""
    cols = _split(columns(x, window), groups)
    return np.matmul(_split(y, groups), cols.swapaxes(2, 3)).sum(0).reshape(shape)


_ROOM = "convolution.convolution"
_forward_map = kernels.Native(_ROOM, "forward", _widened(_by_columns, 3))
_backward_map = kernels.Native(_ROOM, "transposed", _widened(_back_by_columns, 3))
_weight_map = kernels.Native(_ROOM, "weight", _widened(_weight_by_columns, 2))


@operation(operands="x w bias", label="Convolution")
def convolution_(x: Any, w: Any, bias: Any, window: Window, groups: int) -> Any:
    """Sums of products of a weight (O, C / groups, sizes) with the windows of x (N, C, sizes)."""
    return _forward_map(x, w, bias, window, groups)


def _channel_sums(g: Tensor) -> Any:
    """The gradient of a bias. Places lie in rows, so they go first; but not in types that would round twice."""
    if g._kind.compute is not g._kind.numpy:
        return g.sum((0, *range(2, g.ndim)))  # type: ignore[attr-defined]
    return g.sum(tuple(range(2, g.ndim))).sum(0)  # type: ignore[attr-defined]


@convolution_.gradient
def _(
    g: Tensor,
    x: Tensor,
    w: Tensor,
    window: Window,
    groups: int,
    needs: tuple[bool, ...],
    shape_x: tuple[int, ...],
    shape_w: tuple[int, ...],
) -> tuple:
    return (
        transposed_(g, conjugate(w), None, window, groups, shape_x[2:]) if needs[0] else None,
        weight_(g, conjugate(x), window, groups, shape_w) if needs[1] else None,
        _channel_sums(g) if needs[2] else None,
    )


def _channels(bias: Tensor, ndim: int) -> Tensor:
    """A bias along the channels of a result."""
    return bias.reshape((-1, *(1,) * (ndim - 2)))  # type: ignore[attr-defined]


convolution_.product(spread=_channels)


@operation(operands="y w bias", label="Convolution")
def transposed_(y: Any, w: Any, bias: Any, window: Window, groups: int, sizes: Any) -> Any:
    """From the output's side (N, O, places) back to the input's (N, C, sizes)."""
    return _backward_map(y, w, bias, window, groups, sizes)


@transposed_.gradient
def _(
    g: Tensor,
    y: Tensor,
    w: Tensor,
    window: Window,
    groups: int,
    needs: tuple[bool, ...],
    shape_w: tuple[int, ...],
) -> tuple:
    return (
        convolution_(g, conjugate(w), None, window, groups) if needs[0] else None,
        weight_(conjugate(y), g, window, groups, shape_w) if needs[1] else None,
        _channel_sums(g) if needs[2] else None,
    )


transposed_.product(spread=_channels)


@operation(operands="y x", label="ConvolutionWeight")
def weight_(y: Any, x: Any, window: Window, groups: int, shape: tuple[int, ...]) -> Any:
    """Sums of products of outputs (N, O, places) with the windows of x, in the weight's shape."""
    return _weight_map(y, x, window, groups, shape)


@weight_.gradient
def _(
    g: Tensor,
    y: Tensor,
    x: Tensor,
    window: Window,
    groups: int,
    needs: tuple[bool, ...],
    shape_x: tuple[int, ...],
) -> tuple:
    return (
        convolution_(conjugate(x), g, None, window, groups) if needs[0] else None,
        transposed_(conjugate(y), g, None, window, groups, shape_x[2:]) if needs[1] else None,
    )


weight_.product()


def _convolve(
    name: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    key, options = _key(name, input, weight, bias), (stride, padding, dilation, groups)
    window = _windows.get(key, options) if key else None
    if window is None:
        window = _window(name, input, weight, bias, *options)
        if key:
            _windows.put(key, options, window)
    if input._array.ndim == len(window.size) + 2:
        return convolution_(input, weight, bias, window, groups)
    return convolution_(input.unsqueeze(0), weight, bias, window, groups).squeeze(0)


def _window(
    name: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Window:
    """The window that arguments describe, once they are found to fit together."""
    n = _NAMES.index(name) + 1
    check_convolution(name, input, weight, bias, groups, n, transposed=False)
    strides = numbers("stride", stride, n, name)
    dilations = numbers("dilation", dilation, n, name)
    size = tuple(weight.shape[2:])
    before, after = resolved_padding(name, padding, size, strides, dilations, n)
    window = Window(size, strides, dilations, before, after)
    _check_fit(window, input._array.shape[-n:])
    return window


_windows = KnownWindows()


def _key(name: str, input: Any, weight: Any, bias: Any) -> tuple | None:
    """What a window is known by besides its options; None unless all are tensors of one kind."""
    try:
        kind = input._kind
        if weight._kind is not kind or (bias is not None and bias._kind is not kind):
            return None
        shape = None if bias is None else bias._array.shape
        return name, input._array.shape, weight._array.shape, shape
    except AttributeError:  # no tensor
        return None


def _check_fit(window: Window, sizes: tuple[int, ...]) -> None:
    for name, values, least in (("stride", window.stride, 1), ("dilation", window.dilation, 1)):
        if min(values) < least:
            what = "non-positive stride is not supported" if name == "stride" else None
            raise RuntimeError(what or "dilation should be greater than zero")
    if min(window.before + window.after) < 0:
        raise RuntimeError("negative padding is not supported")
    full = [n + a + b for n, a, b in zip(sizes, window.before, window.after)]
    reach = [d * (k - 1) + 1 for k, d in zip(window.size, window.dilation)]
    if any(k > n for k, n in zip(reach, full)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, full))}). Kernel size: "
            f"({' x '.join(map(str, reach))}). Kernel size can't be greater than actual input size"
        )


def _forward(name: str) -> Callable:
    n = _NAMES.index(name) + 1

    def function(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        tensors = input, weight, bias
        if is_overridden(input) or is_overridden(weight):
            return override(function, tensors, (*tensors, stride, padding, dilation, groups), {})
        return _convolve(name, input, weight, bias, stride, padding, dilation, groups)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Convolution (cross-correlation) over {n} dimension{"s" if n > 1 else ""}.

    Args:
        input: (N, C, sizes) or (C, sizes).
        weight: (O, C / groups, kernel sizes).
        bias: (O), or None.
        stride, padding, dilation: A number, or one for each dimension; padding may be "valid" or "same".
        groups: Channels are split into so many groups that do not see each other.

    Raises:
        RuntimeError: The shapes or options do not fit.

    Source: torch.nn.functional.{name}
    """
    return public(name, f"nn.functional.{name}")(function)


conv1d, conv2d, conv3d = (_forward(name) for name in _NAMES)


def _backward(name: str, n: int) -> Callable:
    def function(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Tensor:
        check_convolution(name, input, weight, bias, groups, n, transposed=True)
        strides, pads, extra, dilations = (
            numbers(key, value, n, name)
            for key, value in (
                ("stride", stride),
                ("padding", padding),
                ("output_padding", output_padding),
                ("dilation", dilation),
            )
        )
        if any(e >= s and e >= d for e, s, d in zip(extra, strides, dilations)):
            raise RuntimeError(
                "output padding must be smaller than either stride or dilation, but got "
                f"output_padding={list(extra)}, stride={list(strides)}, dilation={list(dilations)}"
            )
        size = tuple(weight.shape[2:])
        window = Window(size, strides, dilations, pads, pads)
        batched = input.ndim == n + 2
        y = input if batched else input.unsqueeze(0)
        sizes = tuple(
            (m - 1) * s - 2 * p + d * (k - 1) + e + 1
            for m, s, p, d, k, e in zip(y.shape[2:], strides, pads, dilations, size, extra)
        )
        _check_transposed(window, y, sizes)
        x = _transposed(y, weight, bias, window, groups, sizes)
        return x if batched else x.squeeze(0)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The transpose of a convolution over {n} dimension{"s" if n > 1 else ""}.

    Args:
        input: (N, C, sizes) or (C, sizes).
        weight: (C, O / groups, kernel sizes).
        bias: (O), or None.
        stride, padding, dilation, groups: Of the convolution that this is the transpose of.
        output_padding: What the sizes are larger by, where several would fit.

    Raises:
        RuntimeError: The shapes or options do not fit.

    Source: torch.nn.functional.{name}
    """
    return public(name, f"nn.functional.{name}")(function)


def _transposed(
    y: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    window: Window,
    groups: int,
    sizes: tuple[int, ...],
) -> Tensor:
    """The transpose; the sizes may be so large that the window would fit once more."""
    if window.places(sizes) == y._array.shape[2:]:
        return transposed_(y, weight, bias, window, groups, sizes)
    full = [
        (m - 1) * s + d * (k - 1) + 1
        for m, k, s, d in zip(y._array.shape[2:], window.size, window.stride, window.dilation)
    ]
    after = tuple(max(f - a - n, 0) for f, a, n in zip(full, window.before, sizes))
    inner = tuple(f - a - b for f, a, b in zip(full, window.before, after))
    beyond = [n - m for n, m in zip(sizes, inner)]
    window = window._replace(after=after)
    x = transposed_(y, weight, None, window, groups, inner)
    x = constant_pad_(x, ((0, 0), (0, 0), *((0, more) for more in beyond)), 0)
    return x if bias is None else x + bias.reshape(-1, *(1,) * len(sizes))


def _check_transposed(window: Window, y: Tensor, sizes: tuple[int, ...]) -> None:
    if min(window.stride) < 1:
        raise RuntimeError("non-positive stride is not supported")
    if min(window.dilation) < 1:
        raise RuntimeError("dilation should be greater than zero")
    if min(window.before) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(sizes) < 1:
        raise RuntimeError(
            f"Given input size per channel: {list(y.shape[2:])}. Calculated output size per channel: "
            f"{list(sizes)}. Output size is too small"
        )


conv_transpose1d, conv_transpose2d, conv_transpose3d = (
    _backward(f"conv_transpose{n}d", n) for n in (1, 2, 3)
)


@operation(label="Im2Col")
def unfold_(x: Any, window: Window) -> Any:
    """The windows of x (N, C, sizes) as columns."""
    cols = columns(x, window)
    return cols.copy() if np.shares_memory(cols, x) else cols


@unfold_.gradient
def _(g: Tensor, window: Window, shape_x: tuple[int, ...]) -> Tensor:
    return fold_(g, window, shape_x[2:])


@operation(label="Col2Im")
def fold_(cols: Any, window: Window, sizes: tuple[int, ...]) -> Any:
    """Columns summed into (N, C, sizes)."""
    whole = uncolumned(cols, window, sizes)
    return whole.copy() if whole.base is not None else whole


@fold_.gradient
def _(g: Tensor, window: Window) -> Tensor:
    return unfold_(g, window)


def _pairs(name: str, **options: Any) -> list[tuple[int, ...]]:
    made = [numbers(key, value, 2, name) for key, value in options.items()]
    for key, value in zip(options, made):
        least = 0 if key == "padding" else 1
        if min(value) < least:
            raise RuntimeError(
                f"{key} should be {'non-negative' if least == 0 else 'greater than zero'}, but got "
                f"{key}={list(value)}"
            )
    return made


@public("nn.functional.unfold")
@decided
def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """The blocks that a window sees, as columns.

    Shape: (N, C, H, W) gives (N, C * window, places); the batch dimension may be missing.

    Raises:
        RuntimeError: The input has other dimensions, or the window does not fit.

    Source: torch.nn.functional.unfold
    """
    size, dilations, pads, strides = _pairs(
        "unfold", kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )
    window = Window(size, strides, dilations, pads, pads)
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    places = window.places(input.shape[-2:])
    if min(places) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(input.shape[-2:])}, kernel_size={size}, "
            f"dilation={dilations}, padding={pads}, calculated shape of the array of sliding blocks as "
            f"{places}, but its components must be at least one."
        )
    if input.ndim == 3:
        return lambda x: unfold_(x.unsqueeze(0), window).squeeze(0)
    return lambda x: unfold_(x, window)


@public("nn.functional.fold")
@decided
def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Any:
    """Columns of blocks summed into an image: the transpose of `unfold`.

    Shape: (N, C * window, places) gives (N, C, H, W); the batch dimension may be missing.

    Raises:
        RuntimeError: The input's sizes do not fit the window.

    Source: torch.nn.functional.fold
    """
    size, dilations, pads, strides = _pairs(
        "fold", kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )
    sizes = numbers("output_size", output_size, 2, "fold")
    window = Window(size, strides, dilations, pads, pads)
    if input.ndim not in (2, 3):
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    if input.shape[-2] % window.elements:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={input.shape[-2]} and kernel_size={size}."
        )
    places = window.places(sizes)
    if min(places) < 1 or places[0] * places[1] != input.shape[-1]:
        raise RuntimeError(
            f"Given output_size={sizes}, kernel_size={size}, dilation={dilations}, padding={pads}, "
            f"stride={strides}, expected size of input's dimension 2 to match the calculated number of "
            f"sliding blocks {places[0]} * {places[1]} = {places[0] * places[1]}, but got "
            f"input.size(2)={input.shape[-1]}."
        )
    if input.ndim == 2:
        return lambda x: fold_(x.unsqueeze(0), window, sizes).squeeze(0)
    return lambda x: fold_(x, window, sizes)


@public("conv_tbc", "nn.functional.conv_tbc")
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """A convolution over sequences that lie (time, batch, channels).

    Args:
        weight: (window, input channels, output channels).
        bias: (output channels,).
        pad: Zeros at either end.

    Shape: (T, N, C_in) gives (T + 2 pad - window + 1, N, C_out).

    Raises:
        RuntimeError: An operand has other dimensions, or channels differ.

    Source: torch.conv_tbc

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.conv_tbc(torch.ones(3, 1, 2), torch.ones(2, 2, 1), torch.zeros(1)).flatten()
        tensor([4., 4.])
    """
    for name, x, n in (("input", input, 3), ("weight", weight, 3), ("bias", bias, 1)):
        if x.ndim != n:
            raise RuntimeError(f"conv_tbc: {name} must have {n} dimensions, but got {x.ndim}")
    result = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return result.permute(2, 0, 1)
