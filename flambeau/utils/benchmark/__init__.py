"""Timing of small pieces of code, with torch.utils.benchmark's interface.

A :class:`Timer` runs a statement, its :class:`Measurement` says what was seen and how far it may be
trusted, and :class:`Compare` sets several of them side by side.
"""

from .compare import Compare
from .measurement import (
    Measurement,
    TaskSpec,
    ordered_unique,
    select_unit,
    set_torch_threads,
    trim_sigfig,
    unit_to_english,
)
from .timer import Language, Timer, timer

__all__ = [
    "Compare",
    "Language",
    "Measurement",
    "TaskSpec",
    "Timer",
    "ordered_unique",
    "select_unit",
    "set_torch_threads",
    "timer",
    "trim_sigfig",
    "unit_to_english",
]
