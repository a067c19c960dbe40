"""When NVIDIA's profilers look, where they are told to wait for it.

Source: torch.cuda.profiler
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from .current import api


def start() -> None:
    """Let the profiler look from here.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.profiler.start
    """
    api().profiler.start()


def stop() -> None:
    """Let it look no more.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.profiler.stop
    """
    api().profiler.stop()


@contextmanager
def profile() -> Iterator[None]:
    """A block in which the profiler looks.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.profiler.profile
    """
    start()
    try:
        yield
    finally:
        stop()


def init(output_file: str, flags: object = None, output_mode: str = "key_value") -> NoReturn:
    """Set up NVIDIA's old profiler.

    Raises:
        NotImplementedError: Always; CUDA 12 has it no more.

    Source: torch.cuda.profiler.init
    """
    raise NotImplementedError(
        "torch.cuda.profiler.init is of a profiler that CUDA has no more: run the program under nsys"
    )


__all__ = ["init", "profile", "start", "stop"]
