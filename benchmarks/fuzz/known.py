"""Differences that are known and explained, each with its reason: the fuzzer counts them and does not complain."""

from __future__ import annotations

import re
from typing import NamedTuple


class Known(NamedTuple):
    """A kind of difference.

    Attributes:
        paths: A pattern of the functions it is met in.
        complaint: A pattern of what is found.
        reason: Why it is right, or cannot be otherwise.
    """

    paths: str
    complaint: str
    reason: str


KNOWN: tuple[Known, ...] = ()


def reason(path: str, complaint: str) -> str:
    """Why a complaint is none, or ""."""
    for kind in KNOWN:
        if re.search(kind.paths, path) and re.search(kind.complaint, complaint):
            return kind.reason
    return ""
