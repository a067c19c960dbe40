"""A CUDA GPU in NumPy, for machines without one: the part of CuPy's interface that flambeau uses, and an executor of PTX.

It takes CuPy's place when the environment has FLAMBEAU_CUDA_SIMULATOR=1, or the number of GPUs that there are to be. It is
slow, and there to test with, so it refuses what a GPU or CuPy lets pass and computes something else with: arrays of the
host or of another GPU among a function's arrays, indices that CuPy wraps round, two values for one element, waiting while
a stream is captured; and in kernels addresses outside of arrays, misaligned ones, barriers that not all threads reach,
races for shared memory. What nobody may read is garbage: new memory, and factors of matrices that have none. What only a
GPU has is not here: work of several streams at once, and time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import (
    bool_,
    complex64,
    complex128,
    complexfloating,
    dtype,
    e,
    euler_gamma,
    finfo,
    float16,
    float32,
    float64,
    floating,
    generic,
    iinfo,
    inexact,
    inf,
    int8,
    int16,
    int32,
    int64,
    integer,
    intp,
    nan,
    newaxis,
    number,
    pi,
    signedinteger,
    uint8,
    uint16,
    uint32,
    uint64,
    unsignedinteger,
)

from . import cuda, fft, functions, lib, linalg, signatures
from .array import ndarray
from .call import accumulated, ask, call, table, written
from .ufunc import UFUNCS, ufunc


def _function(name: str, line: str) -> Any:
    """One of CuPy's functions: with a form of its own, or NumPy's."""
    own = getattr(functions, name, None)
    if own is not None:
        return own
    through = accumulated if name in signatures.ACCUMULATED.split() else call
    return written(line, getattr(np, name), through)


def _method(line: str) -> Any:
    """A method of arrays, which is the function of its name."""
    name = line.partition("(")[0]
    function = globals()[name]
    if name == "clip":
        return lambda self, min=None, max=None, out=None: function(self, min, max, out)
    return written(line, function, lambda function, *args, **options: function(*args, **options))


globals().update(UFUNCS)
globals().update(
    {name: _function(name, line) for name, line in table(signatures.FUNCTIONS).items()}
)
globals().update(
    {
        name: written(line, getattr(np, name), ask)
        for name, line in table(signatures.QUESTIONS).items()
    }
)
for _line in table(signatures.METHODS).values():
    setattr(ndarray, _line.partition("(")[0], _method(_line))

__version__ = "14.2.0"

__all__ = [
    "cuda",
    "fft",
    "lib",
    "linalg",
    "ndarray",
    "ufunc",
    *UFUNCS,
    *table(signatures.FUNCTIONS),
    *table(signatures.QUESTIONS),
]
