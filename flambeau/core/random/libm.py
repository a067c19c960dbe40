"""float64 functions of the C library, which PyTorch's scalar kernels call.

NumPy has vectorised ones of its own on some processors, which differ in the last place now and then.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def each(function: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    """A function of Python's math module of every element."""
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def cos_sin(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine: NumPy's complex exponential is the C library's, and four times faster than
    a call an element."""
    turned = np.zeros(angle.shape, np.complex128)
    turned.imag = angle
    turned = np.exp(turned)
    return turned.real, turned.imag
