"""Connectionist temporal classification: nn.functional.ctc_loss (Graves et al., 2006)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import INTEGER
from ...core.tensor import Tensor, wrap
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation

_LOWEST = -np.inf


def _joined(*logs: Any) -> Any:
    """log of the sum of exponentials, elementwise."""
    result = logs[0]
    for x in logs[1:]:
        result = np.logaddexp(result, x)
    return result


def _paths(scores: Any, labels: Any, blank: int) -> tuple[Any, Any]:
    """For one sequence: the log of the sum over all prefixes, and over all suffixes, of paths.

    Args:
        scores: (time, classes), log probabilities.
        labels: The target, blanks between and around its labels.
    """
    steps, count = len(scores), len(labels)
    emitted = scores[:, labels]
    skips = np.zeros(count, bool)  # a label may follow the one before it without a blank
    skips[2:] = (labels[2:] != blank) & (labels[2:] != labels[:-2])
    alpha = np.full((steps, count), _LOWEST)
    alpha[0, :2] = emitted[0, :2]
    for t in range(1, steps):
        stay, step, skip = alpha[t - 1].copy(), np.full(count, _LOWEST), np.full(count, _LOWEST)
        step[1:], skip[2:] = stay[:-1], stay[:-2]
        alpha[t] = _joined(stay, step, np.where(skips, skip, _LOWEST)) + emitted[t]
    beta = np.full((steps, count), _LOWEST)
    beta[-1, -2:] = emitted[-1, -2:]
    for t in range(steps - 2, -1, -1):
        stay, step, skip = beta[t + 1].copy(), np.full(count, _LOWEST), np.full(count, _LOWEST)
        step[:-1] = stay[1:]
        skip[:-2] = np.where(skips[2:], stay[2:], _LOWEST)
        beta[t] = _joined(stay, step, skip) + emitted[t]
    return alpha, beta


def _spaced(target: Any, blank: int) -> Any:
    labels = np.full(2 * len(target) + 1, blank)
    labels[1::2] = target
    return labels


@operation(operands="x", label="CtcLoss")
def ctc_(
    x: Any, targets: list[Any], lengths: tuple[int, ...], blank: int, zero_infinity: bool
) -> Any:
    """Minus the log probability of each target: x (time, batch, classes)."""
    losses = _losses_map(x, targets, lengths, blank)
    return np.where(np.isinf(losses), 0, losses) if zero_infinity else losses


def _losses(x: Any, targets: list[Any], lengths: tuple[int, ...], blank: int) -> Any:
    """The same with NumPy, where a target that no path leads to has an infinite loss."""
    losses = np.empty(x.shape[1], x.dtype)
    for n, (target, steps) in enumerate(zip(targets, lengths)):
        labels = _spaced(target, blank)
        if not steps:
            losses[n] = np.inf if len(target) else 0
            continue
        alpha, _ = _paths(x[:steps, n].astype(np.float64), labels, blank)
        losses[n] = -_joined(*alpha[-1, -2:])
    return losses


_losses_map = kernels.Native("nn.ctc", "losses", _losses)


@ctc_.gradient
def _(
    g: Tensor,
    x: Tensor,
    targets: list[Any],
    lengths: tuple[int, ...],
    blank: int,
    zero_infinity: bool,
) -> Tensor:
    shares = shares_(x, targets, lengths, blank, zero_infinity)
    return shares * g.unsqueeze(0).unsqueeze(-1)


@operation(operands="x", label="CtcLossBackward")
def shares_(
    x: Any, targets: list[Any], lengths: tuple[int, ...], blank: int, zero_infinity: bool
) -> Any:
    """exp(x) less how much of all paths go through each class: PyTorch's gradient.

    Its first term, which a softmax before cancels, makes each row sum to 0. As in PyTorch there is no
    second derivative, and NaN says that no path leads to a target, unless such are to count for nothing.
    """
    return _shares_map(x, targets, lengths, blank, zero_infinity)


def _shares(
    x: Any, targets: list[Any], lengths: tuple[int, ...], blank: int, zero_infinity: bool
) -> Any:
    """The same with NumPy."""
    result = np.zeros_like(x)
    for n, (target, steps) in enumerate(zip(targets, lengths)):
        if not steps:
            continue
        labels, scores = _spaced(target, blank), x[:steps, n].astype(np.float64)
        alpha, beta = _paths(scores, labels, blank)
        total = _joined(*alpha[-1, -2:])
        impossible = np.isinf(total)
        if impossible and zero_infinity:
            continue
        through = np.full(scores.shape, _LOWEST)
        for i, label in enumerate(labels):
            through[:, label] = _joined(through[:, label], alpha[:, i] + beta[:, i])
        share = np.exp(through - scores - total)
        if not impossible:
            share[np.isneginf(through)] = 0  # where a score is -inf itself, too
        result[:steps, n] = np.exp(scores) - share
    return result


_shares_map = kernels.Native("nn.ctc", "shares", _shares)


@public("ctc_loss", "nn.functional.ctc_loss")
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: Any = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the log probability that a sequence, blanks and repetitions taken out, is the target.

    Args:
        log_probs: (time, batch, classes) or (time, classes).
        targets: (batch, length), or all targets after each other.
        input_lengths, target_lengths: Of each sequence and target.
        blank: The class that stands for nothing.
        reduction: "none", "sum", or "mean": of losses by their targets' lengths.
        zero_infinity: Losses of targets that do not fit are 0, and so are their gradients.

    Raises:
        RuntimeError: The lengths do not fit.
        ValueError: An unknown reduction.

    Source: torch.nn.functional.ctc_loss
    """
    single = log_probs.ndim == 2
    x = log_probs.unsqueeze(1) if single else log_probs
    inputs = _numbers("input_lengths", input_lengths)
    sizes = _numbers("target_lengths", target_lengths)
    _check(x, inputs, sizes, blank)
    losses = ctc_(x, _parted(targets._array, sizes, x.shape[2]), inputs, blank, bool(zero_infinity))
    kinds = {0: "none", 1: "mean", 2: "sum"}
    reduction = kinds.get(reduction, reduction)
    if reduction == "mean":
        by = np.maximum(np.asarray(sizes, x._kind.numpy), 1)
        return (losses / wrap(by, x._kind)).mean()
    if reduction == "sum":
        return losses.sum()
    if reduction != "none":
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return losses.squeeze(0) if single else losses


def _numbers(name: str, lengths: Any) -> tuple[int, ...]:
    if isinstance(lengths, Tensor) and lengths.dtype.category != INTEGER:
        raise RuntimeError(f"{name} must be integral, but they are {lengths.dtype}: use .long()")
    values = lengths.tolist() if isinstance(lengths, Tensor) else lengths
    return tuple(int(n) for n in (values if isinstance(values, (list, tuple)) else [values]))


def _check(x: Tensor, inputs: tuple[int, ...], sizes: tuple[int, ...], blank: int) -> None:
    if not x._array.size:
        raise RuntimeError(f"log_probs tensor must not be empty, but its shape is {list(x.shape)}")
    steps, batch, classes = x.shape
    if not x.is_floating_point():
        raise RuntimeError(
            f'"ctc_loss" not implemented for {x.dtype}: log_probs are floating point'
        )
    for name, values in (("input_lengths", inputs), ("target_lengths", sizes)):
        if len(values) != batch:
            raise RuntimeError(
                f"{name} must be of size batch_size: expected {batch}, got {len(values)}"
            )
        if min(values, default=0) < 0:
            raise RuntimeError(f"{name} must be non-negative, got {list(values)}")
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range: got {blank} for {classes} classes")
    if max(inputs, default=0) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {max(inputs)}"
        )


def _parted(targets: Any, sizes: tuple[int, ...], classes: int) -> list[Any]:
    """Each sequence's target."""
    parts = _cut(targets, sizes)
    every = np.concatenate(parts) if parts else targets[:0]
    if every.size and (every.min() < 0 or every.max() >= classes):
        bad = every[(every < 0) | (every >= classes)]
        if bad.size:
            raise IndexError(
                f"Target {int(bad[0])} is out of bounds: there are {classes} classes, 0 to {classes - 1}"
            )
    return parts


def _cut(targets: Any, sizes: tuple[int, ...]) -> list[Any]:
    if targets.ndim == 2:
        if len(targets) != len(sizes):
            raise RuntimeError(
                f"Expected tensor to have size {len(sizes)} at dimension 0, but got size {len(targets)} "
                "for argument #2 'targets'"
            )
        if max(sizes, default=0) > targets.shape[1]:
            raise RuntimeError(
                f"Expected tensor to have size at least {max(sizes)} at dimension 1, but got size "
                f"{list(targets.shape)} for argument #2 'targets'"
            )
        return [row[:size] for row, size in zip(targets, sizes)]
    if targets.size != sum(sizes):
        raise RuntimeError(
            f"Expected tensor to have size {sum(sizes)} at dimension 0, but got size {targets.size} for "
            "argument #2 'targets'"
        )
    ends = np.cumsum(sizes)
    return [targets[end - size : end] for end, size in zip(ends, sizes)]
