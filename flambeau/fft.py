"""Discrete Fourier transforms under torch.fft's names: computed from the registry."""

from .dispatch.registry import NAMESPACES
from .ops import families

families.load("fft.fourier")
globals().update(NAMESPACES["fft"])
__all__ = sorted(NAMESPACES["fft"])


def __dir__() -> list[str]:
    return __all__
