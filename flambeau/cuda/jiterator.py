"""Kernels in C++ for CUDA devices: there are none. `torch.ops.pointwise` writes kernels in Python.

Source: torch.cuda.jiterator
"""

from .._absent import functions
from . import _not_compiled

globals().update(functions(__name__, "_create_jit_fn _create_multi_output_jit_fn", _not_compiled))
