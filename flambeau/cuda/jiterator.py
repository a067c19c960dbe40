"""Kernels in C++ for CUDA devices: not supported. `torch.ops.pointwise` writes kernels in Python, for all devices.

Source: torch.cuda.jiterator
"""

from .._absent import functions


def _refused(name: str) -> NotImplementedError:
    return NotImplementedError(
        f"torch.cuda.jiterator.{name} compiles C++, which flambeau has no compiler for: write the formula in Python with "
        "flambeau.ops.pointwise"
    )


globals().update(functions(__name__, "_create_jit_fn _create_multi_output_jit_fn", _refused))
