"""Automatic differentiation: graph, engine, modes, and what users build with them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import hook
from .function import Function
from .gradient import backward, grad
from .mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from .variable import Variable

_LAZY = {"anomaly_mode", "functional", "grad_mode", "gradcheck", "graph", "profiler"}
_ELSEWHERE = {
    "GradcheckError": "gradcheck",
    "detect_anomaly": "anomaly_mode",
    "gradgradcheck": "gradcheck",
    "set_detect_anomaly": "anomaly_mode",
}


def __getattr__(name: str) -> Any:
    """Modules that few programs use load when first asked for."""
    if name in _LAZY:
        return import_module(f"{__name__}.{name}")
    if name in _ELSEWHERE:
        value = globals()[name] = getattr(import_module(f"{__name__}.{_ELSEWHERE[name]}"), name)
        return value
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_ELSEWHERE})


__all__ = [
    "Function",
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "hook",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
]
