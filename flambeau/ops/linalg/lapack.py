"""NumPy's LAPACK functions without the checks around them, which operations have made themselves.

On a small matrix those checks cost several times what LAPACK does. Where a NumPy does not have a
function under the name looked for, its public one serves. A matrix that LAPACK could not work on comes
back as nan, from either.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

_inside = getattr(np.linalg, "_umath_linalg", None)


def _function(name: str, public: Callable, outputs: int = 1) -> Callable:
    found = getattr(_inside, name, None)
    if getattr(found, "nout", None) == outputs:
        return found  # type: ignore[return-value]

    def call(a: Any, *others: Any) -> Any:
        try:
            return public(a, *others)
        except np.linalg.LinAlgError:
            if a.ndim == 2:
                return _spoilt(public(np.eye(*a.shape, dtype=a.dtype), *others))
            rest = [np.broadcast_to(x, (*a.shape[:-2], *x.shape[-2:])) for x in others]
            results = [call(*parts) for parts in zip(a, *rest)]
            return np.stack(results) if outputs == 1 else tuple(map(np.stack, zip(*results)))

    return call


def _spoilt(results: Any) -> Any:
    """As many arrays of nan."""
    if isinstance(results, tuple):
        return tuple(map(_spoilt, results))
    return np.full_like(results, np.nan)


inv = _function("inv", np.linalg.inv)
solve = _function("solve", np.linalg.solve)
cholesky = _function("cholesky_lo", np.linalg.cholesky)
eigh = {
    "L": _function("eigh_lo", lambda a: tuple(np.linalg.eigh(a, "L")), 2),
    "U": _function("eigh_up", lambda a: tuple(np.linalg.eigh(a, "U")), 2),
}
svd = {
    True: _function("svd_f", lambda a: tuple(np.linalg.svd(a, True)), 3),
    False: _function("svd_s", lambda a: tuple(np.linalg.svd(a, False)), 3),
}


def failed(result: np.ndarray) -> bool:
    """Did LAPACK give up on a matrix (or has a result a nan)?"""
    if not result.size:
        return False
    last = result[..., -1, -1]
    return bool(last != last) if result.ndim == 2 else bool((last != last).any())


@lru_cache(64)
def _mask(m: int, n: int, upper: bool) -> np.ndarray:
    row, column = np.arange(m)[:, None], np.arange(n)
    return row <= column if upper else row >= column


SMALL = 64
"""Up to so many rows a kept mask is the fastest way to a triangle."""


def triangle(a: np.ndarray, upper: bool) -> np.ndarray:
    """A copy of the upper or the lower triangles of matrices."""
    m, n = a.shape[-2:]
    if m <= SMALL and n <= SMALL:
        return np.where(_mask(m, n, upper), a, a.dtype.type(0))
    return np.triu(a) if upper else np.tril(a)
