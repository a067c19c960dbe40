"""One value everywhere in an array."""

from __future__ import annotations

from typing import Any


def write(array: Any, value: Any) -> None:
    """``array.fill(value)``, for any array and number."""
    array.fill(value)


def fill(array: Any, value: Any) -> None:
    """``array[...] = value`` for a value without dimensions."""
    array[...] = value
