"""What functions should give, written anew with NumPy and mpmath and without flambeau."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import index, matrix, neural, pointwise, reduction, special, structure

REFERENCES: dict[str, Callable[..., Any]] = {
    name: function
    for module in (pointwise, special, reduction, structure, index, matrix, neural)
    for names, function in module.REFERENCES.items()
    for name in names.split()
}
"""By path: a function of arrays (in 64 bits where they have a fraction) that gives one or several."""
