"""torch.profiler.profiler: the profiler's names in PyTorch's file."""

from .schedule import (
    ProfilerAction,
    ProfilerActivity,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)
from .schedule import always as _default_schedule_fn
from .session import profile

PROFILER_STEP_NAME = "ProfilerStep"
__all__ = [
    "PROFILER_STEP_NAME",
    "ProfilerAction",
    "ProfilerActivity",
    "_default_schedule_fn",
    "profile",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
