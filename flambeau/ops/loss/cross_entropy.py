"""Losses of classes: nll_loss and cross_entropy."""

from __future__ import annotations

from typing import Any, NoReturn

from ...core.dtype import FLOAT
from ...core.tensor import Tensor
from ...core.twin import of_arrays
from ...dispatch.formula.rowwise import rowwise
from ...formula import primitive as p
from ...formula.expression import Expression, position
from ..reduction.softmax import log_softmax
from ..reduction.sum import sum
from .reduction import check_dtype, loss, reduced


@rowwise(label="NllLoss", not_promoted="target", reduced="target", names="input target")
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


@rowwise(label="NllLoss", not_promoted="target", reduced="target", names="input target")
def minus_picked(x: Expression, target: Expression) -> Expression:
    """-x[target] of a row."""
    return -p.sum(p.where(p.equal(position(), target), x, 0.0))


@rowwise
def extent(x: Expression) -> tuple[Expression, Expression]:
    """The smallest and the largest of a row."""
    return p.amin(x), p.amax(x)


_BOTH = (True, True)


def _class_dim(input: Tensor) -> int:
    if input.ndim == 0:
        raise ValueError(
            "Expected 1 or more dimensions (got 0): an input is (C), (N, C) or (N, C, ...)"
        )
    return 0 if input.ndim == 1 else 1


def _refuse_shape(name: str, sizes: tuple[int, ...], got: tuple[int, ...]) -> NoReturn:
    """Say why a target of some shape does not fit an input of some sizes.

    Raises:
        ValueError, RuntimeError: As PyTorch does.
    """
    if len(sizes) > 1 and got and sizes[0] != got[0]:
        raise ValueError(
            f"Expected input batch_size ({sizes[0]}) to match target batch_size ({got[0]})."
        )
    dim = min(len(sizes) - 1, 1)
    wanted = (*sizes[:dim], *sizes[dim + 1 :])
    spare = [i for i, n in enumerate(got) if n == 1 and (*got[:i], *got[i + 1 :]) == wanted]
    advice = (
        f": of an input {list(sizes)} the target of {name}() is {list(wanted)}, not {list(got)}"
    )
    advice += f"; use target.squeeze({spare[0]})" if spare else ""
    if len(sizes) == len(got) == 1:
        raise ValueError(
            f"For 1D input, 1D target must have size 1, but got target size: {got[0]}{advice}"
        )
    if len(sizes) < 3:
        raise RuntimeError(f"0D or 1D target tensor expected, multi-target not supported{advice}")
    if len(sizes) != 4:
        raise RuntimeError(f"Expected target size {list(wanted)}, got {list(got)}{advice}")
    if len(got) == 3:
        raise RuntimeError(f"size mismatch (got input: {list(sizes)} , target: {list(got)}{advice}")
    raise RuntimeError(
        "only batches of spatial targets supported (3D tensors) but got targets of dimension: "
        f"{len(got)}{advice}"
    )


def _checked(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
) -> tuple[Tensor, int, bool]:
    """Class indices that fit the scores, the class dimension, and whether some are ignored."""
    dim = _class_dim(input)
    sizes, array = input._array.shape, target._array
    classes = sizes[dim]
    if array.shape != (*sizes[:dim], *sizes[dim + 1 :]):
        if len(sizes) != 1 or array.shape != (1,):
            _refuse_shape(name, sizes, array.shape)
        target = target.squeeze(0)  # type: ignore[attr-defined]
        array = target._array
    if target._kind.dtype.name not in ("int64", "uint8"):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {target.dtype.legacy}: convert the "
            "target with .long()"
        )
    if weight is not None and weight._array.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but "
            f"got weight tensor of shape: {list(weight.shape)}"
        )
    if weight is not None:
        check_dtype("weight", weight, input)
    if not array.size or not target._kind.has_elements:
        return target, dim, False
    if not target._kind.backend.can_look():
        return target, dim, True
    if not 0 <= ignore_index < classes:
        kind = target._kind
        low, high = extent.specialize((kind,), kind, ()).run(array, None)
        if low.item() >= 0 and high.item() < classes:
            return target, dim, False
    bad, has_ignored = _others(array, classes, ignore_index)
    if bad is not None:
        raise IndexError(
            f"Target {bad} is out of bounds. An input {list(sizes)} has {classes} classes, "
            f"0 to {classes - 1}; ignore_index is {ignore_index}"
        )
    return target, dim, has_ignored


@of_arrays
def _others(array: Any, classes: int, ignore_index: int) -> tuple[int | None, bool]:
    """The first index that is none of the classes, if there is one, and whether some are ignored."""
    ignored = array == ignore_index
    bad = ((array < 0) | (array >= classes)) & ~ignored
    return (int(array[bad][0]) if bad.any() else None), bool(ignored.any())


def _mean_of_classes(
    losses: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    has_ignored: bool,
    reduction: str,
) -> Tensor:
    """Losses of classes by their weights, without the ignored ones, reduced."""
    if weight is None and not has_ignored:
        return reduced(losses, reduction, "NllLoss")
    ignored = target == ignore_index
    if weight is None:
        scale = (~ignored).to(losses.dtype)  # type: ignore[operator]
    else:
        safe = target.masked_fill(ignored, 0)  # type: ignore[attr-defined]
        scale = weight[safe].masked_fill(ignored, 0.0)  # type: ignore[index]
    losses = (losses * scale).masked_fill(ignored, 0.0)  # type: ignore[operator]
    if reduction == "mean":
        return sum(losses) / sum(scale)
    return reduced(losses, reduction, "NllLoss")


@loss("input target weight size_average ignore_index reduce reduction")
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
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
    target, dim, has_ignored = _checked("nll_loss", input, target, weight, ignore_index)
    places = target.unsqueeze(dim)  # type: ignore[attr-defined]
    losses = minus_picked.fast[_BOTH](input, places, (), (), dim, False)
    return _mean_of_classes(losses, target, weight, ignore_index, has_ignored, reduction)


@loss("input target weight size_average ignore_index reduce reduction label_smoothing")
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
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
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target._array.shape == input._array.shape and input.ndim:
        if target._kind.dtype.category != FLOAT:
            raise RuntimeError(
                "Expected floating point type for target with class probabilities, got "
                f"{target.dtype.legacy}: its shape is the input's; of classes there is one a row"
            )
        return _cross_entropy_probabilities(input, target, weight, reduction, label_smoothing)
    target, dim, has_ignored = _checked("cross_entropy", input, target, weight, ignore_index)
    if label_smoothing:
        return _cross_entropy_smoothed(
            input, target, weight, ignore_index, reduction, label_smoothing, dim
        )
    places = target.unsqueeze(dim)  # type: ignore[attr-defined]
    if not input._array.size:  # no rows, which may have no classes
        return reduced(sum(input, dim), reduction, "NllLoss")
    losses = index_cross_entropy.fast[_BOTH](input, places, (), (), dim, False)
    return _mean_of_classes(losses, target, weight, ignore_index, has_ignored, reduction)


def _cross_entropy_probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    dim = _class_dim(input)
    if smoothing:
        spread = smoothing / max(input.shape[dim], 1)
        target = target * (1 - smoothing) + spread  # type: ignore[operator]
    scores = log_softmax(input, dim)
    if weight is not None:
        scores = scores * _along(weight, dim, input.ndim)
    loss = -sum(scores * target, dim)  # type: ignore[operator]
    if reduction == "mean":
        return sum(loss) / loss.numel()  # type: ignore[operator]
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
    return own * (1 - smoothing) + spread * (smoothing / max(input.shape[dim], 1))  # type: ignore[operator]
