"""The profiler's older home: names of `flambeau.profiler` where PyTorch has them too.

The profiler stands above everything that it watches, this folder too, so its names are handed on when asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from ..core.device import backends

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


class emit_nvtx:
    """A block whose operations NVIDIA's profiler shows.

    Raises:
        AssertionError: On entering; there is no CUDA device.
        NotImplementedError: On entering; `torch.cuda.nvtx.range` marks blocks, and nothing marks each operation.

    Source: torch.autograd.profiler.emit_nvtx
    """

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled, self.entered, self.record_shapes = enabled, False, record_shapes

    def __enter__(self) -> emit_nvtx | None:
        if self.enabled and backends.accelerator() is None:
            raise AssertionError("Torch not compiled with CUDA enabled")
        if self.enabled:
            raise NotImplementedError(
                "operations are not marked one by one: mark blocks with torch.cuda.nvtx.range"
            )
        return None

    def __exit__(self, *exception: object) -> None:
        """Nothing to end."""


class emit_itt(emit_nvtx):
    """A block whose operations Intel's profiler shows.

    Raises:
        RuntimeError: On entering; flambeau does not speak to it.

    Source: torch.autograd.profiler.emit_itt
    """

    def __enter__(self) -> emit_itt | None:
        if self.enabled:
            raise RuntimeError("ITT functions not installed. Are you sure you have a ITT build?")
        return None


def _recorders() -> list[Any]:
    recorder = sys.modules.get(f"{__name__.partition('.')[0]}.profiler.recorder")
    return [] if recorder is None else recorder.active


def _profiler_enabled() -> bool:
    """Does a profiler record?"""
    return bool(_recorders())


def _disable_profiler() -> None:
    """Let all profilers stop recording."""
    for recorder in tuple(_recorders()):
        recorder.stop()


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
