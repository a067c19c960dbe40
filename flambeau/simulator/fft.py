"""Fourier transforms, as `cupy.fft`: of cuFFT in CuPy, of NumPy here."""

from __future__ import annotations

import numpy as np

from . import signatures
from .call import call, table, written

globals().update(
    {
        name: written(line, getattr(np.fft, name), call)
        for name, line in table(signatures.FFT).items()
    }
)

__all__ = [*table(signatures.FFT)]
