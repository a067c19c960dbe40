"""CUDA: what was built in, and permissions for its matrix products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .attention import Allowed, SDPBackend, allow


class _Matmul:
    """Permissions to lose precision in products on a GPU; no product on a CPU loses any.

    TF32 is used where it is allowed. Sums of half types are always kept in float32, whatever is allowed.
    """

    __slots__ = (
        "allow_bf16_reduced_precision_reduction",
        "allow_fp16_accumulation",
        "allow_fp16_reduced_precision_reduction",
    )

    def __init__(self) -> None:
        self.allow_fp16_accumulation = False
        self.allow_fp16_reduced_precision_reduction = True
        self.allow_bf16_reduced_precision_reduction = True

    @property
    def allow_tf32(self) -> bool:
        """May float32 factors be rounded to TF32? It is what `set_float32_matmul_precision` says too.

        Source: torch.backends.cuda.matmul.allow_tf32
        """
        return _precision().allow_tf32

    @allow_tf32.setter
    def allow_tf32(self, allow: bool) -> None:
        _precision().allow_tf32 = bool(allow)


def _precision() -> Any:
    from ..kernels.cuda.matmul.precision import precision

    return precision


matmul = _Matmul()


def is_built() -> bool:
    """Is there CUDA code in this build? There is not.

    Source: torch.backends.cuda.is_built
    """
    return False


def _switch(way: SDPBackend, told: str, asked: str) -> tuple[Callable, Callable]:
    """The function that allows or forbids a way of computing attention, and the one that tells."""

    def enable(enabled: bool) -> None:
        allow(way, bool(enabled))

    def enabled() -> bool:
        return way in Allowed.ways

    for made, name, verb in ((enable, told, "Allow or forbid"), (enabled, asked, "Is")):
        made.__name__ = made.__qualname__ = name
        rest = f"{way.name} as a way of computing attention"
        text = f"{verb} {rest}." if made is enable else f"{verb} {rest} allowed?"
        made.__doc__ = f"{text}\n\n    Source: torch.backends.cuda.{name}\n    "
    return enable, enabled


enable_flash_sdp, flash_sdp_enabled = _switch(
    SDPBackend.FLASH_ATTENTION, "enable_flash_sdp", "flash_sdp_enabled"
)
enable_mem_efficient_sdp, mem_efficient_sdp_enabled = _switch(
    SDPBackend.EFFICIENT_ATTENTION, "enable_mem_efficient_sdp", "mem_efficient_sdp_enabled"
)
enable_math_sdp, math_sdp_enabled = _switch(SDPBackend.MATH, "enable_math_sdp", "math_sdp_enabled")
enable_cudnn_sdp, cudnn_sdp_enabled = _switch(
    SDPBackend.CUDNN_ATTENTION, "enable_cudnn_sdp", "cudnn_sdp_enabled"
)
