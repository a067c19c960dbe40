"""NVIDIA's library of collective operations: its version. What it does in one process, `torch.cuda.comm` does by copies.

Source: torch.cuda.nccl
"""

from __future__ import annotations

from typing import Any

from .._absent import functions
from ..kernels.cuda import driver
from .current import api


def _refused(name: str) -> NotImplementedError:
    return NotImplementedError(
        f"torch.cuda.nccl.{name} is not supported: torch.cuda.comm copies and adds tensors among the GPUs of a process"
    )


globals().update(
    functions(
        __name__,
        "all_gather all_reduce broadcast init_rank reduce reduce_scatter unique_id",
        _refused,
    )
)


def is_available(tensors: Any) -> bool:
    """Can NCCL work on these tensors? No: its functions are not bound.

    Source: torch.cuda.nccl.is_available
    """
    return False


def version() -> tuple[int, int, int] | None:
    """The version of NCCL that CuPy has found, None where there is none.

    Source: torch.cuda.nccl.version
    """
    library = None if driver.why_not() else getattr(api(), "nccl", None)
    if library is None or not getattr(library, "available", False):
        return None
    number = int(library.get_version())
    return number // 10000, number // 100 % 100, number % 100
