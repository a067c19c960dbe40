"""Constructors of slotted classes."""

import gc
import sys
import weakref

import pytest

from flambeau import kernels


class Point:
    __slots__ = ("__weakref__", "x", "y")


class Solid(Point):
    __slots__ = ("z",)


def test_slots_are_set_in_the_order_given():
    make = kernels.constructor(Solid, "z", "x")
    made = make(1, "two")
    assert type(made) is Solid
    assert (made.z, made.x) == (1, "two")
    with pytest.raises(AttributeError):
        _ = made.y


def test_references_are_counted():
    make = kernels.constructor(Point, "x", "y")
    item, count = object(), sys.getrefcount(Point)
    before = sys.getrefcount(item)
    made = [make(item, item) for _ in range(100)]
    assert sys.getrefcount(item) == before + 200
    assert sys.getrefcount(Point) == count + 100
    del made
    assert sys.getrefcount(item) == before
    assert sys.getrefcount(Point) == count


def test_cycles_are_collected():
    make = kernels.constructor(Point, "x", "y")
    made = make(None, None)
    made.x = made
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None


def test_a_wrong_number_of_values_is_an_error():
    make = kernels.constructor(Point, "x", "y")
    for values in ((), (1,), (1, 2, 3)):
        with pytest.raises(TypeError):
            make(*values)


def test_an_unknown_slot_is_an_error():
    with pytest.raises(AttributeError):
        kernels.constructor(Point, "w")(1)
