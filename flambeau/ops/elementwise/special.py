"""Special functions: error, gamma, Bessel and their kin."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...core.promotion import PromotionKind
from ...core.tensor import Tensor
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.registry import NAMESPACES, method, public
from ...formula import primitive as p
from ...formula import special as formulas
from ...formula.expression import Expression

FLOATING = PromotionKind.INT_TO_FLOAT


def _function(
    name: str,
    meaning: str,
    body: Callable[[Expression], Expression],
    *,
    aliases: str = "",
    everywhere: bool = False,
    label: str = "",
    halves: bool = True,
) -> Callable:
    """A special function of one argument.

    meaning: the docstring's sentence. everywhere: also torch.NAME and a Tensor method, with its
        in-place form. aliases: further names in torch.special. halves: does PyTorch take the half types?
    """

    def formula(x: Expression) -> Expression:
        return body(x)

    formula.__name__ = name
    formula.__doc__ = f"""{meaning}; integers are taken as floats.

    Source: torch.special.{name}
    """
    places = " ".join(f"special.{alias}" for alias in aliases.split())
    if everywhere:
        return pointwise(
            formula,
            kind=FLOATING,
            also=f"special.{name} {places}",
            label=label,
            unsupported="complex",
        )
    return pointwise(
        formula,
        kind=FLOATING,
        also=places,
        namespace="special",
        method=False,
        inplace=False,
        unsupported="complex" if halves else "half complex",
        label=label or "Special" + "".join(part.capitalize() for part in name.split("_")),
    )


erf = _function("erf", "The error function", lambda x: formulas.special.erf(x), everywhere=True)
erfc = _function(
    "erfc",
    "1 - erf(input), exact for large input",
    lambda x: formulas.special.erfc(x),
    everywhere=True,
)
erfinv = _function(
    "erfinv", "The inverse of erf on (-1, 1)", lambda x: formulas.special.erfinv(x), everywhere=True
)
erfcx = _function(
    "erfcx", "exp(input^2) * erfc(input)", lambda x: formulas.special.erfcx(x), halves=False
)
ndtr = _function(
    "ndtr",
    "The distribution function of the standard normal",
    lambda x: formulas.special.ndtr(x),
    label="Mul",
)
log_ndtr = _function(
    "log_ndtr", "The logarithm of ndtr", lambda x: formulas.special.log_ndtr(x), halves=False
)
ndtri = _function("ndtri", "The inverse of ndtr", lambda x: formulas.special.ndtri(x), halves=False)
lgamma = _function(
    "lgamma",
    "The logarithm of |gamma(input)|",
    lambda x: formulas.special.lgamma(x),
    everywhere=True,
    aliases="gammaln",
)
digamma = _function(
    "digamma",
    "The derivative of log gamma",
    lambda x: formulas.special.digamma(x),
    everywhere=True,
    aliases="psi",
)
i0 = _function(
    "i0",
    "The modified Bessel function of order 0",
    lambda x: formulas.bessel.i0(x),
    everywhere=True,
)
i0e = _function(
    "i0e", "exp(-|input|) * i0(input)", lambda x: formulas.bessel.i0e(x), label="SpecialI0E"
)
i1 = _function("i1", "The modified Bessel function of order 1", lambda x: formulas.bessel.i1(x))
i1e = _function(
    "i1e", "exp(-|input|) * i1(input)", lambda x: formulas.bessel.i1e(x), label="SpecialI1E"
)
entr = _function(
    "entr",
    "-input * log(input), 0 at 0 and -inf below",
    lambda x: p.where(
        p.isnan(x), x, p.where(x > 0, -x * p.log(x), p.where(p.equal(x, 0), 0.0, -math.inf))
    ),
)
bessel_j0 = _function(
    "bessel_j0",
    "The Bessel function of the first kind of order 0",
    lambda x: formulas.bessel.bessel_j0(x),
    halves=False,
)
bessel_j1 = _function(
    "bessel_j1",
    "The Bessel function of the first kind of order 1",
    lambda x: formulas.bessel.bessel_j1(x),
    halves=False,
)
bessel_y0 = _function(
    "bessel_y0",
    "The Bessel function of the second kind of order 0",
    lambda x: formulas.bessel.bessel_y0(x),
    halves=False,
)
bessel_y1 = _function(
    "bessel_y1",
    "The Bessel function of the second kind of order 1",
    lambda x: formulas.bessel.bessel_y1(x),
    halves=False,
)
modified_bessel_i0 = _function(
    "modified_bessel_i0",
    "The modified Bessel function of order 0",
    lambda x: formulas.bessel.i0(x),
    halves=False,
)
modified_bessel_i1 = _function(
    "modified_bessel_i1",
    "The modified Bessel function of order 1",
    lambda x: formulas.bessel.i1(x),
    halves=False,
)
modified_bessel_k0 = _function(
    "modified_bessel_k0",
    "The modified Bessel function K of order 0",
    lambda x: formulas.bessel.bessel_k0(x),
    halves=False,
)
modified_bessel_k1 = _function(
    "modified_bessel_k1",
    "The modified Bessel function K of order 1",
    lambda x: formulas.bessel.bessel_k1(x),
    halves=False,
)
scaled_modified_bessel_k0 = _function(
    "scaled_modified_bessel_k0",
    "exp(input) times K of order 0",
    lambda x: formulas.bessel.bessel_k0e(x),
    halves=False,
)
scaled_modified_bessel_k1 = _function(
    "scaled_modified_bessel_k1",
    "exp(input) times K of order 1",
    lambda x: formulas.bessel.bessel_k1e(x),
    halves=False,
)
spherical_bessel_j0 = _function(
    "spherical_bessel_j0",
    "sin(input) / input, 1 at 0",
    lambda x: p.where(p.isinf(x), 0.0, formulas.special.sine_ratio(x)),
    halves=False,
)


airy_ai = _function(
    "airy_ai", "The Airy function", lambda x: formulas.bessel.airy_ai(x), halves=False
)


def _incomplete_gamma(name: str, alias: str, end: str, body: Callable) -> Callable:
    def formula(x, y):  # type: ignore[no-untyped-def]
        return body(x, y)

    formula.__name__ = name
    formula.__doc__ = f"""The integral of t^(input - 1) exp(-t) over {end}, by gamma(input).

    Source: torch.{name}
    """
    return pointwise(
        formula,
        also=f"special.{alias}",
        numbers="",
        unsupported="bool int complex",
        label=name.capitalize(),
    )


igamma = _incomplete_gamma(
    "igamma", "gammainc", "[0, other]", lambda a, x: formulas.special.igamma(a, x)
)
igammac = _incomplete_gamma(
    "igammac", "gammaincc", "[other, inf)", lambda a, x: formulas.special.igammac(a, x)
)


@erfinv.gradient  # type: ignore[attr-defined]
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return g * (formulas.special.ROOT_PI / 2) * p.exp(p.square(y))


@entr.gradient  # type: ignore[attr-defined]
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return g * (-p.log(x) - 1)


@pointwise(
    kind=FLOATING,
    namespace="special",
    method=False,
    inplace=False,
    label="SpecialXlog1Py",
    unsupported="complex",
)
def xlog1py(x: Expression, y: Expression) -> Expression:
    """input * log1p(other), and 0 where input is 0 and other is not nan.

    Source: torch.special.xlog1py

    Example:
        >>> import flambeau as torch
        >>> torch.special.xlog1py(torch.tensor([0., 2.]), torch.tensor([-1., 2.]))
        tensor([0.0000, 2.1972])
    """
    return p.where(p.isnan(y), math.nan, p.where(p.equal(x, 0), 0.0, x * p.log1p(y)))


@xlog1py.gradient
def _(g: Expression, x: Expression, y: Expression, out: Expression) -> tuple:
    nothing = p.logical_and(p.equal(x, 0), y <= -1)
    return g * p.where(nothing, 0.0, p.log1p(y)), g * x / (y + 1)


@pointwise(
    kind=FLOATING,
    namespace="special",
    method=False,
    inplace=False,
    static="n",
    label="Polygamma",
    unsupported="complex",
    names="input n",
)
def polygamma_of(x: Expression, n: int = 0) -> Expression:
    """polygamma with the order behind the operand, as formulas want it."""
    return formulas.special.polygamma(n, x)


@public("polygamma", "special.polygamma")
def polygamma(n: int, input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The derivative of order n of digamma.

    Args:
        n: The order, 0 or more.
        input: The tensor.
        out: Where to write the result.

    Raises:
        RuntimeError: n is negative.

    Source: torch.polygamma

    Example:
        >>> import flambeau as torch
        >>> torch.polygamma(1, torch.tensor([1.]))
        tensor([1.6449])
    """
    _check_order(n)
    return polygamma_of(input, n, out=out)


def _check_order(n: int) -> None:
    if n < 0:
        raise RuntimeError(
            f"polygamma(n, x) does not support negative n, got n={n}; pass 0 or more"
        )


@method("polygamma")
def _polygamma(self: Tensor, n: int) -> Tensor:
    return polygamma(n, self)


@method("polygamma_")
def _polygamma_(self: Tensor, n: int) -> Tensor:
    """The in-place form of `polygamma`."""
    _check_order(n)
    return polygamma_of.operation.general((self,), (n,), (), None, True)


def _mvlgamma(x: Expression, p: int = 1) -> Expression:
    """The logarithm of the multivariate gamma function."""
    total = formulas.special.lgamma(x)
    for j in range(1, p):
        total = total + formulas.special.lgamma(x - j / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)


_mvlgamma.__name__ = "mvlgamma_of"
_mvlgamma = pointwise(
    _mvlgamma,
    kind=FLOATING,
    namespace="special",
    method=False,
    inplace=False,
    static="p",
    label="Mvlgamma",
    unsupported="complex",
    names="input p",
)


def _check_mvlgamma(input: Tensor, p: int) -> None:
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, got {p}")


@public("mvlgamma", "special.multigammaln", method="mvlgamma")
def mvlgamma(input: Tensor, p: int, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p.

    Args:
        input: The tensor; finite values are those above (p - 1) / 2.
        p: The dimension, 1 or more.
        out: Where to write the result.

    Raises:
        RuntimeError: p is below 1.

    Source: torch.mvlgamma

    Example:
        >>> import flambeau as torch
        >>> torch.mvlgamma(torch.tensor([2.]), 2)
        tensor([0.4516])
    """
    _check_mvlgamma(input, p)
    return _mvlgamma(input, p, out=out)  # type: ignore[arg-type,call-arg,return-value]


@method("mvlgamma_")
def _mvlgamma_(self: Tensor, p: int) -> Tensor:
    """The in-place form of `mvlgamma`."""
    _check_mvlgamma(self, p)
    return _mvlgamma.operation.general((self,), (p,), (), None, True)  # type: ignore[attr-defined]


for _name in ("polygamma_of", "mvlgamma_of"):  # public under other signatures
    del NAMESPACES["special"][_name]
