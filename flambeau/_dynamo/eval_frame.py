"""PyTorch's file of the compiler's entry: `OptimizedModule` is here, and whether there is a compiler."""

from __future__ import annotations

from ..compiler import disable
from ..nn.optimized import OptimizedModule
from . import explain, export, optimize, optimize_assert, reset


def is_dynamo_supported() -> bool:
    """Can Python's code be compiled? Not here: `torch.compile` gives what runs eagerly.

    Source: torch._dynamo.eval_frame.is_dynamo_supported
    """
    return False


def is_inductor_supported() -> bool:
    """Is there PyTorch's generator of kernels? flambeau has its own.

    Source: torch._dynamo.eval_frame.is_inductor_supported
    """
    return False


__all__ = [
    "OptimizedModule",
    "disable",
    "explain",
    "export",
    "is_dynamo_supported",
    "is_inductor_supported",
    "optimize",
    "optimize_assert",
    "reset",
]
