"""Automatic differentiation: graph, engine, modes, and what users build with them."""

from __future__ import annotations

from .._lazy import attach as _attach
from . import hook
from .gradient import backward, grad
from .mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from .variable import Variable

__getattr__, __dir__ = _attach(
    __name__,
    (
        *("anomaly_mode", "forward_ad", "function", "functional", "grad_mode", "gradcheck"),
        *("graph", "profiler"),
    ),
    {
        "_disable_profiler": "profiler",
        "_profiler_enabled": "profiler",
        "Function": "function",
        "GradcheckError": "gradcheck",
        "detect_anomaly": "anomaly_mode",
        "gradgradcheck": "gradcheck",
        "set_detect_anomaly": "anomaly_mode",
        "set_multithreading_enabled": "grad_mode",
    },
)


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
