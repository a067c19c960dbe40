"""NVIDIA's profiler: it needs a CUDA device.

Source: torch.cuda.profiler
"""

from .._absent import functions
from . import _not_compiled

globals().update(functions(__name__, "cudart init profile start stop", _not_compiled))
