"""Sine, cosine, tangent and their inverses.

Float32 has shorter polynomials, and its huge arguments are reduced in float64. The polynomials are Chebyshev fits on
the stated interval.
"""

from __future__ import annotations

import math

from ...formula import primitive as p
from ..llvm import BITS, Value, any_lane, choose, polynomial
from . import payne_hanek
from .exponential import format_of
from .lowering import lowers
from .payne_hanek import REDUCE, reduce_text
from .square_root import root_and_half

HALF_PI = {
    "float": (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    "double": (*payne_hanek.HALF_PI, -1.4973849048591833e-33),
}
"""pi / 2 as a sum of numbers of that type."""
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

HUGE = {"float": 2.0**21, "double": 2.0**30}
"""Where the reduction in three steps ends, and that by the digits of 2 / pi begins."""
INFINITY = float("inf")


def _reduced(x: Value) -> tuple[Value, Value, Value]:
    """(k, r, t): x = k pi / 2 + r + t with |r| <= pi / 4, and k an integer that is right modulo 4."""
    code, pi = x.code, HALF_PI[x.element]
    magic = format_of(x).magic
    shifted = x.fma(2 / math.pi, magic)
    n = shifted - magic
    near = n.fma(-pi[0], x)  # exact
    step = n * pi[1]
    lost = n.fma(pi[1], -step)
    r = near - step
    back = r - near
    t = (near - (r - back)) - (step + back) - n.fma(pi[2], lost)
    usual = [shifted.bits(), r, t]
    size = x.abs()
    huge = (size > HUGE[x.element]) & (size < INFINITY)
    places = [code.slot(value.type, value) for value in usual]
    with code.when(any_lane(huge)):
        for place, value in zip(places, _reduced_huge(x, huge, usual)):
            code.store(value, place)
    k, r, t = (code.load(place, value.type) for place, value in zip(places, usual))
    return k, r, t


def _reduced_huge(x: Value, huge: Value, usual: list[Value]) -> list[Value]:
    if x.element == "double":
        return _huge(x, huge, usual)
    k, r, t = _reduced(x.convert("double"))
    parts = [k.convert("i32"), r.convert("float"), t.convert("float")]
    return [choose(huge, part, value) for part, value in zip(parts, usual)]


def _huge(x: Value, huge: Value, usual: list[Value]) -> list[Value]:
    """The reduction of the lanes that are huge, one by one; `usual` elsewhere."""
    code = x.code
    code.declarations.add(reduce_text(code.helper()))
    given = code.slot(x.type, choose(huge, x, x.like(HUGE[x.element])))
    made = [code.slot(v.type) for v in usual]
    with code.loop(code.constant(0, "i64"), code.constant(code.lanes, "i64")) as i:
        value = code.load(code.at(given, "double", i), "double")
        code.run(REDUCE, value, *(code.at(p, "i64", i) for p in made))
    return [choose(huge, code.load(p, v.type), v) for p, v in zip(made, usual)]


def sine_and_cosine(r: Value, t: Value) -> tuple[Value, Value, Value, Value]:
    """(sine, less, cosine, less): each as a sum of two numbers."""
    short = r.element == "float"
    z = r * r
    half = z * 0.5
    w = 1.0 - half
    by = (r * z).multiply_add(polynomial(z, SIN[short]), (-half).fma(t, t))
    down = (z * z).multiply_add(polynomial(z, COS[short]), ((1.0 - w) - half) - r * t)
    sine, cosine = r + by, w + down
    return sine, (r - sine) + by, cosine, (w - cosine) + down


def flipped(value: Value, k: Value) -> Value:
    """-value where the second bit of k is set."""
    return (value.bits() ^ ((k & 2) << (BITS[k.element] - 2))).cast_bits(value.element)


def _tiny(x: Value) -> Value:
    """Is x so near to 0 that sin(x) and tan(x) are x?"""
    return x.abs() < (1e-4 if x.element == "float" else 1e-9)


@lowers(p.sin)
def sin(x: Value) -> Value:
    k, r, t = _reduced(x)
    sine, _, cosine, _ = sine_and_cosine(r, t)
    return choose(_tiny(x), x, flipped(choose((k & 1).equals(0), sine, cosine), k))


@lowers(p.cos)
def cos(x: Value) -> Value:
    k, r, t = _reduced(x)
    sine, _, cosine, _ = sine_and_cosine(r, t)
    return flipped(choose((k & 1).equals(0), cosine, sine), k + 1)


@lowers(p.tan)
def tan(x: Value) -> Value:
    k, r, t = _reduced(x)
    sine, sine_low, cosine, cosine_low = sine_and_cosine(r, t)
    even = (k & 1).equals(0)
    above, below = choose(even, sine, -cosine), choose(even, cosine, sine)
    above_low, below_low = choose(even, sine_low, -cosine_low), choose(even, cosine_low, sine_low)
    inverse = 1.0 / below
    value = above * inverse
    value = ((-value).fma(below, above) + (above_low - value * below_low)).fma(inverse, value)
    return choose(_tiny(x), x, value)


def _arc(x: Value) -> tuple[Value, Value, Value]:
    """(outer, r, rest): asin(r) = r + rest, for r = |x|, or where |x| > 1/2 sqrt((1 - |x|) / 2)."""
    size = x.abs()
    outer = size > 0.5
    z = choose(outer, (1.0 - size) * 0.5, size * size)
    root, half = root_and_half(choose(outer, z, z.like(0.25)))
    r = choose(outer, root, size)
    rest = r * z * polynomial(z, ASIN[x.element == "float"])
    # What the root's rounding lost matters near 1, where r is nearly all.
    lost = choose(outer, root.fma(root, -z) * half, z.like(0.0))
    return outer, r, rest - lost


@lowers(p.asin)
def asin(x: Value) -> Value:
    outer, r, rest = _arc(x)
    pi = HALF_PI[x.element]
    far = pi[0] - (2.0 * r - (pi[1] - 2.0 * rest))
    return x.code.intrinsic("copysign", choose(outer, far, r + rest), x)


@lowers(p.acos)
def acos(x: Value) -> Value:
    outer, r, rest = _arc(x)
    pi = HALF_PI[x.element]
    below = x < 0.0
    near_one = 2.0 * (r + rest)
    near_minus_one = 2.0 * (pi[0] - (r + (rest - pi[1])))
    signed, signed_rest = choose(below, -r, r), choose(below, -rest, rest)
    middle = pi[0] - (signed - (pi[1] - signed_rest))
    return choose(outer, choose(below, near_minus_one, near_one), middle)


def _angle(y: Value, x: Value, behind: Value) -> Value:
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
    arc = (t * z).fma(polynomial(z, ATAN[x.element == "float"]), t)
    k = choose(steep, t.like(1.0), t.like(0.0))
    k, arc = choose(swapped, 2.0 - k, k), choose(swapped, -arc, arc)
    k, arc = choose(behind, 4.0 - k, k), choose(behind, -arc, arc)
    high, low = (part / 2 for part in HALF_PI[x.element][:2])
    base = k * high
    lost = k.fma(high, -base)
    return choose(k.equals(0.0), arc, base + (arc + k.fma(low, lost)))


@lowers(p.atan)
def atan(x: Value) -> Value:
    size = x.abs()
    nowhere = size < 0.0
    value = _angle(size, size.like(1.0), nowhere)
    return choose(x.is_nan(), x, x.code.intrinsic("copysign", value, x))


@lowers(p.atan2)
def atan2(y: Value, x: Value) -> Value:
    high, wide = y.abs(), x.abs()
    tiny = format_of(x).tiny
    # Sums must not overflow, nor quotients lose digits.
    larger = choose(high > wide, high, wide)
    scale = choose(larger > 2.0**-20 / tiny, x.like(0.25), x.like(1.0))
    scale = choose(larger < tiny * 2.0**60, x.like(2.0**70), scale)
    high, wide = high * scale, wide * scale
    both = high.equals(INFINITY) & wide.equals(INFINITY)
    high, wide = choose(both, x.like(1.0), high), choose(both, x.like(1.0), wide)
    value = _angle(high, wide, x.bits() < 0)
    value = x.code.intrinsic("copysign", value, y)
    return choose(x.is_nan() | y.is_nan(), x + y, value)
