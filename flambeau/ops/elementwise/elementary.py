"""Exponentials, logarithms, powers, trigonometric and hyperbolic functions."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...core.promotion import PromotionKind
from ...dispatch.formula.pointwise import pointwise
from ...formula import primitive as p
from ...formula import special as formulas
from ...formula.expression import Expression, Primitive
from .rounding import real_only

FLOATING = PromotionKind.INT_TO_FLOAT


def _of_one_argument(
    function: Primitive,
    meaning: str,
    at: float,
    value: str,
    *,
    alias: str = "",
    also: str = "",
    label: str = "",
) -> Callable:
    """The operation of a primitive function of one argument, with its in-place form and method.

    meaning: the docstring's sentence; at, value: its example; alias: another name of function and
        methods; also: further public places.
    """
    name = function.name

    def formula(x: Expression) -> Expression:
        return function(x)

    formula.__name__ = name
    formula.__doc__ = f"""{meaning}, element by element; integers are taken as floats.

    Source: torch.{name}

    Example:
        >>> import flambeau as torch
        >>> torch.{name}(torch.tensor([{at}]))
        tensor([{value}])
    """
    return pointwise(
        formula,
        kind=FLOATING,
        also=f"{alias} {also}",
        method=f"{name} {alias}",
        inplace=True,
        label=label,
    )


exp = _of_one_argument(p.exp, "e to the power of input", 1.0, "2.7183")
exp2 = _of_one_argument(p.exp2, "2 to the power of input", 3.0, "8.", also="special.exp2")
expm1 = _of_one_argument(
    p.expm1, "exp(input) - 1, exact near 0", 0.5, "0.6487", also="special.expm1"
)
log = _of_one_argument(p.log, "The natural logarithm", 10.0, "2.3026")
log2 = _of_one_argument(p.log2, "The logarithm to base 2", 8.0, "3.")
log10 = _of_one_argument(p.log10, "The logarithm to base 10", 1.0, "0.")
log1p = _of_one_argument(
    p.log1p, "log(1 + input), exact near 0", 0.5, "0.4055", also="special.log1p", label="Log1P"
)
sqrt = _of_one_argument(p.sqrt, "The square root", 9.0, "3.")
rsqrt = _of_one_argument(p.rsqrt, "One over the square root", 4.0, "0.5000")
sin = _of_one_argument(p.sin, "The sine", 1.0, "0.8415")
cos = _of_one_argument(p.cos, "The cosine", 1.0, "0.5403")
tan = _of_one_argument(p.tan, "The tangent", 1.0, "1.5574")
asin = _of_one_argument(p.asin, "The angle that has this sine", 0.5, "0.5236", alias="arcsin")
acos = _of_one_argument(p.acos, "The angle that has this cosine", 0.5, "1.0472", alias="arccos")
atan = _of_one_argument(p.atan, "The angle that has this tangent", 0.5, "0.4636", alias="arctan")
sinh = _of_one_argument(p.sinh, "The hyperbolic sine", 0.5, "0.5211")
cosh = _of_one_argument(p.cosh, "The hyperbolic cosine", 0.5, "1.1276")
tanh = _of_one_argument(p.tanh, "The hyperbolic tangent", 0.5, "0.4621", also="nn.functional.tanh")
asinh = _of_one_argument(p.asinh, "The inverse of sinh", 0.5, "0.4812", alias="arcsinh")
acosh = _of_one_argument(p.acosh, "The inverse of cosh", 1.5, "0.9624", alias="arccosh")
atanh = _of_one_argument(p.atanh, "The inverse of tanh", 0.5, "0.5493", alias="arctanh")
sigmoid = _of_one_argument(
    p.sigmoid, "1 / (1 + exp(-input))", 0.5, "0.6225", also="special.expit nn.functional.sigmoid"
)


@pointwise(kind=FLOATING, method="atan2 arctan2", also="arctan2", numbers="", unsupported="complex")
def atan2(x: Expression, y: Expression) -> Expression:
    """The angle of the point (other, input), in the quadrant that the signs say.

    Source: torch.atan2

    Example:
        >>> import flambeau as torch
        >>> torch.atan2(torch.tensor([1.]), torch.tensor([-1.]))
        tensor([2.3562])
    """
    return p.atan2(x, y)


@pointwise(inplace=False, numbers="", unsupported="bool int")
def logaddexp(x: Expression, y: Expression) -> Expression:
    """log(exp(input) + exp(other)) without overflow.

    Complex numbers: the phase is that of the operand with the larger real part, turned by less than a half.

    Source: torch.logaddexp

    Example:
        >>> import flambeau as torch
        >>> torch.logaddexp(torch.tensor([1000.]), torch.tensor([0.]))
        tensor([1000.])
    """
    return p.logaddexp(x, y)


@pointwise(inplace=False, numbers="", unsupported="bool int complex")
def logaddexp2(x: Expression, y: Expression) -> Expression:
    """log2(2 ** input + 2 ** other) without overflow.

    Source: torch.logaddexp2

    Example:
        >>> import flambeau as torch
        >>> torch.logaddexp2(torch.tensor([1000.]), torch.tensor([1000.]))
        tensor([1001.])
    """
    return p.logaddexp2(x, y)


@pointwise(kind=FLOATING, also="special.sinc")
def sinc(x: Expression) -> Expression:
    """sin(pi input) / (pi input), and 1 at 0.

    Source: torch.sinc

    Example:
        >>> import flambeau as torch
        >>> torch.sinc(torch.tensor([0., 0.5]))
        tensor([1.0000, 0.6366])
    """
    return formulas.special.sine_ratio(math.pi * x)


@pointwise(kind=FLOATING, also="special.logit", unsupported="complex")
def logit(x: Expression, eps: float | None = None) -> Expression:
    """log(input / (1 - input)), the inverse of sigmoid.

    Args:
        input: Probabilities; outside [0, 1] the result is nan.
        eps: Values are clamped to [eps, 1 - eps] first, where this is given.

    Source: torch.logit

    Example:
        >>> import flambeau as torch
        >>> torch.logit(torch.tensor([0.5, 0.75]))
        tensor([0.0000, 1.0986])
    """
    if eps is not None:
        x = p.where(x < eps, eps, p.where(x > 1 - eps, 1 - eps, x))
    return p.log(x / (1 - x))


@logit.gradient
def _(g: Expression, x: Expression, y: Expression, eps: float | None) -> Expression:
    slope = g / (x * (1 - x))
    if eps is None:
        return p.where(p.logical_or(x < 0, x > 1), math.nan, slope)
    return p.where(p.logical_or(x < eps, x > 1 - eps), 0.0, slope)


@pointwise(kind=FLOATING, label="Deg2Rad")
def deg2rad(x: Expression) -> Expression:
    """Angles in degrees as radians.

    Source: torch.deg2rad

    Example:
        >>> import flambeau as torch
        >>> torch.deg2rad(torch.tensor([180.]))
        tensor([3.1416])
    """
    real_only("deg2rad", x)
    return x * (math.pi / 180)


@pointwise(kind=FLOATING, label="Rad2Deg")
def rad2deg(x: Expression) -> Expression:
    """Angles in radians as degrees.

    Source: torch.rad2deg

    Example:
        >>> import flambeau as torch
        >>> torch.rad2deg(torch.tensor([1.]))
        tensor([57.2958])
    """
    real_only("rad2deg", x)
    return x * (180 / math.pi)


@pointwise(kind=FLOATING, also="special.xlogy", unsupported="complex")
def xlogy(x: Expression, y: Expression) -> Expression:
    """input * log(other), and 0 where input is 0 and other is not nan.

    Source: torch.xlogy

    Example:
        >>> import flambeau as torch
        >>> torch.xlogy(torch.tensor([0., 2.]), torch.tensor([0., 3.]))
        tensor([0.0000, 2.1972])
    """
    return p.where(p.isnan(y), math.nan, p.where(p.equal(x, 0), 0.0, x * p.log(y)))


@xlogy.gradient
def _(g: Expression, x: Expression, y: Expression, out: Expression) -> tuple:
    nothing = p.logical_and(p.equal(x, 0), y <= 0)
    return g * p.where(nothing, 0.0, p.log(y)), g * x / y


@pointwise(numbers="", unsupported="bool int complex")
def hypot(x: Expression, y: Expression) -> Expression:
    """sqrt(x^2 + y^2), without overflow.

    Source: torch.hypot
    """
    return p.hypot(x, y)
