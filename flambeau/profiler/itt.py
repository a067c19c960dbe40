"""Marks for Intel's profiler: flambeau does not speak to it.

Source: torch.profiler.itt
"""

from __future__ import annotations

from .._absent import functions


def is_available() -> bool:
    """Does it listen? No.

    Source: torch.profiler.itt.is_available
    """
    return False


globals().update(
    functions(
        __name__,
        "mark range range_pop range_push",
        lambda name: RuntimeError(
            "ITT functions not installed. Are you sure you have a ITT build?"
        ),
    )
)
