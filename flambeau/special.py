"""torch.special: special functions by name, from the registry."""

from .ops import late
from .ops.registry import NAMESPACES

late.load("polynomial")
globals().update(NAMESPACES["special"])
__all__ = sorted(NAMESPACES["special"])


def __dir__() -> list[str]:
    return __all__
