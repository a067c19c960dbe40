"""torch.special: special functions by name, from the registry."""

from .ops.registry import NAMESPACES

globals().update(NAMESPACES["special"])
__all__ = sorted(NAMESPACES["special"])


def __dir__() -> list[str]:
    return __all__
