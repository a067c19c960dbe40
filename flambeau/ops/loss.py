"""Losses."""

from __future__ import annotations

from ..core.tensor import Tensor
from ..formula import primitive as p
from ..formula.expression import Expression, position
from .define import pointwise
from .reduction import mean, sum
from .registry import public
from .row import rowwise


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The losses as they are, their mean or their sum.

    Raises:
        ValueError: An unknown reduction.
    """
    if reduction == "mean":
        return mean(loss)
    if reduction == "sum":
        return sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{reduction} is not a valid value for reduction: use 'none', 'mean' or 'sum'")


@pointwise(label="MseLoss", names="input target", method=False, inplace=False)
def squared_error(x: Expression, y: Expression) -> Expression:
    """(x - y)^2."""
    return p.square(x - y)


@pointwise(label="L1Loss", names="input target", method=False, inplace=False)
def absolute_error(x: Expression, y: Expression) -> Expression:
    """|x - y|."""
    return p.absolute(x - y)


@pointwise(label="SmoothL1Loss", names="input target", method=False, inplace=False)
def smooth_error(x: Expression, y: Expression, beta: float = 1.0) -> Expression:
    """(x - y)^2 / (2 beta) below beta, |x - y| - beta / 2 above."""
    d = p.absolute(x - y)
    return p.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta)


@pointwise(label="HuberLoss", names="input target", method=False, inplace=False)
def huber_error(x: Expression, y: Expression, delta: float = 1.0) -> Expression:
    """(x - y)^2 / 2 below delta, delta (|x - y| - delta / 2) above."""
    d = p.absolute(x - y)
    return p.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def _legacy(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that the old arguments ask for."""
    if size_average is None and reduce is None:
        return reduction
    return "none" if reduce is False else "sum" if size_average is False else "mean"


@public("nn.functional.mse_loss")
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The mean squared difference.

    Source: torch.nn.functional.mse_loss
    """
    loss = squared_error(input, target)
    return reduced(
        loss if weight is None else loss * weight, _legacy(size_average, reduce, reduction)
    )


@public("nn.functional.l1_loss")
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The mean absolute difference.

    Source: torch.nn.functional.l1_loss
    """
    loss = absolute_error(input, target)
    return reduced(
        loss if weight is None else loss * weight, _legacy(size_average, reduce, reduction)
    )


@public("nn.functional.smooth_l1_loss")
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squares of small differences, magnitudes of large ones.

    Source: torch.nn.functional.smooth_l1_loss
    """
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    loss = (
        absolute_error(input, target)
        if beta == 0
        else smooth_error(input, target, beta=float(beta))
    )
    return reduced(loss, _legacy(size_average, reduce, reduction))


@public("nn.functional.huber_loss")
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Squares of small differences, multiples of large ones.

    Source: torch.nn.functional.huber_loss
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    loss = huber_error(input, target, delta=float(delta))
    return reduced(loss if weight is None else loss * weight, reduction)


@pointwise(label="BinaryCrossEntropy", names="input target", method=False, inplace=False)
def bernoulli_loss(x: Expression, y: Expression) -> Expression:
    """-(y log x + (1 - y) log(1 - x)), the logarithms at least -100."""
    return -(y * p.maximum(p.log(x), -100.0) + (1 - y) * p.maximum(p.log1p(-x), -100.0))


@bernoulli_loss.gradient
def _(g: Expression, x: Expression, y: Expression, out: Expression) -> tuple:
    by_target = p.maximum(p.log1p(-x), -100.0) - p.maximum(p.log(x), -100.0)
    return g * (x - y) / p.maximum((1 - x) * x, 1e-12), g * by_target


@pointwise(label="BinaryCrossEntropyWithLogits", names="input target", method=False, inplace=False)
def logit_loss(x: Expression, y: Expression) -> Expression:
    """The same of sigmoid(x), without overflow."""
    return (1 - y) * x + p.maximum(-x, 0.0) + p.log1p(p.exp(-p.absolute(x)))


@logit_loss.gradient
def _(g: Expression, x: Expression, y: Expression, out: Expression) -> tuple:
    return g * (p.sigmoid(x) - y), -g * x


@public("nn.functional.binary_cross_entropy")
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The cross entropy of probabilities and targets between 0 and 1.

    Raises:
        ValueError: The shapes differ.
        RuntimeError: A probability is not between 0 and 1.

    Source: torch.nn.functional.binary_cross_entropy
    """
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. Please ensure they have the same size."
        )
    array = input._array
    if array.size and not ((array >= 0) & (array <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1")
    loss = bernoulli_loss(input, target)
    return reduced(
        loss if weight is None else loss * weight, _legacy(size_average, reduce, reduction)
    )


@public("nn.functional.binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The cross entropy of sigmoid(input) and targets between 0 and 1.

    Source: torch.nn.functional.binary_cross_entropy_with_logits
    """
    if input.shape != target.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    if pos_weight is None:
        loss = logit_loss(input, target)
    else:
        from ..nn import functional as F

        scale = (pos_weight - 1) * target + 1
        loss = (1 - target) * input - scale * F.logsigmoid(input)  # type: ignore[attr-defined]
    return reduced(
        loss if weight is None else loss * weight, _legacy(size_average, reduce, reduction)
    )


@rowwise(label="NllLoss", aside="target", reduced="target", names="input target")
def index_cross_entropy(x: Expression, target: Expression) -> Expression:
    """log(sum(exp(x))) - x[target] of a row."""
    c = x - p.held(p.amax(x))
    picked = p.sum(p.where(p.equal(position(), target), c, 0.0))
    return p.log(p.sum(p.exp(c))) - picked


@index_cross_entropy.gradient
def _(g: Expression, x: Expression, target: Expression, y: Expression) -> tuple:
    e = p.exp(x - p.held(p.amax(x)))
    share = e / p.sum(e)
    return g * (share - p.where(p.equal(position(), target), 1.0, 0.0)), None


@rowwise(label="NllLoss", aside="target", reduced="target", names="input target")
def pick(x: Expression, target: Expression) -> Expression:
    """x[target] of a row."""
    return p.sum(p.where(p.equal(position(), target), x, 0.0))


def _class_dim(input: Tensor) -> int:
    if input.ndim == 0:
        raise RuntimeError("cross_entropy and nll_loss want an input of at least one dimension")
    return 0 if input.ndim == 1 else 1


def _check_target(name: str, input: Tensor, target: Tensor, ignore_index: int) -> int:
    """Check class indices; gives the class dimension."""
    dim = _class_dim(input)
    wanted = (*input.shape[:dim], *input.shape[dim + 1 :])
    if tuple(target.shape) != tuple(wanted):
        if input.ndim > 1 and target.ndim and input.shape[0] != target.shape[0]:
            raise ValueError(
                f"Expected input batch_size ({input.shape[0]}) to match target batch_size "
                f"({target.shape[0]})."
            )
        raise RuntimeError(
            f"{name}: expected a target of shape {list(wanted)}, got {list(target.shape)}"
        )
    if target.dtype.name not in ("int64", "uint8"):
        raise RuntimeError(
            f"expected scalar type Long but found {target.dtype.legacy}: convert the target with .long()"
        )
    array, classes = target._array, input.shape[dim]
    if array.size:
        bad = (array < 0) | (array >= classes)
        if bad.any() and (bad & (array != ignore_index)).any():
            raise IndexError(
                f"Target {int(array[bad & (array != ignore_index)][0])} is out of bounds."
            )
    return dim


def _mean_of_classes(
    loss: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> Tensor:
    """Losses of classes by their weights, without the ignored ones, reduced."""
    ignored = target == ignore_index
    has_ignored = bool(ignored._array.any())  # type: ignore[union-attr]
    if weight is None and not has_ignored:
        return reduced(loss, reduction)
    if weight is None:
        scale = (~ignored).to(loss.dtype)  # type: ignore[operator]
    else:
        safe = target.masked_fill(ignored, 0)  # type: ignore[attr-defined]
        scale = weight[safe].masked_fill(ignored, 0.0)  # type: ignore[index]
    loss = (loss * scale).masked_fill(ignored, 0.0)  # type: ignore[operator]
    return sum(loss) / sum(scale) if reduction == "mean" else reduced(loss, reduction)


@public("nn.functional.nll_loss")
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log probability of the target's class.

    Args:
        input: Log probabilities (N, C, ...) or (C).
        target: Classes (N, ...) or ().
        weight: (C), how much a class counts.
        ignore_index: A target that does not count.

    Source: torch.nn.functional.nll_loss
    """
    dim = _check_target("nll_loss", input, target, ignore_index)
    loss = -pick(input, target.unsqueeze(dim), dim=dim, keepdim=False)  # type: ignore[attr-defined]
    return _mean_of_classes(
        loss, target, weight, ignore_index, _legacy(size_average, reduce, reduction)
    )


@public("nn.functional.cross_entropy")
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross entropy of softmax(input) and the target.

    Args:
        input: Scores (N, C, ...) or (C).
        target: Classes (N, ...) or (), or probabilities in the input's shape.
        weight: (C), how much a class counts.
        ignore_index: A class that does not count.
        label_smoothing: How much of the target is spread over all classes.

    Raises:
        IndexError: A class is out of bounds.
        RuntimeError, ValueError: The shapes or dtypes do not fit.

    Source: torch.nn.functional.cross_entropy

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.cross_entropy(torch.zeros(1, 4), torch.tensor([2]))
        tensor(1.3863)
    """
    reduction = _legacy(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target.shape == input.shape and target.dtype.category >= 2:
        return _cross_entropy_probabilities(input, target, weight, reduction, label_smoothing)
    dim = _check_target("cross_entropy", input, target, ignore_index)
    if label_smoothing:
        return _cross_entropy_smoothed(
            input, target, weight, ignore_index, reduction, label_smoothing, dim
        )
    loss = index_cross_entropy(input, target.unsqueeze(dim), dim=dim)  # type: ignore[attr-defined]
    return _mean_of_classes(loss, target, weight, ignore_index, reduction)


def _cross_entropy_probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    from .normalization import log_softmax

    dim = _class_dim(input)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input.shape[dim]  # type: ignore[operator]
    scores = log_softmax(input, dim)
    if weight is not None:
        scores = scores * _along(weight, dim, input.ndim)
    loss = -sum(scores * target, dim)  # type: ignore[operator]
    if reduction == "mean":
        return sum(loss) / max(1, loss.numel())  # type: ignore[operator]
    return reduced(loss, reduction)


def _along(weight: Tensor, dim: int, ndim: int) -> Tensor:
    return weight.reshape([-1 if i == dim else 1 for i in range(ndim)])  # type: ignore[attr-defined]


def _cross_entropy_smoothed(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    smoothing: float,
    dim: int,
) -> Tensor:
    from .normalization import log_softmax

    scores = log_softmax(input, dim)
    own = nll_loss(scores, target, weight, ignore_index=ignore_index, reduction=reduction)
    spread = -sum(scores if weight is None else scores * _along(weight, dim, input.ndim), dim)  # type: ignore
    ignored = target == ignore_index
    spread = spread.masked_fill(ignored, 0.0)
    if reduction == "mean":
        counted = (
            (~ignored).to(input.dtype)
            if weight is None
            else weight[  # type: ignore
                target.masked_fill(ignored, 0)
            ].masked_fill(ignored, 0.0)
        )  # type: ignore[attr-defined]
        spread = sum(spread) / sum(counted)
    else:
        spread = reduced(spread, reduction)
    return own * (1 - smoothing) + spread * (smoothing / input.shape[dim])  # type: ignore[operator]


@public("kl_div", "nn.functional.kl_div")
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log target - input), reduced; "batchmean" divides the sum by the batch size.

    Source: torch.nn.functional.kl_div
    """
    from .comparison import where

    if log_target:
        loss = target.exp() * (target - input)  # type: ignore[attr-defined,operator]
    else:
        positive = target > 0  # type: ignore[operator]
        loss = where(positive, target * where(positive, target, 1.0).log(), 0.0) - target * input  # type: ignore
    reduction = _legacy(size_average, reduce, reduction)
    if reduction == "batchmean":
        return sum(loss) / input.shape[0]  # type: ignore[operator]
    return reduced(loss, reduction)
