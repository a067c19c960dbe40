"""Losses of numbers and of probabilities, element by element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..._caller import warn
from ...core.dtype import FLOAT
from ...core.promotion import PromotionKind
from ...core.tensor import Tensor
from ...core.twin import around
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.registry import public
from ...formula import primitive as p
from ...formula.expression import Expression
from ..elementwise.activation import logsigmoid
from ..reduction.sum import sum
from .reduction import check_reduction, loss, reduced, warn_of_sizes


@pointwise(label="MseLoss", method=False, inplace=False, namespace="")
def squared_error(x: Expression, y: Expression) -> Expression:
    """(x - y)^2."""
    return p.square(x - y)


@pointwise(label="L1Loss", method=False, inplace=False, namespace="")
def absolute_error(x: Expression, y: Expression) -> Expression:
    """|x - y|."""
    return p.absolute(x - y)


@pointwise(label="SmoothL1Loss", names="input target", method=False, inplace=False, namespace="")
def smooth_error(x: Expression, y: Expression, beta: float = 1.0) -> Expression:
    """(x - y)^2 / (2 beta) below beta, |x - y| - beta / 2 above."""
    d = p.absolute(x - y)
    near = p.where(d < beta, d, 0.0)
    return p.where(d < beta, 0.5 * near * near / beta, d - 0.5 * beta)


@pointwise(label="HuberLoss", names="input target", method=False, inplace=False, namespace="")
def huber_error(x: Expression, y: Expression, delta: float = 1.0) -> Expression:
    """(x - y)^2 / 2 below delta, delta (|x - y| - delta / 2) above."""
    d = p.absolute(x - y)
    near = p.where(d <= delta, d, 0.0)  # an infinite square's slope would be nan times the mask
    return p.where(d <= delta, 0.5 * near * near, delta * (d - 0.5 * delta))


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str, label: str = "") -> Tensor:
    """The losses times their weights, reduced: a mean is that by the weights."""
    if weight is None:
        return reduced(losses, reduction, label)
    check_reduction(reduction)
    losses = losses * weight  # type: ignore[operator]
    if reduction == "mean":
        return sum(losses) / sum(weight.expand_as(losses))  # type: ignore[attr-defined, operator]
    return reduced(losses, reduction, label)


@loss()
def mse_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """The mean squared difference.

    Args:
        input, target: Of one shape; others are broadcast, with a warning.
        reduction: "mean", "sum", or "none" for each element's loss.
        weight: How much an element counts.

    Source: torch.nn.functional.mse_loss

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.mse_loss(torch.tensor([1., 2.]), torch.tensor([1., 4.]))
        tensor(2.)
    """
    if input._array.shape != target._array.shape:
        warn_of_sizes(input, target)
    return _weighted(squared_error(input, target), weight, reduction, "MseLoss")


@loss()
def l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """The mean absolute difference.

    Args:
        input, target, reduction, weight: As for `mse_loss`.

    Source: torch.nn.functional.l1_loss
    """
    if input._array.shape != target._array.shape:
        warn_of_sizes(input, target)
    return _weighted(absolute_error(input, target), weight, reduction)


@loss()
def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """Squares of small differences, magnitudes of large ones.

    Args:
        input, target, reduction: As for `mse_loss`.
        beta: Where the squares end; 0 gives `l1_loss`.

    Raises:
        RuntimeError: beta is negative.

    Source: torch.nn.functional.smooth_l1_loss
    """
    if input._array.shape != target._array.shape:
        warn_of_sizes(input, target)
    if beta < 0:
        raise RuntimeError(
            f"smooth_l1_loss does not support negative values for beta, got {beta}: pass 0 or more"
        )
    if beta == 0:
        return reduced(absolute_error(input, target), reduction)
    return reduced(smooth_error(input, target, beta=float(beta)), reduction, "SmoothL1Loss")


@public("nn.functional.huber_loss")
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Squares of small differences, multiples of large ones.

    Args:
        input, target, reduction, weight: As for `mse_loss`.
        delta: Where the squares end.

    Raises:
        RuntimeError: delta is not positive.

    Source: torch.nn.functional.huber_loss
    """
    if input._array.shape != target._array.shape:
        warn_of_sizes(input, target)
    if delta <= 0:
        raise RuntimeError(
            f"huber_loss does not support non-positive values for delta, got {delta}: pass a "
            "positive number, or call l1_loss"
        )
    losses = huber_error(input, target, delta=float(delta))
    if weight is not None:  # here a mean is not by the weights
        losses = losses * weight  # type: ignore[operator]
    return reduced(losses, reduction, "HuberLoss")


@pointwise(
    label="BinaryCrossEntropy",
    method=False,
    inplace=False,
    unsupported="bool int complex",
    namespace="",
)
def bernoulli_loss(x: Expression, y: Expression) -> Expression:
    """-(y log x + (1 - y) log(1 - x)), the logarithms at least -100."""
    return -(y * p.maximum(p.log(x), -100.0) + (1 - y) * p.maximum(p.log1p(-x), -100.0))


@bernoulli_loss.gradient
def _(g: Expression, x: Expression, y: Expression, out: Expression) -> tuple:
    by_target = p.maximum(p.log1p(-x), -100.0) - p.maximum(p.log(x), -100.0)
    return g * (x - y) / p.maximum((1 - x) * x, 1e-12), g * by_target


@pointwise(
    label="BinaryCrossEntropyWithLogits",
    method=False,
    inplace=False,
    unsupported="complex",
    namespace="",
)
def logit_loss(x: Expression, y: Expression) -> Expression:
    """The same of sigmoid(x), without overflow."""
    size, wrong = _size_and_wrong(x, y)
    return p.where(p.equal(wrong, 0), 0.0, wrong * size) + p.log1p(p.exp(-size))


@logit_loss.gradient
def _(g: Expression, x: Expression, y: Expression, out: Expression) -> tuple:
    size, wrong = _size_and_wrong(x, y)
    distance = wrong - p.sigmoid(-size)  # sigmoid(x) - y, or its negative, without cancellation
    return g * p.where(x < 0, -distance, distance), -g * x


def _size_and_wrong(x: Expression, y: Expression) -> tuple[Expression, Expression]:
    """|x|, with a slope at 0, and how much of the target is not what x says."""
    return p.where(x < 0, -x, x), p.where(x < 0, y, 1 - y)


@loss("input target weight size_average reduce reduction")
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """The cross entropy of probabilities and targets between 0 and 1.

    Args:
        input: Probabilities.
        target: Of the input's shape.
        weight: How much an element counts.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: The shapes differ.
        RuntimeError: A probability is not between 0 and 1, or the dtypes differ.

    Source: torch.nn.functional.binary_cross_entropy
    """
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. Please ensure they have the same size."
        )
    if target._kind.dtype is not input._kind.dtype:
        raise RuntimeError(
            f"Found dtype {target.dtype.legacy} but expected {input.dtype.legacy}: convert the target "
            f"with .to({input.dtype})"
        )
    array = input._array
    losses = bernoulli_loss(input, target)
    if array.size and not ((array >= 0) & (array <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1: apply sigmoid() first")
    if weight is not None:
        losses = losses * weight  # type: ignore[operator]
    return reduced(losses, reduction, "BinaryCrossEntropy")


@loss("input target weight size_average reduce reduction pos_weight")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The cross entropy of sigmoid(input) and targets between 0 and 1.

    Args:
        input, target: Of one shape.
        weight: How much an element counts.
        reduction: "mean", "sum" or "none".
        pos_weight: How much a positive target counts.

    Raises:
        ValueError: The shapes differ.
        RuntimeError: The targets are no floating-point numbers.

    Source: torch.nn.functional.binary_cross_entropy_with_logits
    """
    if input.shape != target.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    if target._kind.dtype.category < FLOAT:
        raise RuntimeError(
            f"result type {input.dtype.legacy} can't be cast to the desired output type "
            f"{target.dtype.legacy}: targets are probabilities, convert them with .to({input.dtype})"
        )
    if pos_weight is None:
        losses = logit_loss(input, target)
    else:
        scale = (pos_weight - 1) * target + 1  # type: ignore[operator]
        losses = (1 - target) * input - scale * logsigmoid(input)  # type: ignore[operator]
    if weight is not None:
        losses = losses * weight  # type: ignore[operator]
    return reduced(losses, reduction, "BinaryCrossEntropyWithLogits")


def _times_log(y: Expression) -> Expression:
    """y log y, and 0 at 0."""
    zero = p.equal(y, 0)
    return p.where(p.isnan(y), y, p.where(zero, 0.0, y * p.log(p.where(zero, 1.0, y))))


@pointwise(label="Sub", method=False, inplace=False, namespace="")
def divergence(x: Expression, y: Expression) -> Expression:
    """y (log y - x), the first term 0 where y is not positive."""
    return _times_log(y) - y * x


@pointwise(label="Mul", method=False, inplace=False, namespace="")
def log_divergence(x: Expression, y: Expression) -> Expression:
    """exp(y) (y - x)."""
    return p.exp(y) * (y - x)


@loss()
def kl_div(
    input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """target (log target - input): the divergence of log probabilities from probabilities.

    Args:
        input: Log probabilities.
        target: Probabilities, or their logarithms with log_target.
        reduction: "batchmean" (the sum by the batch size, the divergence of the books), "mean", "sum"
            or "none".

    Raises:
        RuntimeError: There are integers or complex numbers.

    Source: torch.nn.functional.kl_div
    """
    if reduction == "mean":
        warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.",
            UserWarning,
        )
    for x in (input, target):
        if x._kind.dtype.category != FLOAT:
            kind = "Complex" if x.dtype.is_complex else "Integral"
            raise RuntimeError(
                f"kl_div: {kind} inputs not supported. Got {x.dtype}: use floating-point probabilities"
            )
    losses = (log_divergence if log_target else divergence)(input, target)
    if reduction == "batchmean":
        total = sum(losses)
        return total / input.shape[0] if input.ndim else total  # type: ignore[operator]
    return reduced(losses, reduction)


@pointwise(
    kind=PromotionKind.INT_TO_FLOAT,
    names="input target eps",
    method=False,
    inplace=False,
    static="log_input full",
    namespace="",
)
def poisson_loss(
    x: Expression, y: Expression, eps: float = 1e-8, log_input: bool = True, full: bool = False
) -> Expression:
    """Minus the log likelihood of counts y at the rate exp(x), or x."""
    losses = p.exp(x) - y * x if log_input else x - y * p.log(x + eps)
    if not full:
        return losses
    many = y > 1
    count = p.where(many, y, 1.0)
    stirling = count * p.log(count) - count + 0.5 * p.log(2 * math.pi * count)
    return losses + p.where(many, stirling, 0.0)


@loss("input target log_input full size_average eps reduce reduction")
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log likelihood of counts.

    Args:
        input: The rates' logarithms, or the rates if not log_input.
        target: Counts.
        full: Add Stirling's approximation of log(target!).
        eps: Added to a rate before its logarithm is taken.
        reduction: "mean", "sum" or "none".

    Source: torch.nn.functional.poisson_nll_loss
    """
    check_reduction(reduction)
    losses = poisson_loss.operation.fast[True, True](
        input, target, (bool(log_input), bool(full)), (float(eps),)
    )
    return reduced(losses, reduction)


@pointwise(names="input target var eps", method=False, inplace=False, static="full", namespace="")
def gaussian_loss(
    x: Expression, y: Expression, var: Expression, eps: float = 1e-6, full: bool = False
) -> Expression:
    """Minus the log likelihood of y by mean x and variance; a small variance is raised without a trace."""
    v = var + p.held(p.maximum(var, eps) - var)
    losses = 0.5 * (p.log(v) + p.square(x - y) / v)
    return losses + 0.5 * math.log(2 * math.pi) if full else losses


def _lacks_one_dimension(part: Sequence[int], whole: Sequence[int]) -> bool:
    """Is it the other shape with 1 in one dimension?"""
    other = [n for n, m in zip(part, whole) if n != m]
    return len(part) == len(whole) and other == [1]


@public("nn.functional.gaussian_nll_loss")
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log likelihood of numbers by normal distributions.

    Args:
        input: The means.
        target: The numbers.
        var: The variances: of the input's shape, with 1 in one dimension, or without the last one; or one
            number.
        full: Add the constant term.
        eps: The smallest variance; the gradient does not see it.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: A variance is negative, or there is another number of them.
        RuntimeError: The variances are integers.

    Source: torch.nn.functional.gaussian_nll_loss
    """
    v: Any = var if isinstance(var, Tensor) else input.new_full((), var)  # type: ignore[attr-defined]
    if isinstance(var, Tensor) and var.shape != input.shape:
        if input.ndim and input.shape[:-1] == var.shape:
            v = v.unsqueeze(-1)
        elif not _lacks_one_dimension(var.shape, input.shape):
            raise ValueError(
                f"var is of incorrect size: got {list(var.shape)} for an input of {list(input.shape)}; "
                "give one for each element, or one for each row"
            )
    if v._kind.dtype.category < FLOAT:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {v.dtype.legacy}: convert the "
            "variances with .float()"
        )
    check_reduction(reduction)
    with around((v,)):
        negative = bool((v._array < 0).any())
    if negative:
        raise ValueError("var has negative entry/entries: variances are 0 or more")
    losses = gaussian_loss.operation.fast[True, True, True](
        input, target, v, (bool(full),), (float(eps),)
    )
    return reduced(losses, reduction)
