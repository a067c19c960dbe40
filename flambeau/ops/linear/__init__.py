"""Linear algebra on NumPy's LAPACK. It loads when first asked for: see `ops.late`."""

from . import (
    eig,
    indefinite,
    inverse,
    lowrank,
    lu,
    norm,
    orthogonal,
    power,
    product,
    pseudoinverse,
    svd,
    triangle,
)
from .check import LinAlgError

__all__ = ["LinAlgError"]
