"""Powers."""

from __future__ import annotations

from typing import Any

from ...core.dtype import FLOAT
from ...core.number import converted
from ...core.promotion import PromotionKind
from ...core.tensor import Tensor
from ...dispatch.formula.operand import operands_of
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.registry import NAMESPACES, method, public
from ...formula import primitive as p
from ...formula.expression import Expression


@pointwise(kind=PromotionKind.INT_TO_FLOAT, method="reciprocal")
def reciprocal(x: Expression) -> Expression:
    """1 / x.

    Source: torch.reciprocal
    """
    return p.reciprocal(x)


@pointwise(label="Pow", kind=PromotionKind.BOOL_TO_LONG)
def square(x: Expression) -> Expression:
    """x * x.

    Source: torch.square
    """
    return p.square(x)


@pointwise(
    label="Pow",
    names="input exponent",
    method=False,
    inplace=False,
    unsupported="bool",
    namespace="",
)
def power(x: Expression, y: Expression) -> Expression:
    """x to the power of y."""
    return p.power(x, y)


def check_exponent(x: Any, exponent: Any) -> None:
    """Raises RuntimeError for integers to a negative number, or to one that their dtype cannot hold."""
    whole = isinstance(x, Tensor) and x._kind.dtype.category < FLOAT
    if whole and isinstance(exponent, int) and exponent < 0:
        raise RuntimeError(
            "Integers to negative integer powers are not allowed: convert the tensor with .float()"
        )
    if whole and exponent.__class__ is int:
        converted(exponent, x.dtype)


def _to_the_power(exponent: float) -> Any:
    def formula(x: Expression) -> Expression:
        return p.power(x, exponent)

    formula.__name__ = f"power_{exponent:g}".replace("-", "minus_").replace(".", "_point_")
    formula.__doc__ = f"x to the power of {exponent:g}."
    return pointwise(
        formula,
        label="Pow",
        kind=PromotionKind.INT_TO_FLOAT,
        method=False,
        inplace=False,
        namespace="special",
    )


CHEAP = {exponent: _to_the_power(exponent) for exponent in (2, 3, 0.5, 1, -1, -0.5, -2)}
"""Operations for exponents that cheaper functions compute, each of one operand."""
for _operation in CHEAP.values():
    del NAMESPACES["special"][_operation.__name__]


def cheaper(x: Any, exponent: Any) -> Any:
    """The operation of one operand that computes this power, if there is one: of floats, and of integers to a float."""
    type = exponent.__class__
    if (type is not float and type is not int) or not isinstance(x, Tensor):
        return None
    whole = x._kind.dtype.category < FLOAT
    return None if whole and type is int else CHEAP.get(exponent)


@public(method=True)
def pow(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """input to the power of exponent; either may be a number.

    Raises:
        RuntimeError: Integers are raised to a negative number.

    Source: torch.pow
    """
    cheap = cheaper(input, exponent)
    if cheap is not None:
        return cheap(input) if out is None else cheap(input, out=out)
    check_exponent(input, exponent)
    return power(input, exponent) if out is None else power(input, exponent, out=out)


@method()
def __pow__(self: Tensor, other: Any) -> Tensor:
    if other.__class__ is Tensor:
        return pow(self, other)
    cheap = cheaper(self, other)
    if cheap is not None:
        return cheap(self)
    operands = operands_of(self, other)
    return NotImplemented if operands is None else pow(*operands)


@method()
def __rpow__(self: Tensor, other: Any) -> Tensor:
    operands = operands_of(self, other)
    return NotImplemented if operands is None else pow(*operands[::-1])


@public(method=True)
def float_power(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """`pow` in float64 (or complex128).

    Source: torch.float_power
    """
    from ...core.dtype import complex128, float64

    def wide(x: Any) -> Any:
        return x.to(complex128 if x.dtype.is_complex else float64) if isinstance(x, Tensor) else x

    if not isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        raise TypeError("float_power(): one of 'input' and 'exponent' must be Tensor")
    return pow(wide(input), wide(exponent), out=out)


@method()
def float_power_(self: Tensor, exponent: Any) -> Tensor:
    """The in-place form of `float_power`.

    Raises:
        RuntimeError: The tensor is neither float64 nor complex128.
    """
    if self.dtype.name not in ("float64", "complex128"):
        raise RuntimeError(
            f"the base given to float_power_ has dtype {self.dtype} but the operation's result "
            "requires dtype torch.float64 (or complex128): use the out-of-place form"
        )
    return self.pow_(exponent)  # type: ignore[attr-defined]


@pointwise(kind=PromotionKind.INT_TO_FLOAT, numbers="")
def ldexp(x: Expression, y: Expression) -> Expression:
    """input times 2 to the power of other, which may be out of the dtype's range.

    Source: torch.ldexp

    Example:
        >>> import flambeau as torch
        >>> torch.ldexp(torch.tensor([1.5]), torch.tensor([4]))
        tensor([24.])
    """
    return p.ldexp(x, y)
