"""Utilities under torch's names: data, checkpoint, dlpack, hooks."""

from importlib import import_module
from typing import Any

_MODULES = (
    *("_contextlib", "_mode_utils", "_python_dispatch", "_pytree", "checkpoint", "data"),
    *("dlpack", "flop_counter", "hooks", "module_tracker", "swap", "weak"),
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name == "swap_tensors":
        return import_module(f"{__name__}.swap").swap_tensors
    raise AttributeError(f"module 'torch.utils' has no attribute '{name}'")
