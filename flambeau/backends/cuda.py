"""CUDA: what was built in, and permissions for its matrix products."""

from __future__ import annotations

from collections.abc import Callable

from .attention import Allowed, SDPBackend, allow


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
