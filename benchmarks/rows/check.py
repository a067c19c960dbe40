"""Are the two libraries' results of a row the same, as far as rounding lets them be?"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..fuzz.compare import Near, difference, largest
from ..fuzz.judge import NOT_WIDENED, RANDOM, UNIQUE
from ..fuzz.registry import Entry

OF_TIES = frozenset(
    (
        "sort",
        "argsort",
        "topk",
        "kthvalue",
        "median",
        "nanmedian",
        "mode",
        "msort",
        "cummax",
        "cummin",
        "max",
        "min",
    )
)
"""Functions whose indices are anybody's choice among equal elements."""
NO_PROMISE = frozenset(
    (
        "argsort",
        "linalg.qr",
        "qr",
        "geqrf",
        "element_size",
        "dim_order",
        "unique",
        "rrelu",
        "native_dropout",
        "multinomial",
    )
) | NOT_WIDENED & {"svd_lowrank", "pca_lowrank"}
"""Functions whose results are one of several right ones, or random."""


def unlike(entry: Entry, ours: list[Any], theirs: list[Any], backward: bool) -> str | None:
    """How the results differ, or None."""
    if entry.family in RANDOM or entry.path in NO_PROMISE or "rand" in entry.name:
        return None
    if entry.path in UNIQUE and not backward:
        ours, theirs = UNIQUE[entry.path](*ours), UNIQUE[entry.path](*theirs)
    if entry.name in OF_TIES:
        ours, theirs = ours[:1], theirs[:1]
    if len(ours) != len(theirs):
        return f"{len(ours)} results for {len(theirs)}"
    for got, want in zip(ours, theirs):
        scale = largest(want) if isinstance(want, np.ndarray) else 1.0
        if isinstance(got, np.ndarray) and isinstance(want, np.ndarray) and got.dtype != want.dtype:
            return f"{got.dtype} for {want.dtype}"
        wide = 20_000 if entry.family.startswith(("linalg", "fft", "nn")) else 1000
        found = difference(got, want, Near(wide, 16, scale, True))
        if found:
            return found
    return None
