"""The profiler's older home: names of `flambeau.profiler` where PyTorch has them too.

The profiler stands above everything that it watches, this folder too, so its names are handed on when asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_ELSEWHERE = {
    "DeviceType": ("event", "DeviceType"),
    "EventList": ("event_list", "EventList"),
    "FunctionEvent": ("event", "FunctionEvent"),
    "FunctionEventAvg": ("event", "FunctionEventAvg"),
    "Interval": ("event", "Interval"),
    "kineto_available": ("", "kineto_available"),
    "profile": ("session", "Profile"),
    "record_function": ("session", "record_function"),
}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    module, own = _ELSEWHERE[name]
    place = import_module(f"...profiler.{module}".rstrip("."), __name__)
    value = globals()[name] = getattr(place, own)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ELSEWHERE})


__all__ = sorted(_ELSEWHERE)
