"""The user's code above us: which line of the program a warning or a note is about."""

from __future__ import annotations

import os
import sys
import warnings
from types import FrameType

OURS = (os.path.dirname(os.path.abspath(__file__)) + os.sep, "<flambeau ")
"""How the files of this package begin, and the names of the code that it writes itself."""


def user_frame(frame: FrameType | None) -> FrameType | None:
    """`frame` or the nearest caller of it outside this package."""
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    return frame


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn as if from the user's line, however many calls of ours lie between."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(OURS):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
