"""How the library was built: not at all, it is Python; what it found on this machine instead.

Source: torch.__config__
"""

from __future__ import annotations

import platform

import numpy as np

from . import _version, kernels


def show() -> str:
    """The versions, and the kernels that are in use.

    Source: torch.__config__.show
    """
    off = kernels.why_off()
    lines = [
        f"flambeau {_version.__version__}, API of PyTorch {_version.TORCH_API}, built with:",
        f"  - Python {platform.python_version()}",
        f"  - NumPy {np.__version__}",
        f"  - Native kernels: {'off, ' + off if off else 'on, compiled by llvmlite'}",
        f"  - CPU: {platform.machine()}",
        "  - CUDA: none of PyTorch's",
    ]
    return "\n".join(lines) + "\n"


def parallel_info() -> str:
    """How many threads share the work.

    Source: torch.__config__.parallel_info
    """
    from .setting import get_num_interop_threads

    return (
        f"ATen/Parallel:\n\tat::get_num_threads() : {kernels.get_num_threads()}\n"
        f"\tat::get_num_interop_threads() : {get_num_interop_threads()}\n"
        "ATen parallel backend: flambeau's own pool of threads\n"
    )
