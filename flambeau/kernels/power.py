"""Powers.

Float64 takes the logarithm as a sum of two numbers, right to 2^-64: times an exponent it stays below half a unit of the
result. Float32 takes exp(y log(x)) in float64.
"""

from __future__ import annotations

from .code import Value, any_lane, choose, polynomial
from .function import DOUBLE, exp_of_sum, short_exp, through_double

LN2 = (0.6931471805592082, 7.371002565167799e-13)
"""ln(2) as a sum; an exponent times the first is exact."""
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
LOG = {
    False: (
        0.4, 0.2857142857142937, 0.22222222221652754, 0.18181818336101513, 0.15384594886868871,
        0.13334808804960616, 0.11706126325388484, 0.11724328320920062,
    ),
    True: (
        0.6666666666737872, 0.3999999879242714, 0.2857175553681269, 0.22191337347457216,
        0.1936388620332296,
    ),
}  # fmt: skip
"""2 atanh(s) = 2 s + s^3 (2/3 + s^2 LOG[False](s^2)) = 2 s + s^3 LOG[True](s^2)."""
INFINITY = float("inf")


def _mantissa(x: Value) -> tuple[Value, Value]:
    """(e, f): x = 2^e (1 + f) with 1 + f between sqrt(1/2) and sqrt(2)."""
    small = x < DOUBLE.tiny
    word = choose(small, x * 2.0**54, x).bits()
    exponent = (word - DOUBLE.root_half) >> DOUBLE.mantissa
    f = (word - (exponent << DOUBLE.mantissa)).cast_bits("double") - 1.0
    return choose(small, exponent - 54, exponent).convert("double"), f


def _short_log(x: Value) -> Value:
    e, f = _mantissa(x)
    s = f / (f + 2.0)
    z = s * s
    return e.fma(LN2[0] + LN2[1], (s * z).fma(polynomial(z, LOG[True]), s + s))


def _two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b and what rounding lost, for |a| >= |b| or a = 0."""
    total = a + b
    return total, b - (total - a)


def _log(x: Value) -> tuple[Value, Value]:
    """log(x) as a sum of two numbers, for positive finite x."""
    e, f = _mantissa(x)
    below = f + 2.0
    s = f / below
    below_lost = f - (below - 2.0)
    s_low = ((-s).fma(below, f) - s * below_lost) / below
    z = s * s
    z_low = s.fma(s, -z) + 2.0 * s * s_low
    cube = s * z
    cube_low = s.fma(z, -cube) + (s * z_low + s_low * z)
    third = cube * TWO_THIRDS[0]
    third_low = cube.fma(TWO_THIRDS[0], -third) + (cube * TWO_THIRDS[1] + cube_low * TWO_THIRDS[0])
    high, low = _two_sum(s + s, third)
    low = low + (third_low + (2.0 * s_low + cube * z * polynomial(z, LOG[False])))
    total, lost = _two_sum(e * LN2[0], high)
    return total, lost + (low + e * LN2[1])


def _magnitude(size: Value, y: Value) -> Value:
    """|x|^y, where that is neither 0, infinite nor 1 for its operands' sake."""
    high, low = _log(size)
    product = high * y
    lost = high.fma(y, -product) + low * y
    lost = choose(product.abs() < 1000.0, lost, lost.like(0.0))
    return exp_of_sum(product, lost)


@through_double
def power(x: Value, y: Value, short: bool) -> Value:
    """As C's pow: 1 for x = 1 or y = 0; nan for a negative x and a y that is no integer."""
    size, one = x.abs(), x.like(1.0)
    infinite = size.equals(INFINITY)
    ordinary = (size > 0.0) & (size < INFINITY)
    inside = choose(ordinary, size, one)
    value = short_exp(_short_log(inside) * y) if short else _magnitude(inside, y)
    # 0 and infinity: to a positive power themselves.
    itself = choose(infinite, x.like(INFINITY), x.like(0.0))
    opposite = choose(infinite, x.like(0.0), x.like(INFINITY))
    value = choose(ordinary, value, choose(y > 0.0, itself, opposite))
    whole = x.code.intrinsic("trunc", y)
    half = y * 0.5
    integer = whole.equals(y)
    odd = integer & half.differs(x.code.intrinsic("trunc", half))
    negative = x.bits() < 0
    value = choose(negative & odd, -value, value)
    value = choose((x < 0.0) & (size < INFINITY) & ~integer, x.like(float("nan")), value)
    value = choose(size.equals(1.0) & y.abs().equals(INFINITY), one, value)
    value = choose(x.is_nan() | y.is_nan(), x + y, value)
    return choose(x.equals(1.0) | y.equals(0.0), one, value)


def integer_power(x: Value, y: Value) -> Value:
    """Of integers, modulo their size; below y = 0 the reciprocal, rounded towards zero."""
    code = x.code
    if x.is_float:
        return power(x, y)
    below = y < 0
    value, base, rest = (code.slot(v.type, v) for v in (x.like(1), x, choose(below, y.like(0), y)))
    head, body, done = code.name("head"), code.name("body"), code.name("done")
    code.jump(head)
    code.label(head)
    code.branch(any_lane(code.load(rest, y.type).differs(0)), body, done)
    code.label(body)
    bits, factor, product = (code.load(place, x.type) for place in (rest, base, value))
    code.store(choose((bits & 1).differs(0), product * factor, product), value)
    code.store(factor * factor, base)
    code.store(bits.down(1), rest)
    code.jump(head)
    code.label(done)
    sign = choose((y & 1).differs(0), x, x.like(1))
    reciprocal = choose(x.equals(1) | x.equals(-1), sign, x.like(0))
    return choose(below, reciprocal, code.load(value, x.type))
