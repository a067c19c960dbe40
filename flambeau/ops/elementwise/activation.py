"""Activations of neural networks.

The formulas are the operations; the public functions give them the signatures of
torch.nn.functional, with `inplace`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ...core.dtype import FLOAT
from ...core.tensor import Tensor
from ...dispatch.formula.pointwise import pointwise
from ...formula import primitive as p
from ...formula import special as formulas
from ...formula.expression import Domain, Expression

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def activation(label: str = "", names: str = "", unsupported: str = "bool int complex") -> Callable:
    """`pointwise` for nn.functional: floating operands only, unless `unsupported` says otherwise."""

    def make(formula: Callable) -> Callable:
        return pointwise(
            formula,
            namespace="nn.functional",
            label=label,
            names=names or None,
            method=False,
            inplace=False,
            numbers="",
            unsupported=unsupported,
        )

    return make


def _no_bool(name: str, x: Expression) -> None:
    """Raises RuntimeError for bools."""
    if x.domain == Domain.BOOL:
        raise RuntimeError(
            f"Bool inputs not supported for {name}: convert with .to(torch.float32) first"
        )


def _run(function: Callable, inplace: bool, input: Tensor, *numbers: float) -> Tensor:
    if numbers and isinstance(input, Tensor) and input.dtype.category < FLOAT:
        numbers = tuple(map(int, numbers))  # the bounds of integers are integers
    if inplace:
        return function.operation.write((input,), (), numbers)  # type: ignore[attr-defined]
    return function(input, *numbers)


def _below(x: Expression) -> Expression:
    """min(x, 0), so that exp of it neither overflows nor disturbs the gradient of the other branch."""
    return p.where(x > 0, 0.0, x)


# ------------------------------------------------------------------------------------ formulas


@pointwise(unsupported="complex")
def relu(x: Expression) -> Expression:
    """max(input, 0), element by element.

    Source: torch.relu

    Example:
        >>> import flambeau as torch
        >>> torch.relu(torch.tensor([-1., 2.]))
        tensor([0., 2.])
    """
    _no_bool("relu", x)
    return p.maximum(x, 0)


@relu.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return p.where(y <= 0, 0, g)


@activation("Hardtanh", "input min_val max_val", "complex")
def hardtanh(x: Expression, low: float = -1.0, high: float = 1.0) -> Expression:
    """input held between min_val and max_val."""
    _no_bool("hardtanh", x)
    return p.where(x < low, low, p.where(x > high, high, x))


@hardtanh.gradient
def _(g: Expression, x: Expression, y: Expression, low: Expression, high: Expression) -> Expression:
    return p.where(p.logical_and(x > low, x < high), g, 0)


@activation(names="input negative_slope")
def leaky_relu(x: Expression, negative_slope: float = 0.01) -> Expression:
    """input where positive, negative_slope * input elsewhere."""
    return p.where(x > 0, x, x * negative_slope)


@activation(names="input alpha")
def elu(x: Expression, alpha: float = 1.0) -> Expression:
    """input where positive, alpha * (exp(input) - 1) elsewhere."""
    return p.where(x > 0, x, p.expm1(_below(x)) * alpha)


@elu.gradient
def _(g: Expression, x: Expression, y: Expression, alpha: Expression) -> Expression:
    return p.where(x > 0, g, g * (p.exp(_below(x)) * alpha))


@pointwise(label="Elu", method=False, unsupported="bool int complex")
def selu(x: Expression) -> Expression:
    """elu with the scale and alpha that keep mean 0 and variance 1 (Klambauer et al., 2017).

    Source: torch.selu

    Example:
        >>> import flambeau as torch
        >>> torch.selu(torch.tensor([-1., 1.]))
        tensor([-1.1113,  1.0507])
    """
    return p.where(x > 0, x * SELU_SCALE, p.expm1(_below(x)) * (SELU_ALPHA * SELU_SCALE))


@selu.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    below = p.exp(_below(x)) * (SELU_ALPHA * SELU_SCALE)
    return p.where(x > 0, g * SELU_SCALE, g * below)


@pointwise(names="input alpha", method=False, unsupported="bool int complex")
def celu(x: Expression, alpha: float = 1.0) -> Expression:
    """input where positive, alpha * (exp(input / alpha) - 1) elsewhere.

    Source: torch.celu

    Example:
        >>> import flambeau as torch
        >>> torch.celu(torch.tensor([-1., 1.]))
        tensor([-0.6321,  1.0000])
    """
    return p.where(x > 0, x, p.expm1(_below(x) / alpha) * alpha)


@celu.gradient
def _(g: Expression, x: Expression, y: Expression, alpha: Expression) -> Expression:
    return p.where(x > 0, g, g * p.exp(_below(x) / alpha))


@activation(names="input approximate")
def gelu(x: Expression, approximate: str = "none") -> Expression:
    """input times the normal distribution function of it (Hendrycks and Gimpel, 2016).

    Args:
        input: The tensor.
        approximate: "tanh" takes the approximation by tanh.

    Raises:
        RuntimeError: approximate is neither "none" nor "tanh".

    Source: torch.nn.functional.gelu

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.gelu(torch.tensor([-1., 1.]))
        tensor([-0.1587,  0.8413])
    """
    if approximate == "none":
        return x * formulas.special.gate(x)
    if approximate != "tanh":
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    return x * 0.5 * (1 + p.tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)))


@activation(unsupported="bool int")
def silu(x: Expression) -> Expression:
    """input * sigmoid(input)."""
    return x * p.sigmoid(x)


def _softplus(x: Expression, beta: object = 1.0, threshold: object = 20.0) -> Expression:
    scaled = x * beta
    linear = scaled > threshold
    return p.where(linear, x, p.log1p(p.exp(p.where(linear, 0.0, scaled))) / beta)


@activation(names="input beta threshold")
def softplus(x: Expression, beta: float = 1.0, threshold: float = 20.0) -> Expression:
    """log(1 + exp(beta * input)) / beta, and input itself where beta * input exceeds threshold.

    Source: torch.nn.functional.softplus

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.softplus(torch.tensor([0., 30.]))
        tensor([ 0.6931, 30.0000])
    """
    return _softplus(x, beta, threshold)


@activation()
def mish(x: Expression) -> Expression:
    """input * tanh(softplus(input)) (Misra, 2019)."""
    return x * p.tanh(_softplus(x))


@activation()
def hardsigmoid(x: Expression) -> Expression:
    """(input + 3) / 6 held between 0 and 1."""
    return p.minimum(p.maximum(x + 3, 0), 6) / 6


@hardsigmoid.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return p.where(p.logical_and(x > -3, x < 3), g / 6, 0)


@activation()
def hardswish(x: Expression) -> Expression:
    """input * hardsigmoid(input) (Howard et al., 2019)."""
    return x * p.minimum(p.maximum(x + 3, 0), 6) / 6


@hardswish.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return p.where(x <= -3, 0, p.where(x >= 3, g, g * (x / 3 + 0.5)))


@pointwise(
    names="input lambd",
    inplace=False,
    method="hardshrink",
    also="nn.functional.hardshrink",
    unsupported="bool int complex",
)
def hardshrink(x: Expression, lambd: float = 0.5) -> Expression:
    """input, but 0 between -lambd and lambd.

    Source: torch.hardshrink

    Example:
        >>> import flambeau as torch
        >>> torch.hardshrink(torch.tensor([0.4, 0.6]))
        tensor([0.0000, 0.6000])
    """
    return p.where(p.logical_and(x >= -lambd, x <= lambd), 0.0, x)


@hardshrink.gradient
def _(g: Expression, x: Expression, y: Expression, lambd: Expression) -> Expression:
    return p.where(p.absolute(x) > lambd, g, 0.0)


@activation("Softshrink", "input lambd")
def shrink(x: Expression, lambd: float = 0.5) -> Expression:
    """input pulled towards 0 by lambd."""
    return p.where(
        x > lambd, x - lambd, p.where(x < -lambd, x + lambd, x * p.where(p.isnan(x), x, 0.0))
    )


@shrink.gradient
def _(g: Expression, x: Expression, y: Expression, lambd: Expression) -> Expression:
    return p.where(p.absolute(x) > lambd, g, 0.0)


@activation("Threshold", "input threshold value", "complex")
def step(x: Expression, threshold: float = 0.0, value: float = 0.0) -> Expression:
    """input where it exceeds threshold, value elsewhere."""
    _no_bool("threshold", x)
    return p.where(x <= threshold, value, x)


@activation("LogSigmoid")
def logsigmoid(x: Expression) -> Expression:
    """log(sigmoid(input)) without overflow.

    Source: torch.nn.functional.logsigmoid

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.logsigmoid(torch.tensor([0., -100.]))
        tensor([  -0.6931, -100.0000])
    """
    return p.minimum(x, 0) - p.log1p(p.exp(-abs(x)))


@logsigmoid.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return g * p.sigmoid(-x)


@pointwise(
    names="input weight",
    label="PreluKernel",
    method=False,
    inplace=False,
    namespace="nn.functional",
    numbers="",
    unsupported="bool int complex",
)
def prelu(x: Expression, weight: Expression) -> Expression:
    """input where positive, weight * input elsewhere."""
    return p.where(x > 0, x, x * weight)
