"""Checkpoints that all processes write together, and read together, also when there are more or fewer of them.

Source: torch.distributed.checkpoint
"""

from .api import AsyncSaveResponse, Stateful, async_save, load, newest, save
from .plan import CheckpointException
from .storage import FileSystemReader, FileSystemWriter

__all__ = [
    "AsyncSaveResponse",
    "CheckpointException",
    "FileSystemReader",
    "FileSystemWriter",
    "Stateful",
    "async_save",
    "load",
    "newest",
    "save",
]
