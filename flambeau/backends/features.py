"""Which libraries are used, by PyTorch's old names for it.

Source: torch
"""

from . import mkl, openmp

has_lapack = True  # NumPy's
has_spectral = True
has_mkl = mkl.is_available()
has_openmp = openmp.is_available()
