"""What operations there are: one file a family, one definition an operation, all in the registry."""

from ..dispatch.formula.custom import pointwise, rowwise
from ..dispatch.formula.formula_operation import Operand
from ..dispatch.rule.rule_operation import operation

__all__ = ["Operand", "operation", "pointwise", "rowwise"]
