"""Extensions in C++ and CUDA: they are written against PyTorch's libraries, which flambeau has not.

Programs that only ask (`CUDA_HOME`, `ROCM_HOME`) get their answer; what would build one raises.

Source: torch.utils.cpp_extension
"""

from __future__ import annotations

import os

from .._absent import functions

CUDA_HOME = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
CUDNN_HOME = ROCM_HOME = SYCL_HOME = None
IS_HIP_EXTENSION = False


def _refused(name: str) -> RuntimeError:
    return RuntimeError(
        f"torch.utils.cpp_extension.{name}: extensions in C++ and CUDA need PyTorch's libraries, and flambeau is written "
        "in Python. Write the operation with torch.ops.pointwise, torch.library or torch.autograd.Function, or run the "
        "program with PyTorch"
    )


globals().update(
    functions(
        __name__,
        "BuildExtension CUDAExtension CppExtension SyclExtension include_paths library_paths load load_inline "
        "check_compiler_abi_compatibility get_compiler_abi_compatibility_and_version verify_ninja_availability",
        _refused,
    )
)


def is_ninja_available() -> bool:
    """Is ninja there, which builds extensions? It is not asked for.

    Source: torch.utils.cpp_extension.is_ninja_available
    """
    return False
