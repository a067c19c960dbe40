"""Sine, cosine, tangent and their inverses.

Float32 is computed in double precision with shorter polynomials and rounded once. The polynomials are Chebyshev
fits on the stated interval.
"""

from __future__ import annotations

import math

from .code import Code, Value, any_lane, choose, polynomial
from .function import through_double

MAGIC = 1.5 * 2.0**52
"""Adding it rounds to an integer, which is then in the low bits."""
HALF_PI = (math.pi / 2, 6.123233995736766e-17, -1.4973849048591833e-33)
"""pi / 2 as a sum."""
QUARTER_PI = (math.pi / 4, 3.061616997868383e-17)
SIN = {
    False: (
        -0.16666666666666666, 0.008333333333333331, -0.00019841269841264821, 2.7557319219150745e-06,
        -2.5052106167326103e-08, 1.605852134872207e-10, -7.586094728784352e-13,
    ),
    True: (-0.16666666663741286, 0.008333331830618917, -0.00019840063037430668, 2.724686841351183e-06),
}  # fmt: skip
"""(sin(r) / r - 1) / r^2 in terms of r^2, |r| <= pi / 4; by whether it is the short form."""
COS = {
    False: (
        0.041666666666666664, -0.0013888888888888887, 2.480158730158451e-05, -2.755731922129807e-07,
        2.087675575487426e-09, -1.1470455177531487e-11, 4.745536983469317e-14,
    ),
    True: (0.04166666666422607, -0.0013888887638219204, 2.480058059853988e-05, -2.729840739465874e-07),
}  # fmt: skip
"""(cos(r) - 1 + r^2 / 2) / r^4 in terms of r^2, |r| <= pi / 4."""
ASIN = {
    False: (
        0.16666666666666669, 0.07499999999998433, 0.04464285714635563, 0.030381944138519898,
        0.022372172942515135, 0.017352392713607605, 0.013971213067835896, 0.011479176592891122,
        0.010322819205242754, 0.005457487574523698, 0.017400927725096542, -0.014851957498764721,
        0.028757896558164582,
    ),
    True: (
        0.16666666337408959, 0.07500094545280662, 0.04459940112455708, 0.03110066646041958,
        0.01714922335800185, 0.03369086913829858,
    ),
}  # fmt: skip
"""(asin(x) / x - 1) / x^2 in terms of x^2, |x| <= 1 / 2."""
ATAN = {
    False: (
        -0.3333333333333333, 0.199999999999998, -0.14285714285659326, 0.11111111105106532,
        -0.0909090875106995, 0.07692296304816398, -0.066664236256687, 0.058789145204976245,
        -0.05230347717803041, 0.04551107493358378, -0.03455807783537529, 0.01627192987364275,
    ),
    True: (
        -0.33333333278948013, 0.19999977153563045, -0.1428414553495965, 0.11071260268029065,
        -0.08623895647248501, 0.050461260098355894,
    ),
}  # fmt: skip
"""(atan(x) / x - 1) / x^2 in terms of x^2, |x| <= tan(pi / 8)."""

HUGE = 2.0**30
"""Where the reduction in three steps ends, and that by the digits of 2 / pi begins."""
INFINITY = float("inf")

_BITS = 1216  # of 2 / pi behind the point


def _two_over_pi() -> str:
    """The bytes of floor(2^1216 * 2 / pi), the lowest first, by Machin's formula for pi."""
    one = 1 << (_BITS + 128)

    def arctangent_of_inverse(n: int) -> int:
        term = total = one // n
        k, sign = 3, -1
        while term:
            term //= n * n
            total += sign * (term // k)
            k, sign = k + 2, -sign
        return total

    pi = 16 * arctangent_of_inverse(5) - 4 * arctangent_of_inverse(239)
    number = (2 * one << _BITS) // pi
    return "".join(f"\\{byte:02X}" for byte in number.to_bytes(_BITS // 8 + 40, "little"))


REDUCE = """
; Payne and Hanek's reduction of a finite |x| >= 2^30: x = k pi / 2 + r + t with |r| <= pi / 4; k modulo 4.
; x = m 2^e; a window of 192 bits of 2 / pi is multiplied by m, with two bits before the point.
define internal void @reduce_huge(double %x, ptr %k, ptr %r, ptr %t) noinline {
entry:
  %word = bitcast double %x to i64
  %raw = and i64 %word, 4503599627370495
  %m64 = or i64 %raw, 4503599627370496
  %high = lshr i64 %word, 52
  %exponent = and i64 %high, 2047
  %shift = sub i64 BASE, %exponent
  %byte = lshr i64 %shift, 3
  %bit = and i64 %shift, 7
  %at = getelementptr i8, ptr @two_over_pi, i64 %byte
  %window = load i256, ptr %at, align 1
  %by = zext i64 %bit to i256
  %moved = lshr i256 %window, %by
  %digits = trunc i256 %moved to i192
  %m = zext i64 %m64 to i192
  %turns = mul i192 %digits, %m
  %whole = lshr i192 %turns, 190
  %whole64 = trunc i192 %whole to i64
  %part = shl i192 %turns, 2
  %below = icmp slt i192 %part, 0
  %up = zext i1 %below to i64
  %quarter = add i64 %whole64, %up
  %minus = sub i192 0, %part
  %size = select i1 %below, i192 %minus, i192 %part
  %lz = call i192 @llvm.ctlz.i192(i192 %size, i1 false)
  %normal = shl i192 %size, %lz
  %top192 = lshr i192 %normal, 128
  %top = trunc i192 %top192 to i64
  %mid192 = lshr i192 %normal, 64
  %mid = trunc i192 %mid192 to i64
  %head_bits = and i64 %top, -2048
  %rest = shl i64 %top, 53
  %mid_low = lshr i64 %mid, 11
  %tail_bits = or i64 %rest, %mid_low
  %head = uitofp i64 %head_bits to double
  %tail_raw = uitofp i64 %tail_bits to double
  %tail = fmul double %tail_raw, 0x3CA0000000000000
  %lz64 = trunc i192 %lz to i64
  %scale_exponent = sub i64 959, %lz64
  %scale_bits = shl i64 %scale_exponent, 52
  %scale_size = bitcast i64 %scale_bits to double
  %x_below = icmp slt i64 %word, 0
  %opposite = xor i1 %below, %x_below
  %scale_minus = fneg double %scale_size
  %scale = select i1 %opposite, double %scale_minus, double %scale_size
  %f = fmul double %head, %scale
  %g = fmul double %tail, %scale
  %angle = fmul double %f, FIRST
  %angle_minus = fneg double %angle
  %lost = call double @llvm.fma.f64(double %f, double FIRST, double %angle_minus)
  %second = call double @llvm.fma.f64(double %f, double SECOND, double %lost)
  %third = call double @llvm.fma.f64(double %g, double FIRST, double %second)
  %k_minus = sub i64 0, %quarter
  %k_value = select i1 %x_below, i64 %k_minus, i64 %quarter
  store i64 %k_value, ptr %k
  store double %angle, ptr %r
  store double %third, ptr %t
  ret void
}
declare i192 @llvm.ctlz.i192(i192, i1)
"""


def _reduce_text(code: Code) -> str:
    """The module's text for huge arguments."""
    first, second = (code.constant(value, "double").name for value in HALF_PI[:2])
    # x = m 2^(exponent - 1075); the window begins at 2^-(190 + exponent - 1075).
    text = REDUCE.replace("BASE", str(_BITS - 190 + 1075))
    text = text.replace("FIRST", first).replace("SECOND", second)
    size = _BITS // 8 + 40
    return f'@two_over_pi = internal constant [{size} x i8] c"{_two_over_pi()}"\n{text}'


def _reduced(x: Value, short: bool) -> tuple[Value, Value, Value]:
    """(k, r, t): x = k pi / 2 + r + t with |r| <= pi / 4, and k an integer that is right modulo 4."""
    code = x.code
    shifted = x.fma(2 / math.pi, MAGIC)
    n = shifted - MAGIC
    near = n.fma(-HALF_PI[0], x)  # exact
    if short:
        r = n.fma(-HALF_PI[1], near)
        t = r.like(0.0)
    else:
        step = n * HALF_PI[1]
        lost = n.fma(HALF_PI[1], -step)
        r = near - step
        back = r - near
        t = (near - (r - back)) - (step + back) - n.fma(HALF_PI[2], lost)
    size = x.abs()
    huge = (size > HUGE) & (size < INFINITY)
    usual = [shifted.bits(), r, t]
    places = [code.slot(value.type, value) for value in usual]
    with code.when(any_lane(huge)):
        for place, value in zip(places, _huge(x, huge, usual)):
            code.store(value, place)
    k, r, t = (code.load(place, value.type) for place, value in zip(places, usual))
    return k, r, t


def _huge(x: Value, huge: Value, usual: list[Value]) -> list[Value]:
    """The reduction of the lanes that are huge, one by one; `usual` elsewhere."""
    code = x.code
    code.declarations.add(_reduce_text(code))
    code.declare("double", "llvm.fma.f64", "double", "double", "double")
    given = code.slot(x.type, choose(huge, x, x.like(HUGE)))
    made = [code.slot(v.type) for v in usual]
    with code.loop(code.constant(0, "i64"), code.constant(code.lanes, "i64")) as i:
        value = code.load(code.at(given, "double", i), "double")
        spots = ", ".join(f"ptr {code.at(p, 'i64', i).name}" for p in made)
        code.line(f"call void @reduce_huge(double {value.name}, {spots})")
    return [choose(huge, code.load(p, v.type), v) for p, v in zip(made, usual)]


def _sine_and_cosine(r: Value, t: Value, short: bool) -> tuple[Value, Value]:
    z = r * r
    if short:
        sine = (r * z).fma(polynomial(z, SIN[True]), r)
        return sine, z.fma(z.fma(polynomial(z, COS[True]), -0.5), 1.0)
    half = z * 0.5
    sine = r + (r * z).fma(polynomial(z, SIN[False]), (-half).fma(t, t))
    w = 1.0 - half
    cosine = w + (((1.0 - w) - half) + ((z * z) * polynomial(z, COS[False]) - r * t))
    return sine, cosine


def _flipped(value: Value, k: Value) -> Value:
    """-value where the second bit of k is set."""
    return (value.bits() ^ ((k & 2) << 62)).cast_bits("double")


@through_double
def sin(x: Value, short: bool) -> Value:
    k, r, t = _reduced(x, short)
    sine, cosine = _sine_and_cosine(r, t, short)
    value = _flipped(choose((k & 1).equals(0), sine, cosine), k)
    return choose(x.abs() < 1e-9, x, value)


@through_double
def cos(x: Value, short: bool) -> Value:
    k, r, t = _reduced(x, short)
    sine, cosine = _sine_and_cosine(r, t, short)
    return _flipped(choose((k & 1).equals(0), cosine, sine), k + 1)


@through_double
def tan(x: Value, short: bool) -> Value:
    k, r, t = _reduced(x, short)
    sine, cosine = _sine_and_cosine(r, t, short)
    even = (k & 1).equals(0)
    value = choose(even, sine, -cosine) / choose(even, cosine, sine)
    return choose(x.abs() < 1e-9, x, value)


def _arc(x: Value, short: bool) -> tuple[Value, Value, Value, Value]:
    """(outer, r, rest, lost): asin(r) = r + rest, for r = |x|, or where |x| > 1/2 sqrt((1 - |x|) / 2), less `lost`."""
    size = x.abs()
    outer = size > 0.5
    z = choose(outer, (1.0 - size) * 0.5, size * size)
    root = x.code.intrinsic("sqrt", z)
    r = choose(outer, root, size)
    lost = root.fma(root, -z) / choose(outer, root + root, x.like(1.0))
    lost = choose(outer & (root > 0.0), lost, x.like(0.0))
    return outer, r, r * z * polynomial(z, ASIN[short]), lost


@through_double
def asin(x: Value, short: bool) -> Value:
    outer, r, rest, lost = _arc(x, short)
    far = HALF_PI[0] - (2.0 * r - (HALF_PI[1] - 2.0 * (rest - lost)))
    return x.code.intrinsic("copysign", choose(outer, far, r + rest), x)


@through_double
def acos(x: Value, short: bool) -> Value:
    outer, r, rest, lost = _arc(x, short)
    below = x < 0.0
    rest = rest - lost
    near_one = 2.0 * (r + rest)
    near_minus_one = math.pi - 2.0 * (r + (rest - HALF_PI[1]))
    signed, signed_rest = choose(below, -r, r), choose(below, -rest, rest)
    middle = HALF_PI[0] - (signed - (HALF_PI[1] - signed_rest))
    return choose(outer, choose(below, near_minus_one, near_one), middle)


def _angle(y: Value, x: Value, behind: Value, short: bool) -> Value:
    """The angle of a point with y, x >= 0; where `behind`, of that with -x.

    It is a multiple of pi / 4 and a small arc.
    """
    swapped = y > x
    small, large = choose(swapped, x, y), choose(swapped, y, x)
    steep = small > large * 0.41421356237309503
    above = choose(steep, small - large, small)
    below = choose(steep, small + large, large)
    t = above / choose(below.equals(0.0), below.like(1.0), below)
    z = t * t
    arc = (t * z).fma(polynomial(z, ATAN[short]), t)
    k = choose(steep, t.like(1.0), t.like(0.0))
    k, arc = choose(swapped, 2.0 - k, k), choose(swapped, -arc, arc)
    k, arc = choose(behind, 4.0 - k, k), choose(behind, -arc, arc)
    base = k * QUARTER_PI[0]
    lost = k.fma(QUARTER_PI[0], -base)
    return choose(k.equals(0.0), arc, base + (arc + k.fma(QUARTER_PI[1], lost)))


@through_double
def atan(x: Value, short: bool) -> Value:
    size = x.abs()
    nowhere = size < 0.0
    value = _angle(size, size.like(1.0), nowhere, short)
    return choose(x.is_nan(), x, x.code.intrinsic("copysign", value, x))


@through_double
def atan2(y: Value, x: Value, short: bool) -> Value:
    high, wide = y.abs(), x.abs()
    if not short:  # sums must not overflow, nor quotients lose digits
        larger = choose(high > wide, high, wide)
        scale = choose(larger > 2.0**1000, x.like(0.25), x.like(1.0))
        scale = choose(larger < 2.0**-900, x.like(2.0**100), scale)
        high, wide = high * scale, wide * scale
    both = high.equals(INFINITY) & wide.equals(INFINITY)
    high, wide = choose(both, x.like(1.0), high), choose(both, x.like(1.0), wide)
    value = _angle(high, wide, x.bits() < 0, short)
    value = x.code.intrinsic("copysign", value, y)
    return choose(x.is_nan() | y.is_nan(), x + y, value)
