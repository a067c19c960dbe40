"""Choosing among products' kernels on a CUDA device: there is none.

Source: torch.cuda.tunable
"""

from __future__ import annotations

from .._absent import functions
from . import _not_compiled

globals().update(
    functions(
        __name__,
        "enable get_filename get_max_tuning_duration get_max_tuning_iterations get_results get_validators read_file "
        "set_filename set_max_tuning_duration set_max_tuning_iterations tune_gemm_in_file tuning_enable",
        _not_compiled,
    )
)


def is_enabled() -> bool:
    """Is it chosen? No.

    Source: torch.cuda.tunable.is_enabled
    """
    return False


tuning_is_enabled = is_enabled
