"""The profiler's older home: names of `flambeau.profiler` where PyTorch has them too.

It is the one module of this folder that imports from above; it loads when asked for.
"""

from __future__ import annotations

from ..profiler import kineto_available
from ..profiler.event import DeviceType, FunctionEvent, FunctionEventAvg, Interval
from ..profiler.event_list import EventList
from ..profiler.session import Profile as profile
from ..profiler.session import record_function

__all__ = [
    "DeviceType",
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "Interval",
    "kineto_available",
    "profile",
    "record_function",
]
