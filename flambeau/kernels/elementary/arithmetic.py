"""Primitives that are an instruction or two."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...formula import primitive as p
from ..llvm import Value, choose
from .lowering import lowers

INFINITY = float("inf")
NUMPY: dict[str, Any] = {"float": np.float32, "double": np.float64}

_of_numbers = partial(lowers, integers=True)
_as_they_are = partial(lowers, integers=True, alike=slice(0))


def _intrinsic(name: str) -> Callable[..., Value]:
    return lambda *args: args[0].code.intrinsic(name, *args)


def _is_true(x: Value) -> Value:
    return x.convert("i1")


_of_numbers(p.subtract)(operator.sub)
_of_numbers(p.negative)(operator.neg)
_of_numbers(p.square)(lambda x: x * x)
_of_numbers(p.absolute)(Value.abs)
_of_numbers(p.equal)(Value.equals)
_of_numbers(p.not_equal)(Value.differs)
_of_numbers(p.less)(operator.lt)
_of_numbers(p.less_equal)(operator.le)
_of_numbers(p.greater)(operator.gt)
_of_numbers(p.greater_equal)(operator.ge)
_of_numbers(p.bitwise_and)(operator.and_)
_of_numbers(p.bitwise_or)(operator.or_)
_of_numbers(p.bitwise_xor)(operator.xor)
_of_numbers(p.bitwise_not)(operator.invert)
_of_numbers(p.real)(lambda x: x)
_of_numbers(p.conj)(lambda x: x)
_as_they_are(p.held)(lambda x: x)
_as_they_are(p.logical_and)(lambda x, y: _is_true(x) & _is_true(y))
_as_they_are(p.logical_or)(lambda x, y: _is_true(x) | _is_true(y))
_as_they_are(p.logical_xor)(lambda x, y: _is_true(x) ^ _is_true(y))
_as_they_are(p.logical_not)(lambda x: ~_is_true(x))


@lowers(p.add, integers=True)
def add(x: Value, y: Value) -> Value:
    return x | y if x.element == "i1" else x + y


@lowers(p.multiply, integers=True)
def multiply(x: Value, y: Value) -> Value:
    return x & y if x.element == "i1" else x * y


lowers(p.divide)(operator.truediv)
lowers(p.reciprocal)(lambda x: 1.0 / x)
lowers(p.floor)(_intrinsic("floor"))
lowers(p.ceil)(_intrinsic("ceil"))
lowers(p.trunc)(_intrinsic("trunc"))
lowers(p.rint)(_intrinsic("rint"))
lowers(p.copysign)(_intrinsic("copysign"))
lowers(p.isnan)(Value.is_nan)
lowers(p.isinf)(lambda x: x.abs().equals(INFINITY))
lowers(p.isfinite)(lambda x: x.abs() < INFINITY)
lowers(p.signbit)(lambda x: x.bits() < 0)


@lowers(p.where, integers=True, alike=slice(1, None))
def where(condition: Value, x: Value, y: Value) -> Value:
    return choose(_is_true(condition), x, y)


lowers(p.usually, integers=True, alike=slice(1, None))(where)


@lowers(p.in_range)
def in_range(x: Value) -> Value:
    facts = np.finfo(NUMPY[x.element])
    return (x >= float(facts.tiny / facts.eps)) & (x < INFINITY)


@lowers(p.flushed)
def flushed(x: Value) -> Value:
    return choose(x.abs() < float(np.finfo(NUMPY[x.element]).tiny), x.like(0.0), x)


@lowers(p.unit_scale)
def unit_scale(x: Value) -> Value:
    """Its exponent is that of x with the other sign, kept among those of normal numbers."""
    facts = np.finfo(NUMPY[x.element])
    exponent = x.abs().bits() >> facts.nmant
    negated = exponent.like(2 * facts.maxexp - 2) - exponent
    least = negated.like(1)
    return (choose(negated > least, negated, least) << facts.nmant).cast_bits(x.element)


@lowers(p.at_least, integers=True)
@lowers(p.maximum, integers=True, quick=lambda x, y: choose(y > x, y, x))
def larger(x: Value, y: Value) -> Value:
    """The maximum; nan if either is. x where they are equal.

    Of floats, the inner choice is one instruction of x86, which gives x if either is nan.
    """
    if not x.is_float:
        return choose(x > y, x, y)
    return choose(y.is_nan(), y, choose(y > x, y, x))


@lowers(p.at_most, integers=True)
@lowers(p.minimum, integers=True, quick=lambda x, y: choose(y < x, y, x))
def smaller(x: Value, y: Value) -> Value:
    if not x.is_float:
        return choose(x < y, x, y)
    return choose(y.is_nan(), y, choose(y < x, y, x))


@lowers(p.fmax)
def fmax(x: Value, y: Value) -> Value:
    return choose((x >= y) | y.is_nan(), x, y)


@lowers(p.fmin)
def fmin(x: Value, y: Value) -> Value:
    return choose((x <= y) | y.is_nan(), x, y)


@lowers(p.sign, integers=True)
def sign(x: Value) -> Value:
    """-1, 0 or 1; 0 for nan."""
    return choose(x > 0, x.like(1), choose(x < 0, x.like(-1), x.like(0)))
