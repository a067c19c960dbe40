"""Norms, deviations and normalisation of rows, over the whole range of their numbers.

Squares leave the range of a type long before the numbers do, and a mean is rounded. So each of these has a usual form,
whose sum of squares tells whether it may be trusted (`in_range`), and a form for all other rows, where powers of two
bring the numbers near 1 first: x to x a, and deviations d from the mean of those to d b.

A mean's rounding is taken out again by the mean of the deviations from it (the corrected two-pass algorithm of Chan,
Golub and LeVeque, "Algorithms for computing the sample variance", 1983), which costs no walk of its own.

Derivatives are written in the same quantities, so that those of any order keep to the range too.
"""

from __future__ import annotations

from .declaration import derivative, expanded, real_part, widest
from .expression import Domain, Expression, length, lift
from .primitive import (
    absolute,
    amax,
    amin,
    conj,
    equal,
    greater,
    greater_equal,
    imag,
    in_range,
    isfinite,
    isinf,
    logical_and,
    logical_or,
    maximum,
    mean,
    not_equal,
    power,
    real,
    reciprocal,
    rsqrt,
    sgn,
    sqrt,
    square,
    sum,
    unit_scale,
    usually,
    where,
)


def _abs2(x: Expression) -> Expression:
    """|x|^2."""
    return square(x) if x.domain < Domain.COMPLEX else square(real(x)) + square(imag(x))


def _scaled(x: Expression, factor: Expression, divisor: Expression) -> Expression:
    """x factor / divisor, where |x| and the divisor are alike: both are brought near 1 first."""
    scale = unit_scale(divisor)
    return (x * scale) * where(equal(divisor, 0), 0.0, factor / (divisor * scale))


# -------------------------------------------------------------------------------------- norms


@expanded(domain=real_part, reduced=True)
def norm(x: Expression) -> Expression:
    """The root of the sum of a row's squares."""
    total = sum(_abs2(x))
    scale = unit_scale(amax(absolute(x)))
    return usually(in_range(total), sqrt(total), sqrt(sum(_abs2(x * scale))) / scale)


@derivative(norm)
def _(g: Expression, out: Expression, x: Expression) -> tuple:
    return (_scaled(x, real(g), out),)


def _by_norm(x: Expression, eps: Expression) -> tuple[Expression, Expression]:
    """A power of two a, and the reciprocal of a row's norm, or of eps where that is more, by a."""
    total = sum(_abs2(x))
    scale = unit_scale(amax(absolute(x)))
    other = reciprocal(maximum(sqrt(sum(_abs2(x * scale))), eps * scale))
    held = in_range(total)
    usual = reciprocal(maximum(sqrt(total), eps))
    return usually(held, 1.0, scale), usually(held, usual, other)


@expanded(domain=widest, rowwise=True)
def direction(x: Expression, eps: Expression) -> Expression:
    """A row by its norm, or by eps where that is more."""
    scale, factor = _by_norm(x, eps)
    return x * scale * factor


@expanded(domain=real_part, reduced=True)
def inverse_norm(x: Expression, eps: Expression) -> Expression:
    """What `direction` multiplies a row with."""
    scale, factor = _by_norm(x, eps)
    return scale * factor


def _is_long(x: Expression, eps: Expression) -> Expression:
    """1 where the norm counts, 0 where eps does."""
    return where(greater_equal(norm(x), eps), 1.0, 0.0)


@derivative(direction)
def _(g: Expression, out: Expression, x: Expression, eps: Expression) -> tuple:
    along = sum(real(g * conj(out))) * _is_long(x, eps)
    return (g - out * along) * inverse_norm(x, eps), None


@derivative(inverse_norm)
def _(g: Expression, out: Expression, x: Expression, eps: Expression) -> tuple:
    return direction(x, eps) * (-(real(g) * out) * out * _is_long(x, eps)), None


@expanded(domain=real_part, reduced=True)
def norm_of_order(x: Expression, order: Expression) -> Expression:
    """(sum |x|^order)^(1 / order) of a row: beside the largest magnitude, or the smallest for negative orders."""
    size = absolute(x)
    total = sum(power(size, order))
    beside = where(greater(order, 0), amax(size), amin(size))
    beside = where(logical_and(isfinite(beside), not_equal(beside, 0)), beside, 1.0)
    root = reciprocal(order)
    rest = power(sum(power(size / beside, order)), root) * beside
    return usually(in_range(total), power(total, root), rest)


@derivative(norm_of_order)
def _(g: Expression, out: Expression, x: Expression, order: Expression) -> tuple:
    """0 at zeros, where |x|^order has no slope or an infinite one."""
    zero = logical_or(equal(x, 0), equal(out, 0))
    share = where(zero, 1.0, _scaled(absolute(x), lift(1.0), out))
    return where(zero, 0.0, sgn(x) * (power(share, order - 1) * real(g))), None


# --------------------------------------------------------------------------------- deviations


class _Moments:
    """Of a row: (x a - centre) - rest are the deviations times a.

    Attributes:
        ordinary: Does the usual form hold? It has no factors.
        total: The sum of the squares of deviations, if it does.
        scale, spread, scaled: The factors a and b, and the sum of the squares of deviations times a b, if not.
    """

    def __init__(self, x: Expression, eps: Expression | None = None):
        centre = mean(x)
        rest = mean(x - centre)
        total = sum(_abs2(x - centre)) - _abs2(rest) * length()
        self.total = maximum(total, 0.0)
        square = self.total if eps is None else self.total / length() + eps
        self.ordinary = in_range(square)
        self.scale = unit_scale(amax(absolute(x)))
        by_scale = x * self.scale
        middle = mean(by_scale)
        left = mean(by_scale - middle)
        deviation = by_scale - middle - left
        self.spread = unit_scale(amax(absolute(deviation)))
        self.scaled = sum(_abs2(deviation * self.spread))
        self.a = self.choice(lift(1.0), self.scale)
        self.inverse = self.choice(lift(1.0), reciprocal(self.scale))
        self.centre, self.rest = self.choice(centre, middle), self.choice(rest, left)
        self.mean = self.choice(centre + rest, (middle + left) / self.scale)

    def choice(self, usual: Expression, other: Expression) -> Expression:
        return usually(self.ordinary, usual, other)

    def deviation(self, x: Expression) -> Expression:
        """Times a."""
        return x * self.a - self.centre - self.rest


@expanded(domain=widest, reduced=True)
def average(x: Expression) -> Expression:
    """The mean of a row, with what rounding took from it."""
    return _Moments(x).mean


def parts(x: Expression) -> tuple[Expression, Expression, Expression]:
    """A row's mean, what rounding took from that, and the norm of the deviations from both together."""
    moments = _Moments(x)
    a, b = moments.scale, moments.spread
    root = moments.choice(sqrt(moments.total), sqrt(moments.scaled) / a / b)
    return moments.centre * moments.inverse, moments.rest * moments.inverse, root


@expanded(domain=widest, rowwise=True)
def deviation(x: Expression, factor: Expression, divisor: Expression) -> Expression:
    """A row less its mean, times factor / divisor; 0 where the divisor is."""
    moments = _Moments(x)
    scale = unit_scale(divisor)
    share = moments.inverse * scale * (factor / (divisor * scale))
    return moments.deviation(x) * where(equal(divisor, 0), 0.0, share)


@expanded(domain=real_part, reduced=True)
def variance(x: Expression, freedom: Expression) -> Expression:
    """The sum of squared deviations by the degrees of freedom."""
    moments = _Moments(x)
    a, b = moments.scale, moments.spread
    return moments.choice(moments.total / freedom, moments.scaled / freedom / b / b / a / a)


@expanded(domain=real_part, reduced=True)
def standard_deviation(x: Expression, freedom: Expression) -> Expression:
    """The root of the variance."""
    moments = _Moments(x)
    scaled = sqrt(moments.scaled / freedom) / moments.scale / moments.spread
    return moments.choice(sqrt(moments.total / freedom), scaled)


@expanded(domain=widest, reduced=True)
def plain_average(x: Expression) -> Expression:
    """The mean of a row, which has a value where the sum may have none."""
    total = sum(x)
    scale = unit_scale(amax(absolute(x)))
    return usually(isfinite(total), total / length(), sum(x * scale) / length() / scale)


@derivative(average, plain_average)
def _(g: Expression, out: Expression, x: Expression) -> tuple:
    return (g / length(),)


@derivative(deviation)
def _(
    g: Expression, out: Expression, x: Expression, factor: Expression, divisor: Expression
) -> tuple:
    zero = equal(divisor, 0)
    slope = where(zero, 0.0, factor / where(zero, 1.0, divisor))
    by_factor = sum(real(g * conj(deviation(x, 1.0, divisor))))
    by_divisor = where(zero, 0.0, -sum(real(g * conj(out))) / where(zero, 1.0, divisor))
    return (g - mean(g)) * slope, by_factor, by_divisor


@derivative(variance)
def _(g: Expression, out: Expression, x: Expression, freedom: Expression) -> tuple:
    return deviation(x, real(g) * 2, freedom), None


@derivative(standard_deviation)
def _(g: Expression, out: Expression, x: Expression, freedom: Expression) -> tuple:
    return deviation(x, real(g) / freedom, out), None


# ------------------------------------------------------------------------------ normalisation


def _reciprocal_root(square: Expression, eps: Expression, *factors: Expression) -> Expression:
    """1 / sqrt(square + eps f^2), where f is the product of the factors, of which the first is no less than 1."""
    for _ in range(2):
        for factor in factors:
            eps = eps * factor
    return rsqrt(square + eps)


def _by_deviation(x: Expression, eps: Expression) -> tuple[_Moments, Expression]:
    """A row's moments, and the reciprocal of the root of its variance + eps, by a."""
    moments = _Moments(x, eps)
    usual = _reciprocal_root(moments.total / length(), eps)
    a, b = moments.scale, moments.spread
    root = _reciprocal_root(moments.scaled / length(), eps, b, a)
    # Beside deviations of 0 it may be too large, which must not make nan of them.
    product = where(logical_and(isfinite(root), isinf(b * root)), 0.0, b * root)
    return moments, moments.choice(usual, product)


def _by_size(x: Expression, eps: Expression) -> tuple[Expression, Expression]:
    """A power of two a, and the reciprocal of the root of a row's mean square + eps, by a."""
    square = mean(_abs2(x))
    scale = unit_scale(amax(absolute(x)))
    other = _reciprocal_root(mean(_abs2(x * scale)), eps, scale)
    held = in_range(square + eps)
    return usually(held, 1.0, scale), usually(held, _reciprocal_root(square, eps), other)


@expanded(rowwise=True)
def standardized(x: Expression, eps: Expression) -> Expression:
    """A row less its mean, by the root of its variance + eps."""
    moments, factor = _by_deviation(x, eps)
    return moments.deviation(x) * factor


@expanded(reduced=True)
def inverse_deviation(x: Expression, eps: Expression) -> Expression:
    """What `standardized` multiplies deviations with."""
    moments, factor = _by_deviation(x, eps)
    return moments.a * factor


@expanded(rowwise=True)
def of_unit_size(x: Expression, eps: Expression) -> Expression:
    """A row by the root of its mean square + eps."""
    scale, factor = _by_size(x, eps)
    return x * scale * factor


@expanded(reduced=True)
def inverse_size(x: Expression, eps: Expression) -> Expression:
    """What `of_unit_size` multiplies a row with."""
    scale, factor = _by_size(x, eps)
    return scale * factor


@derivative(standardized)
def _(g: Expression, out: Expression, x: Expression, eps: Expression) -> tuple:
    return (g - mean(g) - out * mean(g * out)) * inverse_deviation(x, eps), None


@derivative(inverse_deviation)
def _(g: Expression, out: Expression, x: Expression, eps: Expression) -> tuple:
    return standardized(x, eps) * (-(g * out) * out / length()), None


@derivative(of_unit_size)
def _(g: Expression, out: Expression, x: Expression, eps: Expression) -> tuple:
    return (g - out * mean(g * out)) * inverse_size(x, eps), None


@derivative(inverse_size)
def _(g: Expression, out: Expression, x: Expression, eps: Expression) -> tuple:
    return of_unit_size(x, eps) * (-(g * out) * out / length()), None
