"""torch.special: special functions by name, from the registry."""

from .dispatch.registry import NAMESPACES
from .ops import families

for _family in ("elementwise.polynomial", "elementwise.special", "reduction.softmax"):
    families.load(_family)
globals().update(NAMESPACES["special"])
__all__ = sorted(NAMESPACES["special"])


def __dir__() -> list[str]:
    return __all__
