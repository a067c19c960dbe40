"""Utilities under torch's names: data, checkpoint, dlpack, hooks."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name in (
        "_mode_utils",
        "_pytree",
        "_python_dispatch",
        "checkpoint",
        "data",
        "dlpack",
        "hooks",
    ):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torch.utils' has no attribute '{name}'")
