"""Losses of classes: nll_loss and cross_entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.device import CPU
from ...core.dtype import FLOAT, int64, uint8
from ...core.tensor import Tensor
from ...dispatch.decided import decided
from ...dispatch.formula.rowwise import rowwise
from ...formula import primitive as p
from ...formula.expression import Expression, length, position
from ..reduction.softmax import log_softmax
from ..reduction.sum import sum
from .classes import REDUCTIONS, fitting, in_order, out_of_bounds, pick, picked, weigh, weighed
from .reduction import check_dtype, check_reduction, loss, reduced


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


@rowwise(label="NllLoss", not_promoted="target", reduced="target", names="input target smoothing")
def smoothed_cross_entropy(x: Expression, target: Expression, smoothing: float = 0.0) -> Expression:
    """The same of a target of which a part is spread over all classes."""
    c = x - p.held(p.amax(x))
    picked = p.sum(p.where(p.equal(position(), target), c, 0.0))
    return p.log(p.sum(p.exp(c))) - (1.0 - smoothing) * picked - smoothing * p.mean(c)


@smoothed_cross_entropy.gradient
def _(
    g: Expression, x: Expression, target: Expression, y: Expression, smoothing: Expression
) -> tuple:
    e = p.exp(x - p.held(p.amax(x)))
    share = e / p.sum(e) - smoothing / length()
    return g * (share - p.where(p.equal(position(), target), 1.0 - smoothing, 0.0)), None


@rowwise(label="CrossEntropy", names="input target", unsupported="bool int complex")
def likely_cross_entropy(x: Expression, target: Expression) -> Expression:
    """-sum(target * log_softmax(x)) of a row."""
    c = x - p.held(p.amax(x))
    return -p.sum(target * (c - p.log(p.sum(p.exp(c)))))


@likely_cross_entropy.gradient
def _(g: Expression, x: Expression, target: Expression, y: Expression) -> tuple:
    c = x - p.held(p.amax(x))
    e = p.exp(c)
    total = p.sum(e)
    return g * (e / total * p.sum(target) - target), -g * (c - p.log(total))


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


def _check_layout(name: str, input: Tensor, target: Tensor, weight: Tensor | None) -> None:
    """What the scores', the targets' and the weights' shapes and dtypes must be."""
    dim = _class_dim(input)
    sizes, shape = input._array.shape, target._array.shape
    if shape != (*sizes[:dim], *sizes[dim + 1 :]) and (len(sizes) != 1 or shape != (1,)):
        _refuse_shape(name, sizes, shape)
    if target._kind.dtype not in (int64, uint8):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {target.dtype.legacy}: convert the "
            "target with .long()"
        )
    if weight is not None:
        if weight._array.shape != (sizes[dim],):
            raise RuntimeError(
                f"weight tensor should be defined either for all {sizes[dim]} classes or no classes but "
                f"got weight tensor of shape: {list(weight.shape)}"
            )
        check_dtype("weight", weight, input)


def _classes_of(input: Tensor, target: Tensor) -> Callable[[Tensor], Tensor] | None:
    """What makes int64 of targets like this one, in the shape that the scores ask for; None where they are."""
    squeezes = input._array.ndim == target._array.ndim
    if not squeezes and target._kind.dtype is int64:
        return None
    return lambda x: (x.squeeze(0) if squeezes else x).to(int64)  # type: ignore[attr-defined]


def _look(target: Tensor, sizes: tuple[int, ...], ignore_index: int) -> bool:
    """Are some targets ignored?

    Raises:
        IndexError: One is none of the classes.
    """
    array, kind = target._array, target._kind
    if not kind.has_elements:
        return False
    if not kind.backend.can_look():
        return True
    classes = sizes[min(len(sizes) - 1, 1)]
    found = fitting(array, classes, ignore_index)
    if not found:
        raise out_of_bounds(array, sizes, ignore_index)
    return bool(found == 2)


@loss("input target weight size_average ignore_index reduce reduction")
@decided
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Minus the log probability of the target's class.

    Args:
        input: Log probabilities (N, C, ...) or (C).
        target: Classes (N, ...) or ().
        weight: (C), how much a class counts.
        ignore_index: A target that does not count.

    Source: torch.nn.functional.nll_loss
    """
    _check_layout("nll_loss", input, target, weight)
    check_reduction(reduction)
    how, classes_of = REDUCTIONS[reduction], _classes_of(input, target)
    kind, looks = input._kind, input._kind.device is not CPU

    def run(input: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        if classes_of is not None:
            target = classes_of(target)
        if looks:
            _look(target, input._array.shape, ignore_index)
        elif not mode.recording or (
            input._node is None and (weight is None or weight._node is None)
        ):
            scales = None if weight is None else weight._array
            found = pick(in_order(input._array), target._array, scales, ignore_index, how)[0]
            return handle.make(found, kind, None, [0], None)
        if weight is not None and weight._node is not None:
            losses = picked(input, target, None, ignore_index, REDUCTIONS["none"])[0]
            return _by_learned_weights(losses, target, weight, ignore_index, reduction)
        return picked(input, target, weight, ignore_index, how)[0]  # type: ignore[no-any-return]

    return run


@loss("input target weight size_average ignore_index reduce reduction label_smoothing")
@decided
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
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
        return lambda input, target, weight: _cross_entropy_probabilities(
            input, target, weight, reduction, label_smoothing
        )
    _check_layout("cross_entropy", input, target, weight)
    check_reduction(reduction)
    if not input._array.size:  # no rows, which may have no classes
        dim = _class_dim(input)
        return lambda input, target, weight: reduced(sum(input, dim), reduction, "NllLoss")
    if label_smoothing and weight is not None:
        return lambda input, target, weight: _cross_entropy_smoothed(
            input, target, weight, ignore_index, reduction, label_smoothing
        )
    sizes, dim, classes_of = input._array.shape, _class_dim(input), _classes_of(input, target)
    order = None if reduction == "none" else _order_of_rows(input._array, dim)
    if order is None:
        return _of_classes(sizes, dim, classes_of, ignore_index, reduction, label_smoothing)
    classes, places = sizes[dim], [i - (i > dim) for i in order[:-1]]
    by_rows = _of_classes(sizes, 1, classes_of, ignore_index, reduction, label_smoothing)

    def run(input: Any, target: Any, weight: Tensor | None) -> Tensor:
        rows = input.permute(*order).reshape(-1, classes)
        return by_rows(rows, target.permute(*places).reshape(-1), weight)

    return run


def _order_of_rows(x: Any, dim: int) -> tuple[int, ...] | None:
    """The order of dimensions in which the scores of `x` are the rows of a matrix, where they lie so without a gap but
    are not given so: scores of a sequence that was transposed for its classes to be the second dimension."""
    lead = sorted((i for i in range(x.ndim) if i != dim), key=lambda i: (-x.strides[i], i))
    order = (*lead, dim)
    if dim == x.ndim - 1 or not x.transpose(order).flags.c_contiguous:
        return None
    return order


def _of_classes(
    sizes: tuple[int, ...],
    dim: int,
    classes_of: Callable[[Tensor], Tensor] | None,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """The losses of scores whose classes are a dimension, or their sum or mean."""
    how = REDUCTIONS[reduction]
    formula, options = index_cross_entropy.fast[_BOTH], ()
    if smoothing:
        formula, options = smoothed_cross_entropy.fast[_BOTH], (float(smoothing),)

    def run(input: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        if classes_of is not None:
            target = classes_of(target)
        ignores = _look(target, sizes, ignore_index)
        shape = input._array.shape
        kept = target._array.reshape(*shape[:dim], 1, *shape[dim + 1 :])
        places = handle.make(kept, target._kind, None, target._cell, None)
        losses = formula(input, places, (), options, dim, False)
        if weight is None and not ignores:
            return reduced(losses, reduction, "NllLoss")
        if weight is not None and weight._node is not None:
            return _by_learned_weights(losses, target, weight, ignore_index, reduction)
        if losses._node is not None:
            return weighed(losses, target, weight, ignore_index, how)[0]  # type: ignore[no-any-return]
        scales = None if weight is None else weight._array
        found = weigh(in_order(losses._array), target._array, scales, ignore_index, how)[0]
        return handle.make(found, losses._kind, None, [0], None)

    return run


def _by_learned_weights(
    losses: Tensor, target: Tensor, weight: Tensor, ignore_index: int, reduction: str
) -> Tensor:
    """Losses by weights that want a gradient too."""
    ignored = target == ignore_index
    safe = target.masked_fill(ignored, 0)  # type: ignore[attr-defined]
    scale = weight[safe].masked_fill(ignored, 0.0)  # type: ignore[index]
    losses = (losses * scale).masked_fill(ignored, 0.0)  # type: ignore[attr-defined]
    return sum(losses) / sum(scale) if reduction == "mean" else reduced(losses, reduction)  # type: ignore[operator]


def _cross_entropy_probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    dim = _class_dim(input)
    if smoothing:
        spread = smoothing / max(input.shape[dim], 1)
        target = target * (1 - smoothing) + spread  # type: ignore[operator]
    if weight is not None:
        target = target * _along(weight, dim, input.ndim)
    losses = likely_cross_entropy.fast[_BOTH](input, target, (), (), dim, False)
    return reduced(losses, reduction)


def _along(weight: Tensor, dim: int, ndim: int) -> Tensor:
    return weight.reshape([-1 if i == dim else 1 for i in range(ndim)])  # type: ignore[attr-defined]


def _cross_entropy_smoothed(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> Tensor:
    """Where all classes share what is smoothed by their weights."""
    dim = _class_dim(input)
    scores = log_softmax(input, dim)
    own = nll_loss(scores, target, weight, ignore_index=ignore_index, reduction=reduction)
    spread = -sum(scores * _along(weight, dim, input.ndim), dim)  # type: ignore[operator]
    ignored = target == ignore_index
    spread = spread.masked_fill(ignored, 0.0)  # type: ignore[attr-defined]
    if reduction == "mean":
        counted = weight[target.masked_fill(ignored, 0)].masked_fill(ignored, 0.0)  # type: ignore
        spread = sum(spread) / sum(counted)
    else:
        spread = reduced(spread, reduction)
    return own * (1 - smoothing) + spread * (smoothing / max(input.shape[dim], 1))  # type: ignore[operator]
