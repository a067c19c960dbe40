"""Powers.

Float64 takes the logarithm as a sum of two numbers, right to 2^-64: times an exponent it stays below half a unit of the
result. Float32 takes exp(y log(x)) in float64.
"""

from __future__ import annotations

from ...formula import primitive as p
from ..llvm import Value, any_lane, choose, estrin
from .exponential import DOUBLE, SINGLE, exp_of_sum, short_exp, split
from .lowering import lowers

LN2 = (0.6931471805592082, 7.371002565167799e-13)
"""ln(2) as a sum; an exponent times the first is exact."""
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
LOG = (
    0.4, 0.2857142857142937, 0.22222222221652754, 0.18181818336101513, 0.15384594886868871,
    0.13334808804960616, 0.11706126325388484, 0.11724328320920062,
)  # fmt: skip
"""2 atanh(s) = 2 s + s^3 (2/3 + s^2 LOG(s^2))."""
SHORT_LOG = (
    1.0, -0.5000000000445635, 0.33333333619654854, -0.24999997692989745, 0.199999411306941,
    -0.1666682382699986, 0.14289164807901464, -0.12498238827174862, 0.11028403182924675,
    -0.09936141140386837, 0.09923880386503436, -0.09771451081403824, 0.053931305663989806,
)  # fmt: skip
"""log(1 + f) / f for sqrt(1/2) <= 1 + f <= sqrt(2): without a division, which costs more than the longer polynomial."""
INFINITY = float("inf")


def _short_log(x: Value) -> Value:
    """log(x) of float32 in float64, right to 1e-10."""
    e, f = (part.convert("double") for part in split(x, SINGLE))
    return e.fma(LN2[0] + LN2[1], f * estrin(f, SHORT_LOG))


def _two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b and what rounding lost, for |a| >= |b| or a = 0."""
    total = a + b
    return total, b - (total - a)


def _log(x: Value) -> tuple[Value, Value]:
    """log(x) as a sum of two numbers, for positive finite x."""
    e, f = split(x, DOUBLE)
    below = f + 2.0
    inverse = 1.0 / below
    s = f * inverse
    below_lost = f - (below - 2.0)
    s_low = ((-s).fma(below, f) - s * below_lost) * inverse
    z = s * s
    z_low = s.fma(s, -z) + 2.0 * s * s_low
    cube = s * z
    cube_low = s.fma(z, -cube) + (s * z_low + s_low * z)
    third = cube * TWO_THIRDS[0]
    third_low = cube.fma(TWO_THIRDS[0], -third) + (cube * TWO_THIRDS[1] + cube_low * TWO_THIRDS[0])
    high, low = _two_sum(s + s, third)
    low = low + (third_low + (2.0 * s_low + cube * z * estrin(z, LOG)))
    total, lost = _two_sum(e * LN2[0], high)
    return total, lost + (low + e * LN2[1])


def _magnitude(size: Value, y: Value) -> Value:
    """size^y for an ordinary positive size."""
    if size.element == "float":
        return short_exp(_short_log(size) * y.convert("double")).convert("float")
    high, low = _log(size)
    product = high * y
    lost = high.fma(y, -product) + low * y
    lost = choose(product.abs() < 1000.0, lost, lost.like(0.0))
    return exp_of_sum(product, lost)


@lowers(p.power)
def power(x: Value, y: Value) -> Value:
    """As C's pow: 1 for x = 1 or y = 0; nan for a negative x and a y that is no integer."""
    size, one = x.abs(), x.like(1.0)
    infinite = size.equals(INFINITY)
    ordinary = (size > 0.0) & (size < INFINITY)
    value = _magnitude(choose(ordinary, size, one), y)
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


@lowers(p.integer_power, integers=True)
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
