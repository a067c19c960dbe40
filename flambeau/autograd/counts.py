"""How many references an object has that only we hold: measured, for Pythons count differently.

Until CPython 3.13 each call adds a reference to its arguments; since 3.14 an argument may be borrowed
from the caller's variable. Where such a number is too large, memory that somebody else sees is taken
for our own; where it is too small, something is copied that need not be. So it is found by trying, on
an object that nobody else holds, with the code that uses the number.
"""

from __future__ import annotations

from collections.abc import Callable

MOST = 4
"""The largest number that a tested Python gives (3.11 to 3.13). Something that holds on to the variables
of frames, as a tracing function can, gives more."""


def fewest(taken: Callable[[int, bool], bool]) -> int:
    """The smallest number with which an object that only we hold is taken; 0, which no object has, if
    that cannot be relied on: then nothing is ever taken.

    Args:
        taken: Tries a number on a new object. With True, somebody else holds that object too.
    """
    for count in range(1, MOST + 1):
        if taken(count, False):
            return 0 if taken(count, True) else count
    return 0
