"""Functions that Python calls by vectorcall: arguments, numbers, references, refusals."""

import gc
import sys

import pytest

from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


def function(write, fallback=None):
    """A builtin function whose body `write(f)` writes."""
    from flambeau.kernels.llvm import Module
    from flambeau.kernels.runtime.layout import builtin
    from flambeau.kernels.runtime.process import machine
    from flambeau.kernels.runtime.vectorcall import Vectorcall

    module = Module()
    write(Vectorcall(module))
    return builtin("made", machine().address(module.text()), fallback)


@pytest.fixture(scope="module")
def rounded():
    """A number, as a double, rounded down to an int; "refused" and the arguments for anything else."""

    def write(f):
        number = f.number(f.arguments(1)[0])
        floor = f.code.intrinsic("floor", number).convert("i64")
        f.give([f.python("PyLong_FromLongLong", "ptr", floor)])
        f.fall_back()

    return function(write, lambda *given: ("refused", *given))


@pytest.mark.parametrize(
    ("number", "want"), [(2.5, 2), (-2.5, -3), (7, 7), (-1, -1), (-1.0, -1), (1 << 40, 1 << 40)]
)
def test_floats_and_ints_are_numbers(rounded, number, want):
    assert rounded(number) == want


class Float(float):
    pass


@pytest.mark.parametrize("other", [True, "1", None, 1j, Float(1.0), 1 << 2000, -(1 << 2000)])
def test_whatever_else_goes_to_the_fallback(rounded, other):
    assert rounded(other) == ("refused", other)
    assert rounded(0.5) == 0  # no error is left behind


@pytest.mark.parametrize("given", [(), (1.0, 2.0), (1.0, 2.0, 3.0)])
def test_another_number_of_arguments_goes_to_the_fallback(rounded, given):
    assert rounded(*given) == ("refused", *given)


def test_the_fallbacks_error_is_the_calls(rounded):
    def fallback(*given):
        raise LookupError(given)

    def write(f):
        f.require(f.count.equals(0))
        f.give([f.fact("None")])
        f.fall_back()

    with pytest.raises(LookupError):
        function(write, fallback)(3)


def test_several_results_are_a_tuple_that_owns_them():
    def write(f):
        given = f.arguments(2)
        for item in reversed(given):
            f.python("Py_IncRef", "void", item)
        f.give(given[::-1])
        f.bad_argument()

    swapped, item, other = function(write), object(), object()
    before = sys.getrefcount(item), sys.getrefcount(other)
    made = [swapped(item, other) for _ in range(100)]
    assert made[7] == (other, item)
    assert gc.is_tracked(made[7])
    assert (sys.getrefcount(item), sys.getrefcount(other)) == (before[0] + 100, before[1] + 100)
    del made
    assert (sys.getrefcount(item), sys.getrefcount(other)) == before


def test_a_refusal_without_a_fallback_is_a_type_error():
    def write(f):
        f.require(f.is_a(f.arguments(1)[0], "tuple"))
        none = f.fact("None")
        f.python("Py_IncRef", "void", none)
        f.give([none])
        f.bad_argument()

    only_tuples = function(write)
    assert only_tuples((1, 2)) is None
    for given in ((), ([],), (1, 2)):
        with pytest.raises(TypeError):
            only_tuples(*given)


def test_items_of_a_tuple():
    from flambeau.kernels.runtime.vectorcall import item_of, size_of

    def write(f):
        group = f.arguments(1)[0]
        f.require(f.is_a(group, "tuple"))
        last = item_of(group, size_of(group) - 1)
        f.python("Py_IncRef", "void", last)
        f.give([last])
        f.bad_argument()

    assert function(write)(("a", "b", "c")) == "c"
