"""Libraries that PyTorch runs on, and what of them is there: facts, and switches that change no result."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_LAZY = frozenset(("cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"))


def __getattr__(name: str) -> Any:
    """Modules load when first asked for."""
    if name in _LAZY:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torch.backends' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
