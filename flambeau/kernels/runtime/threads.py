"""How many threads compute: one number for machine code and for the BLAS that NumPy brings."""

from __future__ import annotations

import ctypes
import glob
import os
from functools import cache
from typing import Any

import numpy as np

from . import pool
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
    if not enabled():
        return
    if pool.is_possible():
        machine().pool.resize(threads)
    elif threads > 1:
        import warnings

        warnings.warn(
            f"set_num_threads({threads}): machine code runs on one thread on this system, which has no POSIX "
            "threads; only NumPy's matrix products use more",
            RuntimeWarning,
            stacklevel=3,
        )


def get_number() -> int:
    """Of machine code, where there is any; or else of NumPy's matrix products."""
    if enabled() and not pool.is_possible():
        return 1
    return _chosen[0] if _chosen else pool.usable_processors()


@cache
def _blas() -> Any:
    """The function of NumPy's OpenBLAS that sets its threads; None for another BLAS."""
    library = blas_library()
    for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads"):
        if hasattr(library, name):
            return getattr(library, name)
    return None


@cache
def blas_library() -> Any:
    """The OpenBLAS that NumPy brings; None for another BLAS."""
    folder = os.path.join(os.path.dirname(os.path.dirname(np.__file__)), "numpy.libs")
    inside = os.path.join(os.path.dirname(np.__file__), ".dylibs")
    for path in glob.glob(os.path.join(folder, "*openblas*")) + glob.glob(
        os.path.join(inside, "*openblas*")
    ):
        return ctypes.CDLL(path)
    return None
