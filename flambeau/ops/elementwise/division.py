"""Quotients and remainders."""

from __future__ import annotations

from typing import Any

from ...core.dtype import FLOAT
from ...core.promotion import PromotionKind
from ...core.tensor import Tensor
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.registry import public
from ...formula import primitive as p
from ...formula.expression import Domain, Expression


@pointwise(
    kind=PromotionKind.INT_TO_FLOAT,
    label="Div",
    method=False,
    inplace=False,
    numbers="*",
    namespace="",
)
def quotient(x: Expression, y: Expression) -> Expression:
    """The quotient; integers are divided as floats."""
    return x / y


@pointwise(
    label="Div", method=False, inplace=False, numbers="*", unsupported="bool complex", namespace=""
)
def quotient_floor(x: Expression, y: Expression) -> Expression:
    """The quotient, rounded down."""
    return p.floor_divide(x, y)


@pointwise(
    label="Div", method=False, inplace=False, numbers="*", unsupported="bool complex", namespace=""
)
def quotient_trunc(x: Expression, y: Expression) -> Expression:
    """The quotient, rounded towards zero."""
    if x.domain < Domain.REAL:
        down = p.floor_divide(x, y)
        return down + p.where(p.logical_and(p.less(down, 0), p.not_equal(down * y, x)), 1, 0)
    return p.trunc(x / y)


def check_zero(x: Any, y: Any) -> None:
    """Raises RuntimeError where an integer is divided by zero."""
    if y.__class__ is int and y:
        return
    if x.__class__ is Tensor and x._kind.dtype.category >= FLOAT:
        return
    for v in (x, y):
        if v.__class__ is float or (isinstance(v, Tensor) and v._kind.dtype.category >= FLOAT):
            return
    whole = [isinstance(v, int) or (isinstance(v, Tensor) and v.dtype.category < 2) for v in (x, y)]
    bools = [
        isinstance(v, bool) or (isinstance(v, Tensor) and v.dtype.category == 0) for v in (x, y)
    ]
    if all(whole) and not all(bools) and (y == 0 if isinstance(y, int) else not y._array.all()):
        raise RuntimeError("ZeroDivisionError")


def rounded(rounding_mode: str | None) -> Any:
    if rounding_mode not in (None, "floor", "trunc"):
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    return {None: quotient, "floor": quotient_floor, "trunc": quotient_trunc}[rounding_mode]


@public("div", "divide")
def div(
    input: Any, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None
) -> Tensor:
    """The quotient; whole numbers with rounding_mode "floor" or "trunc".

    Raises:
        RuntimeError: An integer is divided by zero with a rounding mode.

    Source: torch.div
    """
    operation = rounded(rounding_mode)
    if rounding_mode is not None:
        check_zero(input, other)
    return operation(input, other) if out is None else operation(input, other, out=out)


@public("true_divide", method="true_divide")
def true_divide(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The quotient.

    Source: torch.true_divide
    """
    return quotient(input, other) if out is None else quotient(input, other, out=out)


@public(method=True)
def floor_divide(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The quotient, rounded down.

    Source: torch.floor_divide
    """
    check_zero(input, other)
    return quotient_floor(input, other) if out is None else quotient_floor(input, other, out=out)


@pointwise(label="Remainder", method=False, inplace=False, unsupported="bool complex")
def remainder_(x: Expression, y: Expression) -> Expression:
    """x modulo y, with the sign of y."""
    return p.remainder(x, y)


@pointwise(label="Fmod", method=False, inplace=False, numbers="y", unsupported="bool complex")
def fmod_(x: Expression, y: Expression) -> Expression:
    """x modulo y, with the sign of x."""
    return p.fmod(x, y)


def _modulo(name: str, operation: Any, sign: str) -> Any:
    def function(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
        check_zero(input, other)
        return operation(input, other) if out is None else operation(input, other, out=out)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"What division leaves, with the sign of {sign}.\n\n    Source: torch.{name}\n    "
    )
    return public(name, method=name)(function)


remainder, fmod = (
    _modulo("remainder", remainder_, "the divisor"),
    _modulo("fmod", fmod_, "the dividend"),
)
