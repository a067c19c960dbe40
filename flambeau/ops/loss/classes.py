"""What scores say of each target's class, by weights of the classes, reduced: operations of one kernel each."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.tensor import Tensor
from ...dispatch.rule.rule_operation import operation
from ...formula.evaluate import silently


def in_order(x: Any) -> Any:
    """The array, or a copy of it whose elements lie in order."""
    return kernels.array.copy.in_order(x)


REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


@operation(
    operands="x target weight", outputs="y total", differentiable=(0,), label="NllLoss",
    names="self target weight",
)  # fmt: skip
def picked(x: Any, target: Any, weight: Any, ignored: int, reduction: int) -> tuple[Any, Any]:
    """Minus the targets' scores (N, C, ...) by their weights, and the sum of the weights."""
    return pick(in_order(x), target, weight, ignored, reduction)  # type: ignore[no-any-return]


@picked.gradient
def _(
    g_y: Tensor, target: Tensor, weight: Any, total: Tensor, shape_x: tuple[int, ...], ignored: int,
    reduction: int,
) -> tuple:  # fmt: skip
    return picked_back(g_y, target, weight, total, shape_x, ignored, reduction), None, None


@picked.tangent
def _(t_x: Tensor, target: Tensor, weight: Any, ignored: int, reduction: int) -> tuple:
    return picked(t_x, target, weight, ignored, reduction)[0], None


@operation(operands="g target weight total", label="NllLossBackward")
def picked_back(
    g: Any, target: Any, weight: Any, total: Any, shape: tuple[int, ...], ignored: int, reduction: int
) -> Any:  # fmt: skip
    """What arrived, at the targets' classes."""
    g = in_order(g)
    return _pick_back(g, target, weight, total, shape, ignored, reduction)


@picked_back.gradient
def _(g: Tensor, target: Tensor, weight: Any, ignored: int, reduction: int) -> tuple:
    return picked(g, target, weight, ignored, reduction)[0], None, None, None


@operation(
    operands="x target weight", outputs="y total", differentiable=(0,), label="NllLoss",
    names="self target weight",
)  # fmt: skip
def weighed(x: Any, target: Any, weight: Any, ignored: int, reduction: int) -> tuple[Any, Any]:
    """The targets' losses by their weights, and the sum of the weights."""
    return weigh(in_order(x), target, weight, ignored, reduction)  # type: ignore[no-any-return]


@weighed.gradient
def _(
    g_y: Tensor, target: Tensor, weight: Any, total: Tensor, shape_x: tuple[int, ...], ignored: int,
    reduction: int,
) -> tuple:  # fmt: skip
    return weighed_back(g_y, target, weight, total, shape_x, ignored, reduction), None, None


@weighed.tangent
def _(t_x: Tensor, target: Tensor, weight: Any, ignored: int, reduction: int) -> tuple:
    return weighed(t_x, target, weight, ignored, reduction)[0], None


@operation(operands="g target weight total", label="NllLossBackward")
def weighed_back(
    g: Any, target: Any, weight: Any, total: Any, shape: tuple[int, ...], ignored: int, reduction: int
) -> Any:  # fmt: skip
    """What arrived, by the weights."""
    g = in_order(g)
    return _weigh_back(g, target, weight, total, shape, ignored, reduction)


@weighed_back.gradient
def _(g: Tensor, target: Tensor, weight: Any, ignored: int, reduction: int) -> tuple:
    return weighed(g, target, weight, ignored, reduction)[0], None, None, None


# ------------------------------------------------------------------------------------- with NumPy

_HOST = np.ndarray


def _outside(target: Any, classes: int, ignored: int) -> Any:
    return ((target < 0) | (target >= classes)) & (target != ignored)


def out_of_bounds(target: Any, sizes: tuple[int, ...], ignored: int) -> IndexError:
    """The error of a target that is none of the classes, of scores of these sizes."""
    classes = sizes[min(len(sizes) - 1, 1)]
    bad = int(target[_outside(target, classes, ignored)].reshape(-1)[0])
    return IndexError(
        f"Target {bad} is out of bounds. An input {list(sizes)} has {classes} classes, 0 to {classes - 1}; "
        f"ignore_index is {ignored}"
    )


def _fit(target: Any, classes: int, ignored: int) -> int:
    if _outside(target, classes, ignored).any():
        return 0
    return 2 if (target == ignored).any() else 1


def _scale(target: Any, weight: Any, ignored: int, dtype: Any) -> tuple[Any, Any, Any]:
    """What is ignored, the classes, 0 for that, and what each counts."""
    skipped = target == ignored
    classes = np.where(skipped, 0, target)
    known = np.ones((), dtype) if weight is None else weight[classes]
    return skipped, classes, np.where(skipped, np.zeros((), dtype), known)


@silently
def _counted(losses: Any, skipped: Any, scale: Any, reduction: int) -> tuple[Any, Any]:
    losses = np.where(skipped, np.zeros((), losses.dtype), losses * scale)
    if reduction == REDUCTIONS["none"]:
        return losses, np.zeros((), losses.dtype)
    wide = np.promote_types(losses.dtype, np.float32)
    total, loss = np.sum(scale, dtype=wide), np.sum(losses, dtype=wide)
    loss = loss / total if reduction == REDUCTIONS["mean"] else loss
    return np.asarray(loss, losses.dtype), np.asarray(total, losses.dtype)


@silently
def _shared(g: Any, scale: Any, total: Any, reduction: int) -> Any:
    part = g * scale
    return part / total if reduction == REDUCTIONS["mean"] else part


def _picked(x: Any, target: Any, weight: Any, ignored: int, reduction: int) -> tuple[Any, Any]:
    dim = min(x.ndim - 1, 1)
    if target.__class__ is _HOST and not _fit(target, x.shape[dim], ignored):
        raise out_of_bounds(target, x.shape, ignored)
    skipped, classes, scale = _scale(target, weight, ignored, x.dtype)
    losses = -np.take_along_axis(x, np.expand_dims(classes, dim), dim).reshape(target.shape)
    return _counted(losses, skipped, scale, reduction)


def _picked_back(
    g: Any, target: Any, weight: Any, total: Any, shape: tuple, ignored: int, reduction: int
) -> Any:
    dim = min(len(shape) - 1, 1)
    _, classes, scale = _scale(target, weight, ignored, g.dtype)
    steps = np.arange(shape[dim]).reshape([-1 if i == dim else 1 for i in range(len(shape))])
    here = np.expand_dims(classes, dim) == steps
    part = np.expand_dims(-_shared(g, scale, total, reduction), dim)
    return np.where(here, part, np.zeros((), g.dtype)).astype(g.dtype, copy=False)


def _weighed(x: Any, target: Any, weight: Any, ignored: int, reduction: int) -> tuple[Any, Any]:
    skipped, _, scale = _scale(target, weight, ignored, x.dtype)
    return _counted(x, skipped, scale, reduction)


def _weighed_back(
    g: Any, target: Any, weight: Any, total: Any, shape: tuple, ignored: int, reduction: int
) -> Any:
    scale = _scale(target, weight, ignored, g.dtype)[2]
    return np.broadcast_to(_shared(g, scale, total, reduction), shape).astype(g.dtype)


fitting = kernels.Native("nn.classes", "fitting", _fit)
"""1 where every target is one of the classes, 2 where some are ignored, 0 where one is neither."""
pick = kernels.Native("nn.classes", "picked", _picked)
_pick_back = kernels.Native("nn.classes", "picked_back", _picked_back)
weigh = kernels.Native("nn.classes", "weighed", _weighed)
_weigh_back = kernels.Native("nn.classes", "weighed_back", _weighed_back)
