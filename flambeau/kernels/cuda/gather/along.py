"""Arrays in order, along one dimension: what the CPU does without a plan, here the general way does."""

from __future__ import annotations

from typing import Any


def write(how: str, along: bool, x: Any, dim: int, index: Any, values: Any) -> bool:
    """False: nothing was written."""
    return False


def write_at(how: str, x: Any, key: tuple, values: Any) -> bool:
    """False: nothing was written."""
    return False


def write_flat(how: str, x: Any, index: Any, values: Any) -> bool:
    """False: nothing was written."""
    return False
