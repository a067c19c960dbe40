"""Linear algebra on NumPy's LAPACK. It loads when first asked for: see `ops.late`."""

from . import (
    indefinite,
    inverse,
    lowrank,
    lu,
    norm,
    orthogonal,
    power,
    product,
    pseudoinverse,
    spectrum,
    triangle,
)
from .check import LinAlgError

__all__ = ["LinAlgError"]
