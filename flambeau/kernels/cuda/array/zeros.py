"""New arrays."""

from __future__ import annotations

from typing import Any

from .. import driver
from . import fill


def fresh(shape: Any, dtype: Any) -> Any:
    """An array that holds what the memory held."""
    return driver.cupy().empty(shape, dtype)


def zeros(shape: Any, dtype: Any) -> Any:
    """An array of zeros."""
    return driver.cupy().zeros(shape, dtype)


def full(shape: Any, dtype: Any, value: Any) -> Any:
    """An array that holds one value everywhere."""
    made = fresh(shape, dtype)
    fill.write(made, value)
    return made
