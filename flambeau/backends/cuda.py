"""CUDA: what was built in, and permissions for its matrix products."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
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

    @property
    def fp32_precision(self) -> str:
        """The same as a word: "ieee", or "tf32".

        Source: torch.backends.cuda.matmul.fp32_precision
        """
        return "tf32" if self.allow_tf32 else "ieee"

    @fp32_precision.setter
    def fp32_precision(self, precision: str) -> None:
        if precision not in ("none", "ieee", "tf32"):
            raise RuntimeError(f"Unknown precision: {precision}: it is 'none', 'ieee' or 'tf32'")
        self.allow_tf32 = precision == "tf32"


def _precision() -> Any:
    from ..kernels.cuda.matmul.precision import precision

    return precision


matmul = _Matmul()


def is_built() -> bool:
    """Can CUDA be used? It is no matter of the build here: what is missing can be installed.

    Source: torch.backends.cuda.is_built
    """
    from ..kernels.cuda import driver

    return not driver.why_not()


class _LinalgBackend(Enum):
    """Libraries of linear algebra."""

    Default = 0
    Cusolver = 1


class _BlasBackend(Enum):
    """Libraries of products."""

    Default = 0
    Cublas = 1


def _preferred(given: Any, known: type[Enum], used: Enum) -> Enum:
    """The library that is used; another one is refused."""
    if given is None or isinstance(given, known):
        return used
    names = [member.name.lower() for member in known]
    if str(given).lower() not in names:
        raise RuntimeError(
            f"Unknown input value. Choose from: {', '.join(names)}, not {given!r}: CuPy has no other library for it"
        )
    return used


def preferred_linalg_library(backend: Any = None) -> Any:
    """The library of linear algebra on CUDA: cuSOLVER, which may be asked for.

    Raises:
        RuntimeError: Another one is asked for.

    Source: torch.backends.cuda.preferred_linalg_library
    """
    return _preferred(backend, _LinalgBackend, _LinalgBackend.Cusolver)


def preferred_blas_library(backend: Any = None) -> Any:
    """The library of products on CUDA: cuBLAS, which may be asked for.

    Raises:
        RuntimeError: Another one is asked for.

    Source: torch.backends.cuda.preferred_blas_library
    """
    return _preferred(backend, _BlasBackend, _BlasBackend.Cublas)


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
