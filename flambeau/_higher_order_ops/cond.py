"""One of two functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor


def is_true(pred: Any) -> bool:
    """A condition as a bool.

    Raises:
        RuntimeError: It is a tensor of several elements.
    """
    if isinstance(pred, Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    return bool(pred)


def cond(
    pred: bool | int | float | Tensor,
    true_fn: Callable,
    false_fn: Callable,
    operands: tuple | list = (),
) -> Any:
    """Call one of two functions.

    Args:
        pred: Which: a bool, or a tensor of one element.
        true_fn, false_fn: The functions.
        operands: What they take.

    Raises:
        RuntimeError: `pred` has several elements, or `operands` is no tuple or list.

    Source: torch.cond

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([1.0, -2.0])
        >>> torch.cond(x.sum() > 0, torch.exp, torch.abs, (x,))
        tensor([1., 2.])
    """
    if not isinstance(operands, tuple | list):
        raise RuntimeError(f"Expect operands to be a tuple or a list, but got {operands}.")
    return true_fn(*operands) if is_true(pred) else false_fn(*operands)
