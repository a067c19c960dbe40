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


KNOWN = (
    Known(
        "^(special.)?sinc$",
        r"unlike NumPy: .*: nan for -?[\d.]+e-(39|4\d)$",
        "pi x overflows beyond a third of the largest number, in PyTorch too; the quotient would be below 1e-38",
    ),
    Known(
        "lerp",
        r"unlike (NumPy|float64): .*: -?inf for -?[\d.]+e\+(4|37|38|30\d)$",
        "the difference of the ends overflows, in PyTorch too",
    ),
    Known(
        "^corrcoef$",
        r"unlike .*: (nan for -?[\d.]+|-?[\d.]+ for nan)$",
        "the correlation of a constant row is 0/0, or what rounding leaves of it",
    ),
)


def reason(path: str, complaint: str) -> str:
    """Why a complaint is none, or ""."""
    for kind in KNOWN:
        if re.search(kind.paths, path) and re.search(kind.complaint, complaint):
            return kind.reason
    return ""
