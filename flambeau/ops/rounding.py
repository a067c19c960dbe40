"""Rounding, signs and parts of numbers."""

from __future__ import annotations

from typing import Any

from ..core.promotion import PromotionKind
from ..core.tensor import Tensor
from ..formula import primitive as p
from ..formula.expression import Domain, Expression
from .define import pointwise
from .registry import public


def _whole(name: str, primitive: Any, also: str, doc: str) -> Any:
    def formula(x):  # type: ignore[no-untyped-def]
        return x if x.domain < Domain.REAL else primitive(x)

    formula.__name__ = name
    formula.__doc__ = f"{doc}\n\n    Source: torch.{name}\n    "
    return pointwise(also=also, method=f"{name} {also}")(formula)


floor = _whole("floor", p.floor, "", "Rounded down.")
ceil = _whole("ceil", p.ceil, "", "Rounded up.")
trunc = _whole("trunc", p.trunc, "fix", "Rounded towards zero.")


@pointwise
def round(x: Expression, decimals: float = 0) -> Expression:
    """Rounded to the nearest, halves to even; to a number of decimals.

    Source: torch.round
    """
    if x.domain < Domain.REAL:
        return x
    scale = p.power(10.0, decimals)
    return p.rint(x * scale) / scale


@pointwise
def frac(x: Expression) -> Expression:
    """What `trunc` takes away.

    Source: torch.frac
    """
    return x - p.trunc(x)


@pointwise
def sign(x: Expression) -> Expression:
    """-1, 0 or 1.

    Source: torch.sign
    """
    return p.sign(x)


@pointwise
def sgn(x: Expression) -> Expression:
    """The sign; of a complex number x / |x|.

    Source: torch.sgn
    """
    return p.sgn(x)


@pointwise(kind=PromotionKind.COMPLEX_TO_FLOAT, inplace=False)
def angle(x: Expression) -> Expression:
    """The angle of a complex number; 0 or pi of a real one.

    Source: torch.angle
    """
    return p.angle(x)


@pointwise(label="Conj", also="conj_physical", method="conj conj_physical", inplace=False)
def conj(x: Expression) -> Expression:
    """The complex conjugate.

    Source: torch.conj
    """
    return p.conj(x)


@public("resolve_conj", "resolve_neg", method="resolve_conj resolve_neg")
def resolve_conj(input: Tensor) -> Tensor:
    """The input: conjugates are computed at once here.

    Source: torch.resolve_conj
    """
    return input


@pointwise(label="Real", kind=PromotionKind.COMPLEX_TO_FLOAT, method=False, inplace=False)
def real_part(x: Expression) -> Expression:
    """The real part."""
    return p.real(x)


@pointwise(label="Imag", kind=PromotionKind.COMPLEX_TO_FLOAT, method=False, inplace=False)
def imag_part(x: Expression) -> Expression:
    """The imaginary part."""
    return p.imag(x)


@pointwise(kind=PromotionKind.INT_TO_FLOAT, numbers="y")
def copysign(x: Expression, y: Expression) -> Expression:
    """x with the sign of y.

    Source: torch.copysign
    """
    return p.copysign(x, y)


@pointwise(numbers="")
def nextafter(x: Expression, y: Expression) -> Expression:
    """The next number from x towards y.

    Source: torch.nextafter
    """
    return p.nextafter(x, y)


@pointwise(names="input values", numbers="")
def heaviside(x: Expression, y: Expression) -> Expression:
    """0 below zero, 1 above, and `values` at zero.

    Source: torch.heaviside
    """
    return p.heaviside(x, y)
