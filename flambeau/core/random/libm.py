"""float64 functions of the C library, which PyTorch's scalar kernels call.

NumPy has vectorised ones of its own on some processors, which differ in the last place now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ... import kernels

_FEW = 64
"""Elements up to which Python's functions take less time."""


def each(function: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    """A function of Python's math module of every element."""
    if x.size > _FEW and kernels.enabled():
        found: np.ndarray = kernels.array.libm.each(function.__name__.lstrip("_"), x)
        return found
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def cos_sin(angle: np.ndarray) -> Sequence[np.ndarray]:
    """Cosine and sine. NumPy's complex exponential is the C library's, and faster than a call an element."""
    if angle.size > _FEW and kernels.enabled():
        found: Sequence[np.ndarray] = kernels.array.libm.cos_sin(angle)
        return found
    turned = np.zeros(angle.shape, np.complex128)
    turned.imag = angle
    turned = np.exp(turned)
    return turned.real, turned.imag
