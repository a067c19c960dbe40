"""Copies between arrays that lie in memory in different ways."""

from __future__ import annotations

from typing import Any


def contiguous(array: Any) -> Any:
    """A copy of an array with its elements in order."""
    return array.copy(order="C")


def in_order(array: Any) -> Any:
    """The array if its elements lie in order, else a copy that does."""
    return array if array.flags.c_contiguous else contiguous(array)


def copy_into(target: Any, source: Any) -> None:
    """Write an array's elements, broadcast and converted, into another's."""
    target[...] = source
