"""The activations under torch.nn.functional's signatures."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...core.random import draws
from ...core.tensor import Tensor, wrap
from ...dispatch.registry import NAMESPACES, method, public
from . import activation as a
from .activation import _run
from .elementary import tanh


@public("nn.functional.relu")
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), element by element.

    Args:
        input: The tensor.
        inplace: Write the result into `input`.

    Source: torch.nn.functional.relu

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.relu(torch.tensor([-1., 2.]))
        tensor([0., 2.])
    """
    return input.relu_() if inplace else a.relu(input)  # type: ignore[attr-defined]


@public("nn.functional.relu6")
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """input held between 0 and 6. Source: torch.nn.functional.relu6"""
    return _run(a.hardtanh, inplace, input, 0.0, 6.0)


@public("nn.functional.hardtanh")
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """input held between min_val and max_val.

    Raises:
        ValueError: min_val exceeds max_val.

    Source: torch.nn.functional.hardtanh
    """
    if min_val > max_val:
        raise ValueError(
            f"min_val cannot be greater than max_val: got min_val={min_val} and "
            f"max_val={max_val}; swap them"
        )
    if input.dtype.category == 1 and not input.dtype.is_signed and min_val < 0:
        raise RuntimeError(
            f"cannot do hardtanh on an unsigned type with negative limits: the input is "
            f"{input.dtype}, min_val {min_val}; pass min_val=0 or more"
        )
    return _run(a.hardtanh, inplace, input, min_val, max_val)


@public("nn.functional.leaky_relu")
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where positive, negative_slope * input elsewhere. Source: torch.nn.functional.leaky_relu"""
    return _run(a.leaky_relu, inplace, input, negative_slope)


@public("nn.functional.elu")
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where positive, alpha * (exp(input) - 1) elsewhere. Source: torch.nn.functional.elu"""
    return _run(a.elu, inplace, input, alpha)


@public("nn.functional.selu")
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Scaled elu (Klambauer et al., 2017). Source: torch.nn.functional.selu"""
    return _run(a.selu, inplace, input)


@public("nn.functional.celu")
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where positive, alpha * (exp(input / alpha) - 1) elsewhere.

    Raises:
        RuntimeError: alpha is 0.

    Source: torch.nn.functional.celu
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU; pass a positive alpha")
    return _run(a.celu, inplace, input, alpha)


@public("nn.functional.silu")
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input). Source: torch.nn.functional.silu"""
    return _run(a.silu, inplace, input)


@public("nn.functional.mish")
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * tanh(softplus(input)) (Misra, 2019). Source: torch.nn.functional.mish"""
    return _run(a.mish, inplace, input)


@public("nn.functional.hardsigmoid")
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """(input + 3) / 6 held between 0 and 1. Source: torch.nn.functional.hardsigmoid"""
    return _run(a.hardsigmoid, inplace, input)


@public("nn.functional.hardswish")
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * hardsigmoid(input) (Howard et al., 2019). Source: torch.nn.functional.hardswish"""
    return _run(a.hardswish, inplace, input)


@public("nn.functional.tanhshrink")
def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input). Source: torch.nn.functional.tanhshrink"""
    return input - tanh(input)  # type: ignore[operator]


@public("nn.functional.softshrink")
def softshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """input pulled towards 0 by lambd, 0 between -lambd and lambd.

    Raises:
        RuntimeError: lambd is negative.

    Source: torch.nn.functional.softshrink
    """
    if lambd < 0:
        raise RuntimeError(
            f"lambda must be greater or equal to 0, but found to be {lambd}; pass its magnitude"
        )
    return a.shrink(input, lambd, out=out)


@public("threshold", "nn.functional.threshold")
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where it exceeds threshold, value elsewhere. Source: torch.nn.functional.threshold"""
    return _run(a.step, inplace, input, threshold, value)


@public("rrelu", "nn.functional.rrelu")
def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """leaky_relu with a random slope in training and the middle of [lower, upper] otherwise.

    Raises:
        RuntimeError: lower exceeds upper.

    Source: torch.nn.functional.rrelu
    """
    if lower > upper:
        raise RuntimeError(
            f"Lower bound should be less than or equal to the upper bound, got "
            f"lower={lower} and upper={upper}; swap them"
        )
    if not training:
        return _run(a.leaky_relu, inplace, input, (lower + upper) / 2)
    slope = wrap(draws.leaky_slopes(input._array, lower, upper), input._kind)
    result = a.prelu(input, slope)
    return input.copy_(result) if inplace else result  # type: ignore[attr-defined]


@method("prelu")
@public("prelu", "nn.functional.prelu")
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input where positive, weight * input elsewhere, with one weight or one for each channel.

    Args:
        input: The tensor; its channels are dimension 1 (none below two dimensions).
        weight: One value or a vector with a value for each channel.

    Raises:
        RuntimeError: The weight's size is neither 1 nor the number of channels.

    Source: torch.nn.functional.prelu
    """
    shape, slopes = input._array.shape, weight._array
    if slopes.ndim > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = "
            f"{slopes.ndim}; flatten it"
        )
    if slopes.size != 1:
        channels = shape[1] if len(shape) > 1 else 1
        if not shape:
            raise RuntimeError(
                f"Not allow zero-dim input tensor with {slopes.size} weights; use one weight"
            )
        if channels != slopes.size:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter "
                f"numbers = {slopes.size} and channel size = {channels}; expected one "
                f"weight or one for each channel"
            )
        weight = weight.reshape((-1,) + (1,) * (len(shape) - 2))  # type: ignore[attr-defined]
    elif slopes.ndim and not shape:
        weight = weight.reshape(())  # type: ignore[attr-defined]
    if input.dtype != weight.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}; "
            "convert one with .to(...)"
        )
    return a.prelu(input, weight)


@public("nn.functional.glu")
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of a dimension times the sigmoid of the second (Dauphin et al., 2016).

    Raises:
        RuntimeError: The tensor is 0-d, or the dimension's size is odd.
        IndexError: There is no such dimension.

    Source: torch.nn.functional.glu
    """
    shape = input._array.shape
    if not shape:
        raise RuntimeError(
            "glu does not support 0-dimensional tensors; give it a dimension to halve"
        )
    if not -len(shape) <= dim < len(shape):
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-len(shape)}, "
            f"{len(shape) - 1}], but got {dim})"
        )
    size = shape[dim]
    if size % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim % len(shape)} is size {size}; "
            "give it an even size"
        )
    half = size // 2
    first = input.narrow(dim, 0, half)  # type: ignore[attr-defined]
    return a.gated(first, input.narrow(dim, half, half))  # type: ignore[no-any-return,attr-defined]


def _inplace(function: Callable, in_torch: bool = False) -> Callable:
    """Publish the in-place form: the function, its `inplace` set."""
    name = f"{function.__name__}_"

    def form(*args: Any, **options: Any) -> Tensor:
        return function(*args, **options, inplace=True)

    form.__name__ = form.__qualname__ = name
    form.__doc__ = f"The in-place form of `{function.__name__}`."
    own = inspect.signature(function)
    kept = [item for item in own.parameters.values() if item.name != "inplace"]
    form.__signature__ = own.replace(parameters=kept)  # type: ignore[attr-defined]
    return public(f"nn.functional.{name}", *([name] if in_torch else []))(form)


relu_, selu_, celu_ = (_inplace(function, in_torch=True) for function in (relu, selu, celu))
threshold_, rrelu_ = (_inplace(function, in_torch=True) for function in (threshold, rrelu))
elu_, leaky_relu_, hardtanh_ = (_inplace(function) for function in (elu, leaky_relu, hardtanh))


for _name in ("shrink", "step"):
    del NAMESPACES["nn.functional"][_name]
