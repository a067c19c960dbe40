"""Automatic differentiation: graph, engine, modes, and what users build with them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import hook
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .gradient import backward, grad
from .mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from .variable import Variable

_LAZY = {"anomaly_mode", "functional", "grad_mode", "gradcheck", "graph"}
_ELSEWHERE = {"gradgradcheck": "gradcheck", "GradcheckError": "gradcheck"}


def __getattr__(name: str) -> Any:
    """Modules that few programs use load when first asked for."""
    if name in _LAZY:
        return import_module(f"{__name__}.{name}")
    if name in _ELSEWHERE:
        return getattr(import_module(f"{__name__}.{_ELSEWHERE[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "hook",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
