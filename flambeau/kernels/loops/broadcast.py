"""How an operand meets the shape that all operands broadcast to: one rule, for Python and for machine code.

The rule (`_with_dimension`, `_word`) is written once, over numbers that may be Python's or values of LLVM's
language; what differs, choosing and comparing, it is given.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from ..llvm import Definition, Module, Value, choose
from ..runtime.layout import Flag, set_fact
from ..runtime.process import machine
from ..runtime.vectorcall import array_field

SCALAR, FULL, TRAILING, LEADING = range(4)
"""One value for all; a value an element; a row that serves for every row; one value a row."""
UNFIT = -1
FORM, ROWS = 7, 3
"""Of the word that says how an operand meets a shape: the bits of the form, and where the length of rows begins."""
_NOTHING, _EQUAL, _BROADCAST = range(3)


class _Seen(NamedTuple):
    """What the dimensions so far have shown; those of size 1 show nothing.

    Attributes:
        last: Was the last one equal, or broadcast?
        turns: How often the two took turns.
        run: The elements of the dimensions since the last turn.
    """

    last: Any
    turns: Any
    run: Any


def _with_dimension(
    seen: _Seen, own: Any, target: Any, choose: Callable, differs: Callable
) -> _Seen:
    now = choose(differs(own, target), _BROADCAST, _EQUAL)
    turned = differs(now, seen.last) & differs(seen.last, _NOTHING)
    shows = differs(target, 1)
    return _Seen(
        choose(shows, now, seen.last),
        choose(shows & turned, seen.turns + 1, seen.turns),
        choose(shows, choose(turned, 1, seen.run) * target, seen.run),
    )


def _word(seen: _Seen, choose: Callable, differs: Callable) -> Any:
    flat = choose(differs(seen.last, _BROADCAST), FULL, SCALAR)
    in_rows = choose(differs(seen.last, _BROADCAST), TRAILING, LEADING) | seen.run << ROWS
    return choose(
        differs(seen.turns, 0), choose(differs(seen.turns, 1), UNFIT, in_rows), flat
    )  # fmt: skip


# ------------------------------------------------------------------------------------- in Python


def _pick(condition: bool, x: Any, y: Any) -> Any:
    return x if condition else y


@lru_cache(1024)
def meeting(own: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """How the shape `own` meets `shape`, to which it broadcasts.

    The form in the low bits, above them the length of the rows that it is broadcast over or repeats; UNFIT if
    it broadcasts in several places.
    """
    seen = _Seen(_NOTHING, 0, 1)
    for size, target in zip((1,) * (len(shape) - len(own)) + own, shape):
        seen = _with_dimension(seen, size, target, _pick, operator.ne)
    return _word(seen, _pick, operator.ne)


def row_lengths(shapes: Sequence[tuple[int, ...]], shape: tuple[int, ...]) -> set[int]:
    """The lengths of rows that operands of these shapes make, UNFIT among them if one fits no rows."""
    return {meeting(own, shape) >> ROWS for own in shapes} - {0}


# ------------------------------------------------------------------------------- in machine code


@cache
def load_fit() -> None:
    """Put a function into the runtime's table, for all entry points: ``fit(array, descr, ndim, dims)``.

    How an array meets a shape (see `meeting`). UNFIT if it has another dtype than `descr`, or does not lie in order:
    then one value, expanded everywhere, will do too.
    """
    set_fact("fit", machine().address(fit_text()))


def fit_text() -> str:
    module = Module()
    _Fit(module.define("i64 @SYMBOL(ptr %array, ptr %descr, i64 %ndim, ptr %dims)")).write()
    return module.text()


class _Fit:
    """Writes `fit`."""

    def __init__(self, code: Definition):
        self.code, self.zero = code, code.constant(0, "i64")
        self.array, self.descr, self.ndim, self.dims = code.parameters

    def write(self) -> None:
        code = self.code
        self.require(array_field(self.array, "descr").equals_pointer(self.descr))
        flags = array_field(self.array, "flags", "i32")
        self.own_ndim = array_field(self.array, "ndim", "i32").convert("i64")
        self.own_dims = array_field(self.array, "dims")
        self.missing = self.ndim - self.own_ndim
        self.require(self.missing >= 0)
        with code.unless((flags & Flag.CARRAY_RO).equals(Flag.CARRAY_RO)):
            self.require((flags & Flag.ALIGNED).differs(0))
            self.one_value()
            code.give(code.integer(SCALAR))
        code.give(self.by_dimensions())
        code.label("unfit")
        code.give(code.integer(UNFIT))

    def require(self, condition: Value) -> None:
        onward = self.code.name("ok")
        self.code.branch(condition, onward, "unfit")
        self.code.label(onward)

    def one_value(self) -> None:
        """Require steps of 0, and as many dimensions, each of the size or of 1."""
        strides = array_field(self.array, "strides")
        with self.code.loop(self.zero, self.own_ndim) as i:
            self.require(self.item(strides, i).equals(0))
        self.require(self.missing.equals(0))
        with self.code.loop(self.zero, self.ndim) as i:
            self.require_size(self.item(self.own_dims, i), self.item(self.dims, i))

    def by_dimensions(self) -> Value:
        """The word of `meeting`, by the same rule."""
        code = self.code
        seen = [code.variable(x) for x in (_NOTHING, 0, 1)]
        with code.loop(self.zero, self.ndim) as i:
            target, at = self.item(self.dims, i), i - self.missing
            own = code.variable(1)
            with code.when(at >= 0):
                own.value = self.item(self.own_dims, at)
            size, before = own.value, _Seen(*(x.value for x in seen))
            self.require_size(size, target)
            now = _with_dimension(before, size, target, self.choose, Value.differs)
            for place, value in zip(seen, now):
                place.value = value
        return _word(_Seen(*(x.value for x in seen)), self.choose, Value.differs)

    def require_size(self, size: Value, target: Value) -> None:
        self.require(size.equals(target) | size.equals(1))

    def item(self, numbers: Value, i: Value) -> Value:
        return self.code.load(self.code.at(numbers, "i64", i), "i64")

    def choose(self, condition: Value, x: Any, y: Any) -> Value:
        return choose(condition, self.zero.like(x), y)
