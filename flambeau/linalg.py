"""Linear algebra under torch.linalg's names: computed from the registry."""

from .ops.linear.check import LinAlgError
from .ops.registry import NAMESPACES

globals().update(NAMESPACES["linalg"])
__all__ = sorted((*NAMESPACES["linalg"], LinAlgError.__name__))


def __dir__() -> list[str]:
    return __all__
