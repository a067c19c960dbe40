"""Work of the current stream: done at once, or written down while the stream is captured.

What a GPU would do (kernels, functions of arrays, copies on the device) goes through `run`, or `array.computed` where it
makes new arrays. `Graph.launch` does what was written down.
"""

from __future__ import annotations

from .cuda import runtime
from .cuda.graph import Work, perform
from .cuda.stream import get_current_stream


def works() -> list[Work] | None:
    """What the current stream has written down while it is captured, else None."""
    return get_current_stream().works


def run(work: Work) -> None:
    """Do what changes device memory in the current stream, or write it down."""
    perform(work, get_current_stream().works)


def synchronizes() -> None:
    """What comes now waits for the GPU.

    Raises:
        CUDARuntimeError: The current stream is being captured.
    """
    if works() is not None:
        runtime.refuse_capture()


__all__ = ["run", "synchronizes", "works"]
