"""What no array can be: of more than 64 dimensions, or of more bytes than there are addresses or memory.

NumPy says so in several ways, some of them as a ValueError or IndexError; PyTorch raises RuntimeError. Where
NumPy speaks of an axis, PyTorch speaks of a dimension.
"""

from __future__ import annotations

import re

MAX_DIMS = 64
EXCEEDED = (ValueError, IndexError, MemoryError)
"""What NumPy raises for such arrays, among other things."""

_DIMENSIONS = r"(?:maximum supported dimension|number of dimensions must be within|ndmin must be)\D*(?:\d+\D+)*?(\d*)$"
_SIZE = r"array is too big|Maximum allowed (?:dimension|size) exceeded"
_PLACE = r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)"


def too_many(ndim: int | str = "") -> RuntimeError:
    """The error for an array of more dimensions than NumPy has."""
    would = f", and this would have {ndim}" if ndim else ""
    return RuntimeError(
        f"a tensor has at most {MAX_DIMS} dimensions, as NumPy's arrays do{would}: reshape or squeeze what "
        "goes into it"
    )


def reworded(error: Exception) -> Exception:
    """The error that PyTorch would raise for NumPy's, where that is about sizes or places; else the same error."""
    text = str(error)
    if isinstance(error, MemoryError):
        return RuntimeError(f"can't allocate memory: {text or 'the result is larger than it'}")
    if found := re.search(_DIMENSIONS, text):
        ndim = found.group(1)
        return too_many(ndim if ndim.isdigit() and int(ndim) > MAX_DIMS else "")
    if re.search(_SIZE, text):
        return RuntimeError(
            "numel: integer multiplication overflow: a tensor would have more bytes than there are addresses"
        )
    if found := re.search(_PLACE, text):
        place, dim, size = found.groups()
        return IndexError(f"index {place} is out of bounds for dimension {dim} with size {size}")
    if text.startswith("cannot do a non-empty take from an empty axes"):
        return IndexError("index is out of bounds for a dimension of size 0")
    return error
