"""Bags of indices, as arrays: which rows are looked up, and for which bag."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.twin import of_arrays


@of_arrays
def ended(starts: Any, count: int) -> Any:
    """Where each bag starts, and that the last one ends with so many indices."""
    return np.concatenate([starts, np.full(1, count, starts.dtype)])


@of_arrays
def even(index: Any, bags: int, size: int) -> Any:
    """Where bags of one size start, and the last one ends."""
    return np.arange(bags + 1) * size


@of_arrays
def owners(index: Any, starts: Any) -> Any:
    """The bag of each index."""
    return np.searchsorted(starts, np.arange(len(index)), side="right") - 1


@of_arrays
def without(index: Any, padding: int | None) -> Any:
    """Where indices are no padding."""
    return np.arange(len(index)) if padding is None else np.flatnonzero(index != padding)


@of_arrays
def counted(owner: Any, bags: int) -> Any:
    """How many indices each bag has."""
    return np.bincount(owner, minlength=bags)


@of_arrays
def divisors(starts: Any) -> Any:
    """What the sum of each bag is divided by for its mean; an empty one's by 1."""
    return np.maximum(starts[1:] - starts[:-1], 1)


@of_arrays
def starts_of(owner: Any, bags: int) -> Any:
    """Where each bag starts among owners in order, and the last one ends."""
    return np.searchsorted(owner, np.arange(bags + 1), side="left")


__all__ = ["counted", "divisors", "ended", "even", "owners", "starts_of", "without"]
