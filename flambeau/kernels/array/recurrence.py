"""Families of functions that a recurrence of three terms makes, as orthogonal polynomials: each element to its degree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..llvm import BITS, Value, any_lane, choose
from ..runtime import memory
from ..runtime.entry import Body, NoNumbers, kernel
from ..runtime.process import machine

ELEMENTS = {np.dtype("float32"): "float", np.dtype("float64"): "double"}
WHOLE = 2.0**63
"""A degree from here on, or none, is taken as below 0."""


def values(family: Any, x: Any, degree: Any) -> Any:
    """A family at x, an array of floats, to the degrees of an array of its dtype and shape, or of one element.

    Args:
        family: What has a name, the values of degree 1 (`first`) and of those that follow (`following`), and the highest
            degree (`longest`), above which all is nan.
    """
    size, one = x.size, degree.size == 1
    run = _known.get((family.name, x.dtype.char, one))
    if run is None:
        if x.dtype not in ELEMENTS:
            return NotImplemented
        run = _known[family.name, x.dtype.char, one] = _kernel(family, ELEMENTS[x.dtype], one)
    if degree.dtype is not x.dtype or (not one and degree.shape != x.shape):
        return NotImplemented
    if not x.flags.c_contiguous:
        x = np.ascontiguousarray(x)
    if not degree.flags.c_contiguous:
        degree = np.ascontiguousarray(degree)
    made = memory.empty(x.shape, x.dtype)
    run(made, x, degree, 1, size, size * WEIGHT, 1)
    return made


_known: dict[tuple, Callable[..., int]] = {}
WEIGHT = 16
"""Steps of an element, about."""


def _kernel(family: Any, element: str, same: bool) -> Callable[..., int]:
    """same: Have all elements one degree?"""
    lanes = machine().bits // BITS[element]

    def write(body: Body) -> None:
        type = body.vector(element)
        if same:
            every = body.splat(body.get(body.p["degree"], element, body.zero))
        with body.loop(body.begin, body.end, lanes) as i:
            mask = body.iota() < body.splat(body.end - i)
            x = body.masked_load(body.at(body.p["x"], element, i), type, mask)
            n = (
                every
                if same
                else body.masked_load(body.at(body.p["degree"], element, i), type, mask)
            )
            value = _value(body, family, x, n)
            body.masked_store(value, body.at(body.p["made"], element, i), mask)

    return kernel(family.name, ("made", "x", "degree"), NoNumbers, write, lanes, makes=True)


def _value(body: Body, family: Any, x: Value, degree: Value) -> Value:
    whole = body.intrinsic("trunc", degree)
    n = choose(degree.abs() < WHOLE, whole, -1.0)
    one, first = x.like(1.0), family.first(x)
    made = body.variable(choose(n.equals(0.0), one, choose(n.equals(1.0), first, 0.0)))
    made.value = choose(n > float(family.longest), made.value.like(float("nan")), made.value)
    before, value, k = body.variable(one), body.variable(first), body.variable(x.like(2.0))
    n = choose(n > float(family.longest), -1.0 * one, n)
    with body.repeat() as steps:
        steps.stop_unless(any_lane(n >= k.value))
        following = family.following(k.value, x, value.value, before.value)
        before.value, value.value = value.value, following
        made.value = choose(n.equals(k.value), following, made.value)
        k.value = k.value + 1.0
    return made.value
