"""The series and the continued fraction of the incomplete gamma functions: loops that end when no lane has more to add."""

from __future__ import annotations

from ...formula.special import regularised_gamma as r
from ...formula.special.incomplete_gamma import EPSILON, LONGEST
from ..llvm import Value, any_lane, choose
from .lowering import lowers


@lowers(r.gamma_series)
def gamma_series(a: Value, x: Value) -> Value:
    """Of float64. What a lane adds while its neighbours take longer is below its rounding."""
    code, type = a.code, a.type
    step, term, total = (code.slot(type, a.like(1.0)) for _ in range(3))
    with code.repeat() as loop:
        k = code.load(step, type)
        now = code.load(term, type) * (x / (a + k))
        value = code.load(total, type) + now
        for new, place in ((k + 1.0, step), (now, term), (value, total)):
            code.store(new, place)
        loop.stop_unless(any_lane((now > value * (EPSILON / 8)) & (k < float(LONGEST))))
    return code.load(total, type)


@lowers(r.gamma_fraction)
def gamma_fraction(a: Value, x: Value) -> Value:
    """Of float64, by Lentz's algorithm."""
    code, type = a.code, a.type
    first = x + 1.0 - a
    starts = (a.like(1.0), first, a.like(1e300), 1.0 / first, 1.0 / first)
    places = [code.slot(type, start) for start in starts]
    mask = code.vector("i1")
    left = code.slot(mask, code.constant(1, mask))
    with code.repeat() as loop:
        k, b, c, d, total = (code.load(place, type) for place in places)
        factor, b = k * (a - k), b + 2.0
        d, c = 1.0 / (factor * d + b), b + factor / c
        change, still = d * c, code.load(left, mask)
        # A lane that is done stays as it is, however long its neighbours take.
        total = choose(still, total * change, total)
        for new, place in zip((k + 1.0, b, c, d, total), places, strict=True):
            code.store(new, place)
        more = still & ((change - 1.0).abs() > 2 * EPSILON) & (k < float(LONGEST))
        code.store(more, left)
        loop.stop_unless(any_lane(more))
    return code.load(places[-1], type)
