"""Arithmetic, and Python's operators on tensors."""

from __future__ import annotations

from ..core.promotion import PromotionKind
from ..core.tensor import Tensor
from ..formula import primitive as p
from ..formula.expression import Expression
from .define import binary, pointwise


@pointwise
def mul(x: Expression, y: Expression) -> Expression:
    """The product, element by element.

    Source: torch.mul

    Example:
        >>> import flambeau as torch
        >>> torch.mul(torch.tensor([1., 2.]), 3)
        tensor([3., 6.])
    """
    return x * y


@pointwise(label="Add", method=False, inplace=False)
def plus(x: Expression, y: Expression) -> Expression:
    """The sum of two operands: what the operator + does (`add` has alpha too)."""
    return x + y


@pointwise(kind=PromotionKind.INT_TO_FLOAT, label="Div", method=False, inplace=False)
def true_divide(x: Expression, y: Expression) -> Expression:
    """The quotient; integers are divided as floats."""
    return x / y


@pointwise(label="Sub", method=False, inplace=False)
def minus(x: Expression, y: Expression) -> Expression:
    """The difference of two operands: what the operator - does."""
    return x - y


for _name, _function in {"add": plus, "mul": mul, "sub": minus, "truediv": true_divide}.items():
    setattr(Tensor, f"__{_name}__", binary(_function.operation, operator=True))
    setattr(Tensor, f"__r{_name}__", binary(_function.operation, operator=True, swapped=True))
del p
