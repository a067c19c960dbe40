"""Linear algebra under torch.linalg's names: computed from the registry."""

from .ops.registry import NAMESPACES

globals().update(NAMESPACES["linalg"])
