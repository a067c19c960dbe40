"""Rounding, signs and parts of numbers."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from ...core.dtype import BY_NUMPY, finfo
from ...core.promotion import PromotionKind
from ...core.result import named_result
from ...core.tensor import Tensor
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.registry import method, public
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import write_out
from ...formula import primitive as p
from ...formula.expression import Domain, Expression

FLOATING = PromotionKind.INT_TO_FLOAT


def real_only(name: str, *operands: Expression) -> None:
    """Raises RuntimeError for complex operands."""
    if max(x.domain for x in operands) == Domain.COMPLEX:
        raise RuntimeError(
            f"{name} is not implemented for complex tensors: take .real, .imag or .abs() first"
        )


def _whole(name: str, primitive: Any, also: str, doc: str) -> Any:
    def formula(x):  # type: ignore[no-untyped-def]
        return x if x.domain < Domain.REAL else primitive(x)

    formula.__name__ = name
    formula.__doc__ = f"{doc}\n\n    Source: torch.{name}\n    "
    made = pointwise(also=also, method=f"{name} {also}", unsupported="bool complex")(formula)
    if also:
        method(f"{also}_")(getattr(Tensor, f"{name}_"))
    return made


floor = _whole("floor", p.floor, "", "Rounded down.")
ceil = _whole("ceil", p.ceil, "", "Rounded up.")
trunc = _whole("trunc", p.trunc, "fix", "Rounded towards zero.")


@pointwise(also="special.round", static="decimals", unsupported="bool complex")
def round(x: Expression, decimals: float = 0) -> Expression:
    """Rounded to the nearest, halves to even; to a number of decimals.

    Source: torch.round
    """
    if x.domain < Domain.REAL:
        return x
    if not decimals:
        return p.rint(x)
    scale = 10.0 ** abs(decimals)
    return p.rint(x / scale) * scale if decimals < 0 else p.rint(x * scale) / scale


@pointwise(unsupported="bool int complex")
def frac(x: Expression) -> Expression:
    """What `trunc` takes away.

    Source: torch.frac
    """
    return x - p.trunc(x)


@pointwise(unsupported="complex")
def sign(x: Expression) -> Expression:
    """-1, 0 or 1.

    Source: torch.sign
    """
    return x if x.domain == Domain.BOOL else p.sign(x)


@pointwise
def sgn(x: Expression) -> Expression:
    """The sign; of a complex number x / |x|.

    Source: torch.sgn
    """
    return x if x.domain == Domain.BOOL else p.sgn(x)


@pointwise(kind=FLOATING, inplace=False)
def angle(x: Expression) -> Expression:
    """The angle of a complex number; 0 or pi of a real one.

    Source: torch.angle
    """
    if x.domain == Domain.COMPLEX:
        return p.angle(x)
    return p.where(p.isnan(x), x, p.where(x < 0, math.pi, 0.0))


@angle.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    if x.domain < Domain.COMPLEX:
        return p.lift(0.0)
    z = p.where(p.equal(x, 0), 1.0, x)
    return p.where(p.equal(x, 0), 0.0, g * z * 1j / p.square(p.absolute(z)))


@pointwise(label="Conj", method=False, inplace=False, namespace="")
def conjugate(x: Expression) -> Expression:
    """The complex conjugate."""
    return p.conj(x)


@public(method=True)
def conj(input: Tensor) -> Tensor:
    """The complex conjugate; what is real is its own.

    Source: torch.conj

    Example:
        >>> import flambeau as torch
        >>> torch.conj(torch.tensor([1 + 2j]))
        tensor([1.-2.j])
    """
    return conjugate(input) if input.dtype.is_complex else input


@pointwise(label="ConjPhysical", method=False, inplace=False, namespace="")
def conjugate_physical(x: Expression) -> Expression:
    """The complex conjugate, in memory of its own."""
    return p.conj(x)


@public("conj_physical", method=True)
def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex conjugate, in memory of its own; what is real is its own.

    Args:
        input: A tensor.
        out: Where to write the result.

    Source: torch.conj_physical

    Example:
        >>> import flambeau as torch
        >>> torch.conj_physical(torch.tensor([1 + 2j]))
        tensor([1.-2.j])
    """
    if out is not None:
        return conjugate_physical(input, out=out)
    return conjugate_physical(input) if input.dtype.is_complex else input


@method("conj_physical_")
def conj_physical_(self: Tensor) -> Tensor:
    """The in-place form of `conj_physical`."""
    if not self.dtype.is_complex:
        return self
    return conjugate_physical.operation.into[(True,)](self, (), ())


@public("resolve_conj", "resolve_neg", method="resolve_conj resolve_neg")
def resolve_conj(input: Tensor) -> Tensor:
    """The input: conjugates are computed at once here.

    Source: torch.resolve_conj
    """
    return input


@pointwise(
    label="Real", kind=PromotionKind.COMPLEX_TO_FLOAT, method=False, inplace=False, namespace=""
)
def real_part(x: Expression) -> Expression:
    """The real part."""
    return p.real(x)


@pointwise(
    label="Imag", kind=PromotionKind.COMPLEX_TO_FLOAT, method=False, inplace=False, namespace=""
)
def imag_part(x: Expression) -> Expression:
    """The imaginary part."""
    return p.imag(x)


@pointwise(kind=FLOATING, numbers="y", unsupported="complex")
def copysign(x: Expression, y: Expression) -> Expression:
    """x with the sign of y.

    Source: torch.copysign
    """
    return p.copysign(x, y)


@pointwise(kind=PromotionKind.NO_OPMATH, numbers="", unsupported="bool int complex")
def nextafter(x: Expression, y: Expression) -> Expression:
    """The next number from x towards y.

    Source: torch.nextafter
    """
    return p.nextafter(x, y)


@pointwise(
    names="input values",
    numbers="",
    method=False,
    inplace=False,
    label="NotImplemented",
    namespace="",
)
def step_at_zero(x: Expression, y: Expression) -> Expression:
    """0 below zero, 1 above, and y at zero."""
    real_only("heaviside", x, y)
    return p.where(p.equal(x, 0), y, p.where(x > 0, 1, 0))


@step_at_zero.gradient
def _(g: Expression, x: Expression, y: Expression, out: Expression) -> tuple:
    nothing = p.no_derivative("heaviside")
    return nothing, nothing


def _one_dtype(input: Tensor, values: Tensor) -> None:
    """Raises RuntimeError where the operands' dtypes differ."""
    if input.__class__ is Tensor is values.__class__ and input._kind is values._kind:
        return
    dtypes = [x.dtype for x in (input, values) if isinstance(x, Tensor)]
    if len(dtypes) == 2 and dtypes[0] is not dtypes[1]:
        raise RuntimeError(
            "heaviside is not yet implemented for tensors with different dtypes: got "
            f"{dtypes[0]} and {dtypes[1]}; convert one with .to(dtype)"
        )


@public(method=True)
def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 below zero, 1 above, and `values` at zero.

    Raises:
        RuntimeError: The dtypes differ, or are complex.

    Source: torch.heaviside

    Example:
        >>> import flambeau as torch
        >>> torch.heaviside(torch.tensor([-1., 0., 2.]), torch.tensor([0.5]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    _one_dtype(input, values)
    return step_at_zero(input, values) if out is None else step_at_zero(input, values, out=out)


@method()
def heaviside_(self: Tensor, values: Tensor) -> Tensor:
    """The in-place form of `heaviside`."""
    _one_dtype(self, values)
    return step_at_zero.operation.write((self, values))


@pointwise(
    names="input nan posinf neginf", method=False, inplace=False, label="NanToNum", namespace=""
)
def replaced(
    x: Expression, nan: float = 0.0, posinf: float = 0.0, neginf: float = 0.0
) -> Expression:
    """x with other values for nan, inf and -inf; the parts of complex numbers each for itself."""
    if x.domain < Domain.REAL:
        return x

    def of_real(x: Expression) -> Expression:
        finite = p.where(p.equal(x, math.inf), posinf, p.where(p.equal(x, -math.inf), neginf, x))
        return p.where(p.isnan(x), nan, finite)

    if x.domain < Domain.COMPLEX:
        return of_real(x)
    return p.make_complex(of_real(p.real(x)), of_real(p.imag(x)))


@cache
def _limits(dtype: Any) -> Any:
    return finfo(dtype.to_real() if dtype.is_complex else dtype)


def _replacements(
    input: Tensor, nan: float | None, posinf: float | None, neginf: float | None
) -> tuple[float, float, float]:
    dtype = input.dtype
    if dtype.category < 2:
        return 0.0, 0.0, 0.0
    most = _limits(dtype)
    return (
        0.0 if nan is None else float(nan),
        most.max if posinf is None else float(posinf),
        most.min if neginf is None else float(neginf),
    )


@public(method=True)
def nan_to_num(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """nan, inf and -inf replaced: by 0, the largest and the lowest number, unless others are given.

    Source: torch.nan_to_num

    Example:
        >>> import flambeau as torch
        >>> torch.nan_to_num(torch.tensor([float("nan"), 1., float("inf")]), posinf=9.)
        tensor([0., 1., 9.])
    """
    numbers = _replacements(input, nan, posinf, neginf)
    return replaced(input, *numbers) if out is None else replaced(input, *numbers, out=out)


@public("nan_to_num_", method=True)
def nan_to_num_(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Tensor:
    """The in-place form of `nan_to_num`."""
    numbers = _replacements(input, nan, posinf, neginf)
    return replaced.operation.into[(True,)](input, (), numbers)


MantissaExponent: Any = named_result("frexp", "mantissa exponent")


@operation(label="Frexp", differentiable=(0,))
def frexp_(x: Any) -> Any:
    """Mantissas between 0.5 and 1 (or 0), and exponents of 2."""
    mantissa, exponent = np.frexp(x.astype(BY_NUMPY[x.dtype].compute, copy=False))
    return mantissa.astype(x.dtype, copy=False), exponent.astype(np.int32, copy=False)


@frexp_.gradient
def _(g: list[Tensor], x: Tensor) -> Tensor:
    exponent = frexp_(x.detach())[1]
    return g[0].ldexp(-exponent)  # type: ignore[attr-defined, operator]


@public(method=True)
def frexp(input: Tensor, *, out: tuple[Tensor, Tensor] | None = None) -> MantissaExponent:
    """input as mantissa * 2 ** exponent.

    Raises:
        RuntimeError: The dtype is not floating.

    Source: torch.frexp

    Example:
        >>> import flambeau as torch
        >>> torch.frexp(torch.tensor([8.])).exponent
        tensor([4], dtype=torch.int32)
    """
    if input.dtype.category != 2:
        raise RuntimeError(
            f"torch.frexp() only supports floating-point dtypes, got {input.dtype}: convert with "
            ".to(torch.float32)"
        )
    result = MantissaExponent(frexp_(input))
    return result if out is None else MantissaExponent(write_out(out, result, "frexp"))
