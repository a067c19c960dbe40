"""Choosing among products' kernels by measuring them: not supported, cuBLAS chooses by itself.

Source: torch.cuda.tunable
"""

from __future__ import annotations

from .._absent import functions


def _refused(name: str) -> NotImplementedError:
    return NotImplementedError(
        f"torch.cuda.tunable.{name} is not supported: cuBLAS chooses the kernels of products"
    )


globals().update(
    functions(
        __name__,
        "get_filename get_max_tuning_duration get_max_tuning_iterations get_results get_validators read_file "
        "get_rotating_buffer_size mgpu_tune_gemm_in_file record_untuned_enable set_filename set_max_tuning_duration "
        "set_max_tuning_iterations set_numerical_check_tolerances set_rotating_buffer_size tune_gemm_in_file",
        _refused,
    )
)


def enable(val: bool = True) -> None:
    """Choose by measuring: only False.

    Raises:
        NotImplementedError: True.

    Source: torch.cuda.tunable.enable
    """
    if val:
        raise _refused("enable")


tuning_enable = enable


def is_enabled() -> bool:
    """Is it chosen so? No.

    Source: torch.cuda.tunable.is_enabled
    """
    return False


tuning_is_enabled = record_untuned_is_enabled = is_enabled
