"""Linear algebra under torch.linalg's names: computed from the registry."""

from .dispatch.registry import NAMESPACES
from .ops.linalg.decompositions import LinAlgError

globals().update(NAMESPACES["linalg"])
__all__ = sorted((*NAMESPACES["linalg"], LinAlgError.__name__))


def __dir__() -> list[str]:
    return __all__
