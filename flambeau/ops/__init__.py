"""What operations there are: one file a family, one definition an operation, all in the registry."""

from .custom import pointwise, rowwise
from .formula import Operand
from .rule import operation

__all__ = ["Operand", "operation", "pointwise", "rowwise"]
