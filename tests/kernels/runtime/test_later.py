"""Kernels that are compiled at the first call that they are made for."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau import kernels
from flambeau.formula.expression import Domain, symbol
from flambeau.formula.primitive import add, exp
from flambeau.formula.program import Program

if not kernels.enabled():
    pytest.skip("kernels are off", allow_module_level=True)

from flambeau.kernels.runtime.later import builtin_later
from flambeau.kernels.runtime.process import machine
from flambeau.kernels.runtime.recipe import Recipe, noted, recipe_of


@pytest.fixture
def compiled(monkeypatch):
    """The texts that are asked for from here on."""
    texts, right = [], machine().address

    def address(text):
        texts.append(text)
        return right(text)

    monkeypatch.setattr(machine(), "address", address)
    return texts


def seen(*given):
    return "fallback", given


def fallback():
    def function(*given):
        return seen(*given)

    return noted(function, Recipe(lambda: "its text"))


def doubling() -> str:
    """A module that takes one number."""
    from flambeau.kernels.llvm import Module
    from flambeau.kernels.runtime.vectorcall import Vectorcall

    module = Module()
    f = Vectorcall(module)
    (item,) = f.arguments(1)
    f.require(f.is_a(item, "int"))
    number = f.python("PyLong_AsLongLong", "i64", item)
    f.give([f.python("PyLong_FromLongLong", "ptr", number * 2)])
    f.fall_back()
    return module.text()


def test_nothing_is_compiled_before_a_call_that_it_serves(compiled):
    f = builtin_later("f", doubling, lambda *x: len(x) == 1, fallback(), None)
    compiled.clear()
    assert f(1, 2) == seen(1, 2)
    assert compiled == []
    assert f(4) == 8
    assert compiled == [doubling()]
    assert f(5) == 10
    assert f("x") == seen("x")
    assert f(1, 2) == seen(1, 2)
    assert compiled == [doubling()]
    assert f.__name__ == "f"
    assert recipe_of(f).text() == "its text"


def test_what_has_no_native_form_is_asked_once():
    asked = []

    def none():
        asked.append(1)

    f = builtin_later("f", none, lambda *x: True, fallback(), lambda *x: ("otherwise", x))
    assert [f(1), f(2)] == [("otherwise", (1,)), ("otherwise", (2,))]
    assert asked == [1]


def test_errors_of_the_fallback_pass_through():
    def wrong(*given):
        raise KeyError("why")

    f = builtin_later("f", doubling, lambda *x: True, noted(wrong, Recipe(lambda: "")), None)
    with pytest.raises(KeyError, match="why"):
        f("x")
    assert f(1) == 2


def built(root, *inputs, rows=False, **options):
    dtype = np.dtype("f8")

    def interpreter(x, *rest):
        return np.exp(x) + 7.25

    return kernels.build(
        Program(inputs, (root,)),
        [dtype] * len(inputs),
        dtype,
        [dtype],
        "made",
        rows,
        interpreter,
        **options,
    )


def test_a_formula_is_compiled_when_called(compiled):
    x = symbol("x", Domain.REAL)
    kernel = built(add(exp(x), 7.25), x)
    assert not any("7.25" in text or "@nest" in text for text in compiled)
    given = np.arange(3.0)
    np.testing.assert_allclose(kernel(given), np.exp(given) + 7.25)
    assert sum("@nest" in text for text in compiled) == 1
    kernel(given)
    assert sum("@nest" in text for text in compiled) == 1
