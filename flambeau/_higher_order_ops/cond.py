"""One of two functions."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..fx.control import cond

__all__ = ["cond", "is_true"]


def is_true(pred: Any) -> bool:
    """A condition as a bool.

    Raises:
        RuntimeError: It is a tensor of several elements.
    """
    if isinstance(pred, Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    return bool(pred)
