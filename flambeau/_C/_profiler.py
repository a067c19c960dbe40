"""torch._C._profiler: names of the profiler.

Source: torch._C._profiler
"""

from ..profiler.schedule import ProfilerActivity

__all__ = ["ProfilerActivity"]
