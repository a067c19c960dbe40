"""Models whose layers are in different processes, with batches that run through them in pieces.

Source: torch.distributed.pipelining
"""

from .schedule import Schedule1F1B, ScheduleGPipe
from .stage import PipelineStage

__all__ = ["PipelineStage", "Schedule1F1B", "ScheduleGPipe"]
