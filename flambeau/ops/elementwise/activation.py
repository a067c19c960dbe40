"""Activations of neural networks.

The formulas are the operations; the public functions give them the signatures of
torch.nn.functional, with `inplace`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ...core.dtype import FLOAT
from ...core.number import converted
from ...core.promotion import PromotionKind
from ...core.tensor import Tensor
from ...dispatch.formula.pointwise import pointwise
from ...formula import primitive as p
from ...formula import special as formulas
from ...formula.expression import Domain, Expression

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
CUBE, ROOT = 0.044715, math.sqrt(2 / math.pi)
"""The numbers of gelu's approximation by tanh."""


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
        # The bounds of integers are integers.
        numbers = tuple(converted(int(number), input.dtype) for number in numbers)
    if inplace:
        return function.operation.write((input,), (), numbers)  # type: ignore[attr-defined]
    return function(input, *numbers)


def _from(x: Expression, low: float) -> Expression:
    """x, but not below `low`, from where on a factor of it is 0: -inf times 0 is nan."""
    return p.where(x < low, low, x)


def _within(x: Expression, bound: float) -> Expression:
    """x held within the bounds outside of which a slope is that of 0 or of the input: inf times 0 is nan."""
    return p.where(x > bound, bound, _from(x, -bound))


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
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    if approximate == "none":
        return _from(x, -100.0) * formulas.special.gate(x)
    return _from(x, -100.0) * 0.5 * (1 + p.tanh((x + x * x * x * CUBE) * ROOT))


@gelu.gradient
def _(g: Expression, x: Expression, y: Expression, approximate: str) -> Expression:
    x = _within(x, 100.0)
    if approximate == "none":
        density = p.exp(p.square(x) * -0.5) * (1 / math.sqrt(2 * math.pi))
        return g * (formulas.special.gate(x) + x * density)
    t = p.tanh((x + x * x * x * CUBE) * ROOT)
    slope = (1 + p.square(x) * (3 * CUBE)) * ROOT
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - p.square(t)) * slope)


@activation(unsupported="bool int")
def silu(x: Expression) -> Expression:
    """input * sigmoid(input)."""
    return (x if x.domain == Domain.COMPLEX else _from(x, -1000.0)) * p.sigmoid(x)


@silu.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    if x.domain < Domain.COMPLEX:
        x = _within(x, 1000.0)
    s = p.sigmoid(x)
    return g * p.conj(s + x * s * (1 - s))


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
    return _from(x, -1000.0) * p.tanh(_softplus(x))


@mish.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    x = _within(x, 1000.0)
    t = p.tanh(_softplus(x))
    return g * (t + x * (1 - p.square(t)) * p.sigmoid(x))


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
    return _from(x, -3.0) * (p.minimum(p.maximum(x + 3, 0), 6) / 6)


@hardswish.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return p.where(x <= -3, 0, p.where(x >= 3, g, g * (x / 3 + 0.5)))


@pointwise(
    kind=PromotionKind.INT_TO_FLOAT,
    namespace="nn.functional",
    label="Div",
    method=False,
    inplace=False,
    numbers="",
    unsupported="bool",
)
def softsign(x: Expression) -> Expression:
    """input / (1 + |input|).

    Source: torch.nn.functional.softsign
    """
    value = x / (1 + p.absolute(x))
    return value if x.domain == Domain.COMPLEX else p.where(p.isinf(x), p.sign(x), value)


@softsign.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    size = p.absolute(x)
    if x.domain < Domain.COMPLEX:
        return g * p.square(p.reciprocal(1 + size))
    along = p.real(g * p.conj(x)) / p.square(1 + size)
    return g / (1 + size) - along * p.sgn(x)


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


@pointwise(
    label="Glu",
    method=False,
    inplace=False,
    namespace="",
    numbers="",
    unsupported="bool int complex",
)
def gated(x: Expression, gate: Expression) -> Expression:
    """x times the sigmoid of the gate."""
    return x * p.sigmoid(gate)
