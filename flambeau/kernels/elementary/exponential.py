"""The elementary functions, written in the arithmetic that the hardware has.

Each works on whole vectors without a branch, is right at infinities, nan and subnormals, and within two units in
the last place (the tests state each one's worst). The polynomials are Chebyshev fits of the stated
function on the stated interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...formula import primitive as p
from ...formula.special import special as s
from ..llvm import Value, choose, polynomial
from ..runtime.process import machine
from .lowering import lowers
from .table import has_tables
from .table_log import Base, logarithm


@dataclass(frozen=True)
class Format:
    """What the functions need to know of a floating-point format.

    magic: adding it rounds to an integer, which is then in the low bits.
    ln2_high has few enough digits that a small integer times it is exact.
    exp_tail: (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2.
    log_tail: (2 atanh(s) / s - 2) / s^2 in terms of s^2 for |s| <= (sqrt(2) - 1) / (sqrt(2) + 1).
    """

    integer: str
    mantissa: int
    bias: int
    magic: float
    ln2_high: float
    ln2_low: float
    overflow: float
    underflow: float
    tanh_end: float
    tiny: float
    root_half: int
    exp_tail: tuple[float, ...]
    log_tail: tuple[float, ...]


SINGLE = Format(
    integer="i32",
    mantissa=23,
    bias=127,
    magic=1.5 * 2.0**23,
    ln2_high=0.693145751953125,
    ln2_low=1.4286068203094173e-06,
    overflow=89.0,
    underflow=-105.0,
    tanh_end=10.0,
    tiny=2.0**-126,
    root_half=0x3F3504F3,
    exp_tail=(
        0.5000000014286223,
        0.16666666682534356,
        0.04166645680967788,
        0.008333310024225292,
        0.0013934541928270264,
        0.0001989198131397769,
    ),
    log_tail=(0.6666666654988318, 0.40000125594554364, 0.28550396959618013, 0.23341943388714562),
)
DOUBLE = Format(
    integer="i64",
    mantissa=52,
    bias=1023,
    magic=1.5 * 2.0**52,
    ln2_high=0.6931471805582987,
    ln2_low=1.6465949582897082e-12,
    overflow=710.0,
    underflow=-746.0,
    tanh_end=20.0,
    tiny=2.0**-1022,
    root_half=0x3FE6A09E667F3BCD,
    exp_tail=(
        0.5,
        0.16666666666666666,
        0.04166666666666668,
        0.008333333333333333,
        0.0013888888888878269,
        0.00019841269841262761,
        2.4801587338565345e-05,
        2.7557319248633827e-06,
        2.755726102934377e-07,
        2.5052069594795685e-08,
        2.0918961837795778e-09,
        1.6087177234380782e-10,
    ),
    log_tail=(
        0.6666666666666666,
        0.4000000000000094,
        0.2857142857076445,
        0.2222222240054776,
        0.181817947008978,
        0.15386290534658992,
        0.13267418596474884,
        0.1310072138350349,
    ),
)
LOG2_E = 1.4426950408889634


def format_of(x: Value) -> Format:
    return SINGLE if x.element == "float" else DOUBLE


def through_double(make: Callable[..., Value]) -> Callable[..., Value]:
    """A function of float64 as one of float32 too: computed in float64, in a short form, and rounded once."""

    def function(*args: Value) -> Value:
        if args[0].element == "double":
            return make(*args, short=False)
        return make(*(x.convert("double") for x in args), short=True).convert("float")

    return function


def clamp(x: Value, low: float, high: float) -> Value:
    """x within [low, high]; nan stays."""
    x = choose(x < low, x.like(low), x)
    return choose(x > high, x.like(high), x)


def _power_of_two(n: Value, f: Format) -> Value:
    """2^n for an integer n that gives a normal number."""
    word = (n + f.bias) << f.mantissa
    return word.cast_bits("float" if f is SINGLE else "double")


def scaled(x: Value, shifted: Value, f: Format, by: int = 0) -> Value:
    """x 2^(n + by), rounded once and infinite where it is too large; n is `shifted` less the magic number."""
    if x.type in _SCALE and machine().bits == 512:
        return scaled_at_once(x, shifted - (f.magic - by))
    n = shifted.bits() - (x.like(f.magic).bits() - by)
    half = n >> 1  # in two steps, of which the first is exact
    return x * _power_of_two(half, f) * _power_of_two(n - half, f)


_SCALE = {"<16 x float>": ("ps", "i16"), "<8 x double>": ("pd", "i8")}
"""Vectors that AVX-512 has an instruction for. Processors without it meet them too: eight float32 as float64."""


def scaled_at_once(x: Value, n: Value) -> Value:
    """x 2^n for a whole number n, by AVX-512's instruction."""
    suffix, mask = _SCALE[x.type]
    name = x.code.declare(
        x.type, f"llvm.x86.avx512.mask.scalef.{suffix}.512", x.type, x.type, x.type, mask, "i32"
    )
    given = f"{x.type} {x.name}, {x.type} {n.name}, {x.type} zeroinitializer, {mask} -1, i32 4"
    return x.code.emit(f"call {x.type} @{name}({given})", x.type)


def reduced(x: Value, f: Format) -> tuple[Value, Value]:
    """(shifted, r): x = n ln(2) + r with an integer n, |r| <= ln(2) / 2 and shifted = n + the magic number."""
    shifted = x.multiply_add(LOG2_E, f.magic)
    whole = shifted - f.magic
    r = whole.multiply_add(-f.ln2_high, x)
    return shifted, whole.multiply_add(-f.ln2_low, r)


@lowers(p.exp)
def exp(x: Value, halvings: int = 0) -> Value:
    """exp(x) / 2^halvings."""
    return exp_of_sum(x, None, halvings)


def exp_of_sum(x: Value, low: Value | None, halvings: int = 0) -> Value:
    """exp(x + low) / 2^halvings for a small low."""
    f = format_of(x)
    shifted, r = reduced(clamp(x, f.underflow, f.overflow + 1.0 * halvings), f)
    r = r if low is None else r + low
    value = (r * r).multiply_add(polynomial(r, f.exp_tail), r) + 1.0
    value = choose(x < f.underflow, x.like(0.0), value)  # rounding to 0 takes processors 150 cycles
    return scaled(value, shifted, f, -halvings)


def short_exp(x: Value) -> Value:
    """exp(x) of float64 as exactly as float32 wants it (1e-10), for results that float32 can hold."""
    shifted, r = reduced(clamp(x, 4 * SINGLE.underflow, 4 * SINGLE.overflow), DOUBLE)
    value = (r * r).multiply_add(polynomial(r, SINGLE.exp_tail), r) + 1.0
    return scaled(value, shifted, DOUBLE)


@lowers(p.expm1)
def expm1(x: Value) -> Value:
    f = format_of(x)
    inside = clamp(x, f.underflow / 2, f.overflow)
    shifted, r = reduced(inside, f)
    small = (r * r).multiply_add(polynomial(r, f.exp_tail), r)
    half = _power_of_two(shifted.bits() - (x.like(f.magic).bits() + 1), f)
    value = (small.fma(half, half - 0.5)) * 2.0
    return choose(x.abs() < f.tiny, x, value)


@lowers(p.exp2)
def exp2(x: Value) -> Value:
    f = format_of(x)
    x = clamp(x, f.underflow * LOG2_E, f.overflow * LOG2_E)
    shifted = x + f.magic
    r = (x - (shifted - f.magic)) * 0.6931471805599453
    value = (r * r).multiply_add(polynomial(r, f.exp_tail), r) + 1.0
    return scaled(value, shifted, f)


@lowers(p.ldexp)
def ldexp(x: Value, y: Value) -> Value:
    """x 2^y. Steps upwards and downwards are so long that what is not the last one rounds nothing that matters."""
    f = format_of(x)
    whole = x.code.intrinsic("floor", y)
    part = choose(y.abs().equals(float("inf")), x.like(0.0), y - whole)
    value, n = x * exp2(part), clamp(whole, -3.0 * f.bias, 3.0 * f.bias)
    down = 1.0 - f.bias
    for _ in range(2):
        step = choose(
            n < down, x.like(down + f.mantissa + 1), choose(n > f.bias, x.like(f.bias), n)
        )
        value, n = value * _whole_power(step, f), n - step
    return value * _whole_power(clamp(n, down, 1.0 * f.bias), f)


def _whole_power(n: Value, f: Format) -> Value:
    return _power_of_two((n + f.magic).bits() - n.like(f.magic).bits(), f)


def split(x: Value, f: Format) -> tuple[Value, Value]:
    """(e, m): x = 2^e (1 + m) with 1 + m between sqrt(1/2) and sqrt(2)."""
    small = x < f.tiny
    scale = 2.0 ** (f.mantissa + 2)
    word = choose(small, x * scale, x).bits()
    exponent = (word - f.root_half) >> f.mantissa
    m = (word - (exponent << f.mantissa)).cast_bits(x.element) - 1.0
    exponent = choose(small, exponent - (f.mantissa + 2), exponent)
    return exponent.convert(x.element), m


def _log(x: Value, correction: Value | None, f: Format) -> Value:
    """log(x), plus a small correction, for positive finite x."""
    e, m = split(x, f)
    s = m / (m + 2.0)
    z = s * s
    half_square = m * m * 0.5
    tail = s * (half_square + z * polynomial(z, f.log_tail))
    low = e.multiply_add(f.ln2_low, tail)
    if correction is not None:
        low = low + correction
    return e.multiply_add(f.ln2_high, m - (half_square - low))


def _at_ends(x: Value, value: Value) -> Value:
    """A logarithm's values at 0, infinity, and where it has none."""
    infinity = float("inf")
    value = choose(x.equals(0.0), x.like(-infinity), value)
    value = choose(x.equals(infinity), x, value)
    return choose((x < 0.0) | x.is_nan(), x.like(float("nan")), value)


_NATURAL = {"float": Base((1.0, 0.0), (SINGLE.ln2_high, SINGLE.ln2_low)),
            "double": Base((1.0, 0.0), (DOUBLE.ln2_high, DOUBLE.ln2_low))}  # fmt: skip


@lowers(p.log)
def log(x: Value) -> Value:
    if has_tables(x):
        return logarithm(x, _NATURAL[x.element], "log", _divided_log)
    return _divided_log(x)


def _divided_log(x: Value) -> Value:
    return _at_ends(x, _log(x, None, format_of(x)))


def _log_parts(x: Value) -> tuple[Value, Value, Value]:
    """(e, high, low): log(x) = e ln(2) + high + low, for positive finite x; exact for powers of two."""
    f = format_of(x)
    e, m = split(x, f)
    s = m / (m + 2.0)
    z = s * s
    square = m * m
    half_square, lost = square * 0.5, m.fma(m, -square) * 0.5
    high = m - half_square
    low = (m - high) - half_square - lost
    return e, high, low + s * (half_square + z * polynomial(z, f.log_tail))


Sums = dict[str, tuple[float, float]]


def _log_to_base(name: str, inverse: Sums, unit: Sums) -> Callable[[Value], Value]:
    """A logarithm of another base, given 1 / ln(base) and log(2) to that base as sums of two numbers."""

    def function(x: Value) -> Value:
        if has_tables(x):
            return logarithm(x, Base(inverse[x.element], unit[x.element]), name, divided)
        return divided(x)

    def divided(x: Value) -> Value:
        e, high, low = _log_parts(x)
        (factor, factor_low), (step, step_low) = inverse[x.element], unit[x.element]
        product = high * factor
        lost = high.fma(factor, -product) + low.fma(factor, high * factor_low)
        whole = e * step  # exact: it has few digits
        total = whole + product
        rest = (whole - total) + product
        return _at_ends(x, total + (rest + (lost + e * step_low)))

    return function


log2 = lowers(p.log2)(
    _log_to_base(
        "log2",
        {
            "float": (1.4426950216293335, 1.925963033500011e-08),
            "double": (1.4426950408889634, 2.0355273740931033e-17),
        },
        {"float": (1.0, 0.0), "double": (1.0, 0.0)},
    )
)
log10 = lowers(p.log10)(
    _log_to_base(
        "log10",
        {
            "float": (0.4342944920063019, -1.0103049952192578e-08),
            "double": (0.4342944819032518, 1.098319650216765e-17),
        },
        {
            "float": (0.301025390625, 4.605039066518657e-06),
            "double": (0.301029995663157, 8.241712586023572e-13),
        },
    )
)


@lowers(p.log1p)
def log1p(x: Value) -> Value:
    f = format_of(x)
    u = x + 1.0
    # What was lost in 1 + x, whichever of the two is larger.
    lost = choose(x.abs() < 1.0, x - (u - 1.0), (1.0 - u) + x)
    correction = choose(u.equals(0.0), x.like(0.0), lost / u)
    value = _at_ends(u, _log(u, correction, f))
    return choose(x.abs() < f.tiny, x, value)


@lowers(p.tanh)
def tanh(x: Value) -> Value:
    f = format_of(x)
    size = x.abs()
    size = choose(size > f.tanh_end, x.like(f.tanh_end), size)
    e = expm1(size * 2.0)
    value = x.code.intrinsic("copysign", e / (e + 2.0), x)
    return choose(x.is_nan(), x, value)


ERF_NEAR = (
    0.1283791656735351,
    -0.37612625224753854,
    0.11283575795849737,
    -0.026853317129644838,
    0.0051871959389758115,
    -0.0007998608582262481,
    7.810312249790718e-05,
)
"""erf(x) / x - 1 in terms of x^2, up to x = 1."""
ERFC_FAR = (
    -0.000329677440377163,
    1.1302740254253678,
    0.6317532615290645,
    0.11015198286007435,
    -0.026463977204172456,
    0.004775391090951717,
    -0.000600331329033058,
    4.649461012948801e-05,
    -1.6601586266460742e-06,
)
"""-log(erfc(x)) for x from 1 to 3.95, where 1 - erfc(x) becomes 1."""


@lowers(s.fused, wide=True)
def fused(x: Value, y: Value, z: Value) -> Value:
    return x.multiply_add(y, z)


@lowers(s.gauss, wide=True)
def gauss(x: Value) -> Value:
    size = clamp(x, -40.0, 40.0)
    return _less_lost(size, size)


@lowers(s.half_gauss, wide=True)
def half_gauss(x: Value) -> Value:
    size = clamp(x, -40.0, 40.0)
    return _less_lost(size, size * 0.5)


def _less_lost(x: Value, y: Value) -> Value:
    """exp(-x y) with the rounding error of the product compensated."""
    product = x * y
    value = exp(-product)
    return value - value * x.fma(y, -product)


@lowers(s.erf)
def erf(x: Value) -> Value:
    """For float32; the formula of `formula.special` serves float64."""
    size = x.abs()
    near = x.multiply_add(polynomial(x * x, ERF_NEAR), x)
    end = choose(size > 3.95, x.like(3.95), size)
    far = x.code.intrinsic("copysign", 1.0 - exp(-polynomial(end, ERFC_FAR)), x)
    return choose(size < 1.0, near, choose(x.is_nan(), x, far))


ERFC_TAIL = (
    1.2530080579743366,
    -0.13562114626228938,
    -0.04756229859573689,
    0.12964664791541208,
    -0.11927229238628247,
    0.06829323998892924,
    -0.02379245833143508,
    0.0025782180723520646,
    0.0019982250990659835,
    -0.000793182577911566,
    -0.0002754560187334945,
)
"""exp(x^2) erfc(x) (1 + 2x) in terms of (x - 3) / (x + 3), for x from 0 to 10.3."""


def _tail(end: Value, square: Value, rounding: Value) -> Value:
    """erfc(end), given end^2 as a rounded square and what it lost, which the exponential would magnify."""
    gauss = exp(-square)
    gauss = gauss - gauss * rounding
    shifted, double = end + 3.0, end.fma(2.0, 1.0)
    inverse = 1.0 / (shifted * double)  # of both denominators at once
    t = (end - 3.0) * double * inverse
    return gauss * (polynomial(t, ERFC_TAIL) * (shifted * inverse))


def erfc(x: Value) -> Value:
    """For float32: the factors of the tail are joined in float64, so that they are not rounded one after the other."""
    size = x.abs()
    end = choose(size > 10.3, x.like(10.3), size)
    square, below = end * end, end.fma(2.0, 1.0)
    t = (end - 3.0) / (end + 3.0)
    first, *others = ERFC_TAIL
    gauss, lost, slope, guess, exact = (
        v.convert("double")
        for v in (
            exp(-square), end.fma(end, -square), polynomial(t, others) * t, 1.0 / below, end
        )
    )  # fmt: skip
    inverse = guess + guess * (1.0 - exact.fma(2.0, 1.0) * guess)
    tail = ((gauss - gauss * lost) * (slope + first) * inverse).convert("float")
    near = 1.0 - x.multiply_add(polynomial(x * x, ERF_NEAR), x)
    tail = choose(size < 0.5, near, choose(x < 0.0, 2.0 - tail, tail))
    return choose(x.is_nan(), x, tail)


@lowers(s.ndtr)
def ndtr(x: Value) -> Value:
    """For float32: erfc(-x / sqrt(2)) / 2, but for the rounding of the quotient, which the tail would magnify."""
    size = x.abs()
    end = choose(size > 14.5, x.like(14.5), size)
    half = end * 0.5
    square = half * end
    tail = 0.5 * _tail(end * 0.7071067811865476, square, half.fma(end, -square))
    return choose(x.is_nan(), x, choose(x < 0.0, tail, 1.0 - tail))
