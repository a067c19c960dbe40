"""What operations there are: one file a family, one definition an operation, all in the registry."""

from .define import pointwise
from .rule import operation

__all__ = ["operation", "pointwise"]
