"""torch.special: special functions by name, from the registry."""

from .dispatch.registry import NAMESPACES
from .ops import families

families.load("elementwise.polynomial")
globals().update(NAMESPACES["special"])
__all__ = sorted(NAMESPACES["special"])


def __dir__() -> list[str]:
    return __all__
