"""Powers."""

from __future__ import annotations

from typing import Any

from ..core.promotion import PromotionKind
from ..core.tensor import Tensor
from ..formula import primitive as p
from ..formula.expression import Expression
from .define import pointwise
from .registry import method, public


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


@pointwise(label="Pow", kind=PromotionKind.BOOL_TO_LONG, method=False, inplace=False)
def power(x: Expression, y: Expression) -> Expression:
    """x to the power of y."""
    return p.power(x, y)


@pointwise(label="Pow", method=False, inplace=False, static="exponent")
def power_static(x: Expression, exponent: float = 2) -> Expression:
    """x to the power of a number that cheaper functions compute."""
    return p.power(x, exponent)


CHEAP = frozenset((2, 3, 0.5, 1, -1, -0.5, -2))


@public(method="pow __pow__")
def pow(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """input to the power of exponent; either may be a number.

    Raises:
        RuntimeError: Integers are raised to a negative number.

    Source: torch.pow
    """
    if exponent.__class__ in (int, float):
        if (
            exponent in CHEAP
            and isinstance(input, Tensor)
            and input.dtype.category >= 2
            and not (input._kind.overridden)
        ):
            return power_static.operation.general((input,), (exponent,), (), out)
        if (
            isinstance(exponent, int)
            and exponent < 0
            and isinstance(input, Tensor)
            and input.dtype.category == 1
        ):
            raise RuntimeError("Integers to negative integer powers are not allowed.")
    return power(input, exponent, out=out)


@method()
def __rpow__(self: Tensor, other: Any) -> Tensor:
    return pow(other, self)


@method()
def __ipow__(self: Tensor, other: Any) -> Tensor:
    return self.pow_(other)  # type: ignore[attr-defined]


@public(method=True)
def float_power(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """`pow` in float64 (or complex128).

    Source: torch.float_power
    """
    from ..core.dtype import complex128, float64

    def wide(x: Any) -> Any:
        return x.to(complex128 if x.dtype.is_complex else float64) if isinstance(x, Tensor) else x

    return pow(wide(input), wide(exponent), out=out)
