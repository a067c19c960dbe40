"""Which packages are there.

Source: torch.utils._import_utils
"""

from __future__ import annotations

import functools
import importlib.util
from typing import Any


def _check_module_exists(name: str) -> bool:
    """Is there a module of this name? It is not imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


@functools.lru_cache
def dill_available() -> bool:
    """Is the package dill there?"""
    return _check_module_exists("dill")


@functools.lru_cache
def import_dill() -> Any:
    """The package dill, or None."""
    return importlib.import_module("dill") if dill_available() else None
