"""Losses with a margin, and losses of several labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import kernels
from ...core import tensor as handle
from ...core.dtype import BY_NUMPY
from ...core.tensor import Tensor
from ...core.twin import of_arrays
from ...dispatch.decided import decided
from ...dispatch.formula.formula_operation import Operand as operand
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.formula.rowwise import rowwise
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...formula import primitive as p
from ...formula.expression import Expression, length, position
from ..elementwise.activation import logsigmoid
from ..elementwise.comparison import minimum, where
from .classes import fitting
from .reduction import check_classes, check_dtype, check_reduction, loss, reduced
from .similarity import pairwise_distance


@pointwise(names="input target margin", method=False, inplace=False, namespace="")
def hinge_loss(x: Expression, y: Expression, margin: float = 1.0) -> Expression:
    """x where y is 1, max(0, margin - x) where it is -1, both elsewhere."""
    apart = p.where(p.equal(y, 1), 0.0, p.where(margin - x > 0, margin - x, 0.0))
    return apart + p.where(p.equal(y, -1), 0.0, x)


@loss()
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Distances of pairs that belong together (target 1), and what others lack to the margin (-1).

    Args:
        input: Distances.
        target: 1 or -1.
        margin: How far apart the others should be.
        reduction: "mean", "sum" or "none".

    Source: torch.nn.functional.hinge_embedding_loss
    """
    return reduced(hinge_loss(input, target, float(margin)), reduction)


@loss()
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """What input1 lacks to be above input2 (target 1) or below it (-1) by the margin.

    Args:
        input1, input2, target: Of one number of dimensions.
        margin: By how much.
        reduction: "mean", "sum" or "none".

    Raises:
        RuntimeError: The numbers of dimensions differ.

    Source: torch.nn.functional.margin_ranking_loss
    """
    check_reduction(reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduced((-target * (input1 - input2) + float(margin)).clamp_min(0), reduction)  # type: ignore


@pointwise(label="SoftMarginLoss", method=False, inplace=False, unsupported="complex", namespace="")
def logistic_loss(x: Expression, y: Expression) -> Expression:
    """log(1 + exp(-y x)), without overflow."""
    z = -y * x
    return p.maximum(z, 0.0) + p.log1p(p.exp(-p.absolute(z)))


@logistic_loss.gradient
def _(g: Expression, x: Expression, y: Expression, out: Expression) -> tuple:
    slope = -g * p.sigmoid(-y * x)
    return slope * y, slope * x


@loss()
def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target input)): the logistic loss of targets 1 and -1.

    Source: torch.nn.functional.soft_margin_loss
    """
    check_reduction(reduction)
    return reduced(logistic_loss(input, target), reduction, "SoftMarginLoss")


@loss()
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """The mean over classes (the last dimension) of each label's logistic loss.

    Args:
        input: Scores (N, C) or (C).
        target: 0 or 1, of the input's shape.
        weight: (C), how much a class counts.
        reduction: "mean", "sum" or "none".

    Source: torch.nn.functional.multilabel_soft_margin_loss
    """
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))  # type: ignore[operator]
    if weight is not None:
        losses = losses * weight
    return reduced(losses.sum(-1) / input.shape[-1], reduction)


def _batch(input: Tensor, target: Tensor) -> None:
    """Raises RuntimeError for an input that is not (N, C) or (C), or a target of another shape."""
    shape = list(input.shape)
    if len(shape) > 2 or 0 in shape[-1:]:
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {shape}"
        )
    if list(target.shape) != shape and not (
        len(shape) < 2 and target._array.size == input._array.size
    ):
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {shape}"
        )


@rowwise(
    label="MultiMarginLoss",
    not_promoted="target",
    reduced="target weight",
    names="input target weight",
)
def several_margins(
    x: Expression,
    target: Expression,
    weight: operand = None,  # type: ignore[assignment]
    margin: float = 1.0,
    square: bool = False,
) -> Expression:
    """The mean over the other classes of max(0, margin - x[target] + x), or its square."""
    own = p.equal(position(), target)
    lack = margin - p.sum(p.where(own, x, 0.0)) + x
    short = p.where(p.logical_or(own, lack <= 0), 0.0, lack)
    total = p.sum(p.square(short) if square else short)
    return (total if weight is None else weight * total) / length()


@loss("input target p margin weight size_average reduce reduction")
@decided("input target weight")
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Any:
    """What the target's score lacks to exceed the others by the margin.

    Args:
        input: Scores (N, C) or (C).
        target: Classes (N) or ().
        p: 1, or 2 for squares.
        margin: By how much.
        weight: (C), how much a target's class counts.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: p is neither 1 nor 2.
        RuntimeError: The shapes do not fit, or a class is out of range.

    Source: torch.nn.functional.multi_margin_loss
    """
    check_reduction(reduction)
    if p not in (1, 2):
        raise ValueError(f"only p == 1 and p == 2 supported, got p={p}")
    if weight is not None and weight.ndim != 1:
        raise ValueError(f"weight must be one-dimensional, got {list(weight.shape)}")
    _check_scores(input, target, weight)
    statics, numbers = (p == 2,), (float(margin),)

    def run(input: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        rows = input if input._array.ndim == 2 else input.reshape(1, input._array.size)  # type: ignore[attr-defined]
        samples, classes = rows._array.shape
        if not fitting(target._array, classes, 0):
            raise RuntimeError(f"target out of range: classes are 0 to {classes - 1}")
        places = handle.make(
            target._array.reshape(samples, 1), target._kind, None, target._cell, None
        )
        scale = None if weight is None else weight[places]  # type: ignore[index]
        formula = several_margins.fast[True, True, weight is not None]
        losses = formula(rows, places, scale, statics, numbers, -1, False)
        if not target._array.ndim:
            losses = losses.squeeze(0)
        return reduced(losses, reduction, "MultiMarginLoss")

    return run


def _check_scores(input: Tensor, target: Tensor, weight: Tensor | None) -> None:
    """Scores are (N, C), (C) or (), and there are as many targets as rows.

    Raises:
        RuntimeError: The shapes or dtypes are others.
    """
    shape = list(input.shape)
    if len(shape) > 2 or 0 in shape[-1:]:
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {shape}"
        )
    samples, classes = shape if len(shape) == 2 else (1, input._array.size)
    if target.ndim > 1 or target._array.size != samples:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size [{samples}], but got {list(target.shape)}"
        )
    check_classes("multi_margin_loss", target)
    if weight is not None:
        check_dtype("weight", weight, input)
        if weight._array.size != classes:
            raise RuntimeError(
                f"inconsistent weight size, expected {classes} but got {list(weight.shape)}"
            )


@of_arrays
def _has_others(array: Any, low: int, stop: int) -> bool:
    """Is there a number that is less than the lowest, or not less than the end?"""
    return bool(array.size) and bool(((array < low) | (array >= stop)).any())


def _lacking(x: Any, labels: Any) -> tuple[Any, Any]:
    """With NumPy, a label at a time: the sums of what labels lack to exceed others by 1, and their slopes."""
    rows = np.arange(x.shape[0])
    valid = np.logical_and.accumulate(labels >= 0, -1)
    own = np.zeros(x.shape, bool)
    for i in range(labels.shape[1]):
        own[rows, labels[:, i]] |= valid[:, i]
    sums, slopes = np.zeros(x.shape[0], np.float64), np.zeros_like(x)
    for i in range(labels.shape[1]):
        lack = 1 - x[rows, labels[:, i]][:, None] + x
        active = (lack > 0) & ~own & valid[:, i : i + 1]
        sums += np.where(active, lack, 0).sum(-1, np.float64)
        slopes += active
        slopes[rows, labels[:, i]] -= active.sum(-1).astype(x.dtype)
    return sums.astype(x.dtype), slopes


_lacking_map = kernels.Native("nn.multilabel", "lacking", _lacking)


@operation(label="MultilabelMarginLoss", outputs="sums slopes", differentiable=(0,))
def lacking(x: Any, labels: Any) -> Any:
    """What the labels of each row lack to exceed by 1 the classes that are none, and the slopes of that."""
    wide = BY_NUMPY[x.dtype].compute
    sums, slopes = _lacking_map(np.ascontiguousarray(x, wide), labels)
    return sums.astype(x.dtype, copy=False), slopes.astype(x.dtype, copy=False)


@lacking.gradient
def _(g_sums: Tensor, slopes: Tensor) -> Tensor:
    return g_sums.unsqueeze(-1) * slopes.detach()  # type: ignore[attr-defined]


@loss()
def multilabel_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """What each label's score lacks to exceed by 1 those of the classes that are no labels.

    Args:
        input: Scores (N, C) or (C).
        target: Of its shape: a row's labels, then -1.
        reduction: "mean", "sum" or "none".

    Raises:
        RuntimeError: The shapes do not fit, or a label is out of range.

    Source: torch.nn.functional.multilabel_margin_loss
    """
    check_reduction(reduction)
    _batch(input, target)
    check_classes("multilabel_margin_loss", target)
    if input.ndim == 0:
        input, target = input.reshape(1), target.reshape(1)  # type: ignore[attr-defined]
    classes, labels = input.shape[-1], target._array.reshape(input.shape)
    if _has_others(labels, -1, classes):
        raise RuntimeError(
            f"argument #2 'target' is out of range: labels are 0 to {classes - 1}, or -1"
        )
    rows = input if input.ndim == 2 else input.unsqueeze(0)  # type: ignore[attr-defined]
    losses = lacking(rows, np.ascontiguousarray(labels.reshape(rows.shape)))[0] / classes
    losses = losses if input.ndim == 2 else losses.squeeze(0)
    return reduced(losses, reduction, "MultilabelMarginLoss")


@loss()
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """1 - cosine for pairs that belong together (target 1), cosine above the margin for others (-1).

    Args:
        input1, input2: (N, D) or (D).
        target: (N) or (), 1 or -1.
        margin: The cosine that others may have.
        reduction: "mean", "sum" or "none".

    Raises:
        RuntimeError: The numbers of dimensions do not fit.

    Source: torch.nn.functional.cosine_embedding_loss
    """
    check_reduction(reduction)
    if target.ndim not in (0, 1) or input1.ndim != target.ndim + 1 or input2.ndim != input1.ndim:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs "
            f"with sizes {list(input1.shape)} and {list(input2.shape)}: the target is (N) or ()"
        )
    eps = 1e-12
    product = (input1 * input2).sum(-1)  # type: ignore[operator]
    squares = [(x * x).sum(-1) + eps for x in (input1, input2)]  # type: ignore[operator]
    cosine = product / (squares[0] * squares[1]).sqrt()
    apart = (cosine - margin).clamp_min(0)
    losses = where(target == 1, 1 - cosine, 0.0) + where(target == -1, apart, 0.0)  # type: ignore[arg-type]
    return reduced(losses, reduction)


def _triplet_dims(*tensors: Tensor) -> None:
    dims = [x.ndim for x in tensors]
    if len(set(dims)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {dims[0]}D, positive {dims[1]}D, and negative {dims[2]}D inputs"
        )


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable,
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    check_reduction(reduction)
    _triplet_dims(anchor, positive, negative)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced((margin + near - far).clamp_min(0), reduction)


@loss()
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """What the negative lacks to be farther from the anchor than the positive, by the margin.

    Args:
        anchor, positive, negative: (N, D) or (D).
        margin: By how much; above 0.
        p, eps: Of `pairwise_distance`.
        swap: Take the positive as the anchor where it is closer to the negative.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: The margin is not positive.
        RuntimeError: The numbers of dimensions differ.

    Source: torch.nn.functional.triplet_margin_loss; Balntas et al. (2016)
    """
    _positive_margin(margin)

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _positive_margin(margin: float) -> None:
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")


@public("nn.functional.triplet_margin_with_distance_loss")
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` by any distance.

    Args:
        anchor, positive, negative: (N, D) or (D).
        distance_function: Of two tensors; `pairwise_distance` if not given.
        margin, swap, reduction: As for `triplet_margin_loss`.

    Raises:
        ValueError: The margin is not positive.

    Source: torch.nn.functional.triplet_margin_with_distance_loss
    """
    _positive_margin(margin)
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)
