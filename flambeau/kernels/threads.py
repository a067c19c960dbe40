"""How many threads compute: one number for machine code and for the BLAS that NumPy brings."""

from __future__ import annotations

import ctypes
import glob
import os
from functools import cache
from typing import Any

import numpy as np

from .pool import usable_processors
from .process import enabled, machine

_chosen: list[int] = []


def set_number(threads: int) -> None:
    """Raises RuntimeError unless `threads` is positive."""
    if threads < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {threads}")
    _chosen[:] = [threads]
    blas = _blas()
    if blas is not None:
        blas(threads)
    if enabled():
        pool = machine().pool
        if pool is not None:
            pool.resize(threads)


def get_number() -> int:
    return _chosen[0] if _chosen else usable_processors()


@cache
def _blas() -> Any:
    """The function of NumPy's OpenBLAS that sets its threads; None for another BLAS."""
    folder = os.path.join(os.path.dirname(os.path.dirname(np.__file__)), "numpy.libs")
    inside = os.path.join(os.path.dirname(np.__file__), ".dylibs")
    for path in glob.glob(os.path.join(folder, "*openblas*")) + glob.glob(
        os.path.join(inside, "*openblas*")
    ):
        library = ctypes.CDLL(path)
        for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads"):
            if hasattr(library, name):
                return getattr(library, name)
    return None
