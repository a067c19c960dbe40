"""Linear algebra on NumPy's LAPACK, all of it: importing this module registers it (see `ops.families`)."""

from . import (  # noqa: F401
    cholesky,
    cross,
    eig,
    inverse,
    ldl,
    lowrank,
    lu,
    norm,
    polar,
    power,
    pseudoinverse,
    qr,
    svd,
)
from .check import LinAlgError

__all__ = ["LinAlgError"]
