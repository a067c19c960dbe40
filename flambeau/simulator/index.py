"""Elements by keys: what NumPy gets for one, and what a GPU would do with wrong ones.

CuPy wraps indices that are out of bounds round, without a word, and leaves to chance which of two values an element gets
that a key names twice. Both are errors here.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class Misuse(RuntimeError):
    """CuPy would take this, and give other elements than those that were meant."""


def write(host: np.ndarray, key: Any, advanced: bool, value: Any) -> None:
    """Write elements.

    Raises:
        Misuse: An index is out of bounds, or one element is given several values.
    """
    if not advanced:
        host[key] = value
        return
    try:
        host[key] = value
        found = host[key]
    except IndexError as error:
        raise _wrapped(error) from None
    if isinstance(value, np.ndarray) and value.size > 1:
        meant = np.broadcast_to(value.astype(host.dtype), found.shape)
        same = (found == meant) | ((found != found) & (meant != meant))
        if not same.all():
            raise Misuse(
                "an index array names an element more than once, with several values: "
                "which of them it gets is left to chance on a GPU"
            )


def read(host: np.ndarray, key: Any) -> np.ndarray:
    """A copy of elements by index arrays or masks.

    Raises:
        Misuse: An index is out of bounds.
    """
    try:
        return np.asarray(host[key])
    except IndexError as error:
        raise _wrapped(error) from None


def inside(indices: Any, n: int) -> None:
    """Indices may not be out of bounds.

    Raises:
        Misuse: One is.
    """
    given = np.asarray(indices)
    if given.size and (given.min() < -n or given.max() >= n):
        raise Misuse(
            f"indices from {given.min()} to {given.max()} are out of bounds for a dimension of {n}: {_WRAPS}"
        )


_WRAPS = "CuPy would wrap them round, and say nothing"


def _wrapped(error: IndexError) -> Exception:
    return Misuse(f"{error}: {_WRAPS}") if "out of bounds" in str(error) else error


def has_mask(key: Any) -> bool:
    """Does the shape of what a key names depend on values?"""
    parts = key if key.__class__ is tuple else (key,)
    return any(part.__class__ is np.ndarray and part.dtype.kind == "b" for part in parts)


__all__ = ["Misuse", "has_mask", "inside", "read", "write"]
