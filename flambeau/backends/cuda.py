"""CUDA: what was built in, and permissions for its matrix products."""

from __future__ import annotations


class _Matmul:
    """Permissions to lose precision in products on a GPU; no product on a CPU loses any."""

    __slots__ = (
        "allow_bf16_reduced_precision_reduction",
        "allow_fp16_accumulation",
        "allow_fp16_reduced_precision_reduction",
        "allow_tf32",
    )

    def __init__(self) -> None:
        self.allow_tf32 = self.allow_fp16_accumulation = False
        self.allow_fp16_reduced_precision_reduction = True
        self.allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()


def is_built() -> bool:
    """Is there CUDA code in this build? There is not.

    Source: torch.backends.cuda.is_built
    """
    return False
