"""Marks that NVIDIA's profilers show.

Source: torch.cuda.nvtx
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..kernels.cuda import driver
from .current import api


def _marks() -> Any:
    """CuPy's functions of NVTX.

    Raises:
        RuntimeError: No device can be used.
    """
    if driver.why_not():
        raise RuntimeError(
            f"NVTX functions not installed. Are you sure you have a CUDA build? {driver.why_not()}"
        )
    return api().nvtx


def range_push(msg: str) -> int:
    """Begin a range within the one around it; gives how many are around it.

    Raises:
        RuntimeError: No device can be used.

    Source: torch.cuda.nvtx.range_push
    """
    _marks().RangePush(msg)
    _depth.append(msg)
    return len(_depth) - 1


def range_pop() -> int:
    """End the innermost range; gives how many are left around.

    Raises:
        RuntimeError: No device can be used.

    Source: torch.cuda.nvtx.range_pop
    """
    _marks().RangePop()
    if _depth:
        _depth.pop()
    return len(_depth)


_depth: list[str] = []


def range_start(msg: str) -> Any:
    """Begin a range that may end in another thread; gives what `range_end` takes.

    Raises:
        RuntimeError: No device can be used.

    Source: torch.cuda.nvtx.range_start
    """
    return _marks().RangeStart(msg, None)  # of no colour


def range_end(range_id: Any) -> None:
    """End a range that `range_start` began.

    Raises:
        RuntimeError: No device can be used.

    Source: torch.cuda.nvtx.range_end
    """
    _marks().RangeEnd(range_id)


def mark(msg: str) -> None:
    """A point in time.

    Raises:
        RuntimeError: No device can be used.

    Source: torch.cuda.nvtx.mark
    """
    _marks().Mark(msg)


@contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A block that the profiler shows, also as a decorator.

    Args:
        msg: Its name; the other arguments are formatted into it.

    Raises:
        RuntimeError: No device can be used.

    Source: torch.cuda.nvtx.range
    """
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()


__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]
