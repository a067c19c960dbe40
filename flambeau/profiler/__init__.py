"""Profiling: which operations run, how often, how long, and with what.

Nothing here is loaded, and nothing is noted, until a profiler starts. Source: torch.profiler
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .event import DeviceType
from .schedule import (
    ProfilerAction,
    ProfilerActivity,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)
from .session import profile, record_function

__all__ = [
    "DeviceType",
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]


def kineto_available() -> bool:
    """Is PyTorch's tracing library there? It is not, and not needed.

    Source: torch.profiler.kineto_available
    """
    return False


def __getattr__(name: str) -> Any:
    if name in ("itt", "profiler"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torch.profiler' has no attribute '{name}'")
