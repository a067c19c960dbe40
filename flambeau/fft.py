"""Discrete Fourier transforms under torch.fft's names: computed from the registry."""

from .ops.late import load
from .ops.registry import NAMESPACES

load("fourier")
globals().update(NAMESPACES["fft"])
__all__ = sorted(NAMESPACES["fft"])


def __dir__() -> list[str]:
    return __all__
