"""A line search: a step length that satisfies the strong Wolfe conditions.

First steps grow until a minimum is known to lie between two of them; then the bracket is narrowed. New
trials come from the cubic through two points and their slopes, kept away from the bracket's ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Point(NamedTuple):
    """The function along the line: step t, value f, gradient g, slope."""

    t: float
    f: float
    g: Any
    slope: float


DECREASE, CURVATURE, TRIALS = 1e-4, 0.9, 25


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points has its minimum, within [low, high]; else their middle."""
    if a.t > b.t:
        a, b = b, a
    tilt = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = tilt * tilt - a.slope * b.slope
    if square < 0:
        return (low + high) / 2
    root = math.sqrt(square)
    t = b.t - (b.t - a.t) * ((b.slope + root - tilt) / (b.slope - a.slope + 2 * root))
    return min(max(t, low), high)


def strong_wolfe(
    at: Callable[[float], Point], t: float, origin: Point, size: float, tolerance: float
) -> Point:
    """The point to step to.

    Args:
        at: Evaluates the function at a step.
        t: The first trial.
        origin: Where the search starts.
        size: The largest element of the direction.
        tolerance: Smallest bracket, as a change of a parameter.

    Source: Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6
    """

    def too_high(point: Point) -> bool:
        return point.f > origin.f + DECREASE * point.t * origin.slope

    def flat_enough(point: Point) -> bool:
        return abs(point.slope) <= -CURVATURE * origin.slope

    before, new = origin, at(t)
    used = 0
    while used < TRIALS:
        if too_high(new) or (used > 1 and new.f >= before.f):
            break
        if flat_enough(new):
            return new
        if new.slope >= 0:
            break
        low, high = new.t + 0.01 * (new.t - before.t), new.t * 10
        t = cubic_minimum(before, new, low, high)
        before, new = new, at(t)
        used += 1
    else:
        before = origin
    return _narrow(at, before, new, used, (too_high, flat_enough), size, tolerance)


def _narrow(
    at: Callable[[float], Point],
    a: Point,
    b: Point,
    used: int,
    tests: tuple[Callable[[Point], bool], Callable[[Point], bool]],
    size: float,
    tolerance: float,
) -> Point:
    """Narrow the bracket between two points until one is good enough; gives the lower one."""
    too_high, flat_enough = tests
    stuck = False
    best, worst = (a, b) if a.f <= b.f else (b, a)
    while used < TRIALS and abs(best.t - worst.t) * size >= tolerance:
        low, high = min(best.t, worst.t), max(best.t, worst.t)
        t = cubic_minimum(best, worst, low, high)
        margin = 0.1 * (high - low)
        if min(high - t, t - low) >= margin:
            stuck = False
        elif stuck or t >= high or t <= low:
            t = high - margin if abs(t - high) < abs(t - low) else low + margin
            stuck = False
        else:
            stuck = True
        new = at(t)
        used += 1
        if too_high(new) or new.f >= best.f:
            worst = new
            if worst.f < best.f:
                best, worst = worst, best
            continue
        if flat_enough(new):
            return new
        if new.slope * (worst.t - best.t) >= 0:
            worst = best
        best = new
    return best
