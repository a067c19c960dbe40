"""Marks for NVIDIA's profilers, as `cupy.cuda.nvtx`: written down in a list, for tests."""

from __future__ import annotations

noted: list[tuple[str, str | int]] = []
"""What was marked: the function, and the text or number that it was given."""


def Mark(message: str, id_color: int = -1) -> None:
    noted.append(("Mark", message))


def RangePush(message: str, id_color: int = -1) -> None:
    noted.append(("RangePush", message))


def RangePop() -> None:
    noted.append(("RangePop", ""))


def RangeStart(message: str, color: int | None) -> int:
    noted.append(("RangeStart", message))
    return len(noted)


def RangeEnd(range_id: int) -> None:
    noted.append(("RangeEnd", range_id))


__all__ = ["Mark", "RangeEnd", "RangePop", "RangePush", "RangeStart"]
