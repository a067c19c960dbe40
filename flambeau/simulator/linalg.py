"""Linear algebra, as `cupy.linalg`: of cuSOLVER in CuPy, of NumPy here."""

from __future__ import annotations

import numpy as np

from . import signatures
from .call import call, table, written

globals().update(
    {
        name: written(line, getattr(np.linalg, name), call)
        for name, line in table(signatures.LINALG).items()
    }
)
