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
        r"unlike (NumPy|float64): .*(inf|e\+(37|38|30\d)).*$",
        "the difference of the ends overflows, in PyTorch too",
    ),
    Known(
        r"^nn\.functional\.mish$",
        r"unlike NumPy: .*: -0\.0 for nan$",
        "the limit at -inf; the reference multiplies infinity with 0",
    ),
    Known(
        r"^nn\.functional\.softsign$",
        r"unlike NumPy: .*: \(nan",
        "a complex infinity has no direction that a quotient could keep; PyTorch gives nan too",
    ),
    Known(
        "^(var|std)_mean$",
        r"unlike NumPy: .*: (.*e\+30[4-8].* for .*(inf|nan)|nan for inf$)",
        "the reference overflows where the mean does not; the variance of an infinite element is nan",
    ),
    Known(
        "mvlgamma|multigammaln",
        r"unlike float64: ",
        "below (p - 1) / 2, near poles of lgamma: x - 1 is rounded in float32, in PyTorch too",
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
