"""Collective operations of NVIDIA's devices: there are none.

Source: torch.cuda.nccl
"""

from __future__ import annotations

from typing import Any

from .._absent import functions
from . import _not_compiled

globals().update(
    functions(
        __name__,
        "all_gather all_reduce broadcast init_rank reduce reduce_scatter unique_id version",
        _not_compiled,
    )
)


def is_available(tensors: Any) -> bool:
    """Can NCCL work on these tensors? No.

    Source: torch.cuda.nccl.is_available
    """
    return False
