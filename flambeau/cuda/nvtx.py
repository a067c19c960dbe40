"""Marks for NVIDIA's profiler: it needs a CUDA build.

Source: torch.cuda.nvtx
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._absent import functions

_names = functions(
    __name__,
    "mark range_push range_pop range_start range_end",
    lambda name: RuntimeError("NVTX functions not installed. Are you sure you have a CUDA build?"),
)
globals().update(_names)


@contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A block that the profiler shows.

    Raises:
        RuntimeError: Always; there is no CUDA device.

    Source: torch.cuda.nvtx.range
    """
    _names["range_push"](msg)
    yield
