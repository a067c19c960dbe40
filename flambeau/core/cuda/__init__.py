"""CUDA devices: arrays are CuPy's, kernels our own where there are any.

Operations run by their one definition (`core/twin.py`): what they call `np` is `numpy.py` here, which is CuPy behind NumPy's
names, and a kernel of the CPU is exchanged for the one of `kernels/cuda` in its place.
"""

from .backend import CudaBackend

__all__ = ["CudaBackend"]
