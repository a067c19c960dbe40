"""torch._C._autograd: names of the profiler.

Source: torch._C._autograd
"""

from ..profiler.event import DeviceType

__all__ = ["DeviceType"]
