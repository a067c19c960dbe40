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

from ...formula.dimensions import broadcast_shapes

_inside = getattr(np.linalg, "_umath_linalg", None)
WORK = 1 << 23
"""Of a stack that needs more (rows x columns x the smaller of both, of each matrix) a part is done at once, some 50 ms:
between parts Python looks at signals, so Ctrl-C is answered. One matrix cannot be cut."""


def in_parts(function: Callable) -> Callable:
    """A function of a stack of matrices, and perhaps of other stacks, that takes large ones in parts."""

    def call(a: Any, *others: Any) -> Any:
        if a.ndim < 3 or a.size * min(a.shape[-2:]) <= WORK:
            return function(a, *others)
        lead = broadcast_shapes(*(x.shape[:-2] for x in (a, *others)))
        flat = [
            np.broadcast_to(x, (*lead, *x.shape[-2:])).reshape(-1, *x.shape[-2:])
            for x in (a, *others)
        ]
        step = max(1, WORK // (a.shape[-2] * a.shape[-1] * min(a.shape[-2:])))
        parts = [function(*(x[i : i + step] for x in flat)) for i in range(0, len(flat[0]), step)]
        if not isinstance(parts[0], tuple):
            return _joined(parts, lead)
        return tuple(_joined(part, lead) for part in zip(*parts))

    return call


def _joined(parts: Any, lead: tuple[int, ...]) -> np.ndarray:
    whole = np.concatenate(parts)
    return whole.reshape(*lead, *whole.shape[1:])


def _function(name: str, public: Callable, outputs: int = 1) -> Callable:
    known = getattr(getattr(_inside, name, None), "nout", None) == outputs

    def call(a: Any, *others: Any) -> Any:
        if known and _inside is not None:
            return getattr(_inside, name)(a, *others)
        try:
            return public(a, *others)
        except np.linalg.LinAlgError:
            if a.ndim == 2:
                return _spoilt(public(np.eye(*a.shape, dtype=a.dtype), *others))
            rest = [np.broadcast_to(x, (*a.shape[:-2], *x.shape[-2:])) for x in others]
            results = [call(*parts) for parts in zip(a, *rest)]
            return np.stack(results) if outputs == 1 else tuple(map(np.stack, zip(*results)))

    return in_parts(call)


def _spoilt(results: Any) -> Any:
    """As many arrays of nan."""
    if isinstance(results, tuple):
        return tuple(map(_spoilt, results))
    return np.full_like(results, np.nan)


inv = _function("inv", np.linalg.inv)
solve = _function("solve", np.linalg.solve)
cholesky = _function("cholesky_lo", np.linalg.cholesky)
_eigh_lower = _function("eigh_lo", lambda a: tuple(np.linalg.eigh(a, "L")), 2)
_eigh_upper = _function("eigh_up", lambda a: tuple(np.linalg.eigh(a, "U")), 2)
_svd_full = _function("svd_f", lambda a: tuple(np.linalg.svd(a, True)), 3)
_svd_reduced = _function("svd_s", lambda a: tuple(np.linalg.svd(a, False)), 3)


def eigh(a: Any, uplo: str) -> Any:
    """Eigenvalues and eigenvectors of matrices, of which one triangle is read."""
    return (_eigh_lower if uplo == "L" else _eigh_upper)(a)


def svd(a: Any, full: bool) -> Any:
    """Singular value decompositions."""
    return (_svd_full if full else _svd_reduced)(a)


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
