"""Arrays in order, along one dimension: slices at a vector of indices, or an element for each index.

What shapes say is worked out once. A kernel that writes into an array which others see looks at all indices first, and
writes if each is in range; those of a new array are looked at where they are used. What others write to the indices
meanwhile does not matter: the value that was checked is the one that is used.

Threads share what lies before the dimension, or else what lies behind it, so that nobody else writes to their part of
x and values at one place stay in their order. What lies behind is taken a few cache lines at a time, for all indices,
so that the lines of x that they lead to stay near.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import ELEMENTS, in_order
from ..array.vector_loop import combine, copy, fill
from ..llvm import BITS, Value, choose
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.memory import INT64
from ..runtime.pool_kernel import GRAIN
from ..runtime.process import enabled, machine
from .bounds import outside, within
from .plan import Along

NUMBERS = {
    "f4": "float", "f8": "double", "i1": "i8", "u1": "i8", "i2": "i16", "i4": "i32", "i8": "i64",
}  # fmt: skip
"""The elements that kernels compute with."""
UNORDERED = ("u1",)
"""Those that they do not compare."""
ADDS = frozenset(("add", "multiply"))
"""What meets an old value by arithmetic; "maximum" and "minimum" compare, "put" does not ask for it."""
_FULL = slice(None)
SMALL = 1 << 14
"""Elements and indices up to which one thread does all, and looks at the indices itself."""
STRIPE = 64
"""Elements of what lies behind the dimension that are taken at once."""
FEW, LONG = 1 << 17, 512
"""Elements up to which whole runs are moved here by one thread, and elements of a run that threads share."""
WIDE = 256
"""Elements of a run that a piece has at least: narrower ones are walked in too many steps."""
UNDONE, CHANGED = 1, 2
"""Reports: nothing was written, or another thread has changed an index since they were checked."""


class Numbers(NamedTuple):
    """x is seen as (outer, size, inner), and values as (outer, count, inner).

    Attributes:
        indices: How many there are.
        look: Are the indices to be looked at before anything is written?
    """

    outer: int
    size: int
    inner: int
    count: int
    indices: int
    look: int


class Form(NamedTuple):
    """What a kernel's text depends on.

    Attributes:
        how: "take", or what happens to old values: "put", "add", "multiply", "maximum", "minimum".
        each: Is there an index for each element, or for each slice?
        one: Does one value serve for all?
        behind: Does anything lie behind the dimension?
        start: What a new array begins with, "zero" or a "copy"; "" for one that others see.
        signs: Do negative indices count from the end?
    """

    how: str
    each: bool
    one: bool
    behind: bool
    element: str
    start: str
    signs: bool


def write(how: str, along: bool, x: Any, dim: int, index: Any, values: Any) -> bool:
    """Write `values` at slices of x's dimension, or at elements along it; False for what this is not made for, and
    where an index is out of range: nothing was written then.

    Args:
        how: "put", "add", or NumPy's name of what is done with the old value.
        along: Is there an index for each element?
        index: int64.
        values: Of x's dtype; one number without dimensions serves for all.
    """
    if along and not index.flags.c_contiguous and _is_spread(index, dim):
        along, index = False, index[_vector_of(index, dim)]
    told = _told(how, along, x.dtype, dim, x.shape, index.shape, values.shape, "", False)
    return _write(told, x, index, values)


def write_at(how: str, x: Any, key: tuple, values: Any) -> bool:
    """The same at a key of one index array."""
    place = _place(key)
    if place is None or values.__class__ is not np.ndarray or values.dtype != x.dtype:
        return False
    along, dim, index = place
    if key.__class__ is tuple and not within(index, 0, x.shape[dim]):
        return False
    return write(how, along, x, dim, index, values)


def write_flat(how: str, x: Any, index: Any, values: Any) -> bool:
    """The same at indices into all elements in row-major order."""
    told = _told(how, False, x.dtype, 0, (x.size,), (index.size,), (values.size,), "", False)
    return _write(told, x, index, values)


def made(x: Any, shape: tuple[int, ...], key: tuple, values: Any, add: bool) -> Any:
    """A copy of x (zeros, if that is None) in which values are written, or added; None where this is not made for it.

    Raises:
        IndexError: An index is out of range.
    """
    place = _place(key)
    if place is None or values.__class__ is not np.ndarray:
        return None
    if x is not None and not (_in_order(x) and values.dtype == x.dtype):
        return None
    along, dim, index = place
    if along and not index.flags.c_contiguous and _is_spread(index, dim):
        along, index = False, index[_vector_of(index, dim)]
    how, start, given = (
        "add" if add else "put",
        "zero" if x is None else "copy",
        () if x is None else (x,),
    )
    for signs in (False, True) if key.__class__ is tuple else (False,):
        told = _told(how, along, values.dtype, dim, shape, index.shape, values.shape, start, signs)
        if told is None or not values.flags.aligned:
            return None
        function, numbers = told
        result = memory.empty(shape, values.dtype)
        if not function(result, in_order(index), in_order(values), *given, *numbers):
            return result
    raise outside(shape[dim : dim + 1])


def taken(x: Any, key: tuple) -> Any:
    """``x[key]``; None where this is not made for it.

    Raises:
        IndexError: An index is out of range.
    """
    place = _place(key, x.ndim)
    if place is None or not _in_order(x):
        return None
    along, dim, index = place
    shape, sizes = x.shape, index.shape
    if along:
        if not index.flags.c_contiguous and _is_spread(index, dim):
            along, index = False, index[_vector_of(index, dim)]
            sizes = index.shape
        wanted = made = sizes if along else (*shape[:dim], index.size, *shape[dim + 1 :])
    elif len(sizes) == 1:
        wanted = made = (*shape[:dim], *sizes, *shape[dim + 1 :])
    else:  # of the first dimension: the indices are read in a row
        made = sizes + shape[1:]
        sizes = (index.size,)
        wanted = sizes + shape[1:]
    for signs in (False, True) if key.__class__ is tuple else (False,):
        told = _told("take", along, x.dtype, dim, shape, sizes, wanted, "", signs)
        if told is None:
            return None
        function, numbers = told
        result = memory.empty(made, x.dtype)
        if not function(x, in_order(index), result, *numbers):
            return result
    raise outside(x.shape[dim : dim + 1])


def _place(key: tuple, ndim: int = 0) -> tuple[bool, int, Any] | None:
    """Is there an index for each element, and the dimension, and the indices, of a key of one index array, which has one
    dimension, or any number if it is of the first of `ndim` dimensions."""
    if key.__class__ is Along:
        along, dim, index = True, key.dim, key.index  # type: ignore[attr-defined]
    else:
        along, dim, index = False, len(key) - 1, key[-1]
        for item in key[:-1]:
            if item.__class__ is not slice or item != _FULL:
                return None
    if index.__class__ is not np.ndarray or index.dtype != INT64 or not index.flags.aligned:
        return None
    return (along, dim, index) if along or index.ndim == 1 or (ndim and not dim) else None


def _in_order(x: Any) -> bool:
    return x.__class__ is np.ndarray and x.flags.c_contiguous and x.flags.aligned


def _is_spread(index: Any, dim: int) -> bool:
    """Is it a vector, the same along all other dimensions?"""
    return not any(
        step for i, (n, step) in enumerate(zip(index.shape, index.strides)) if i != dim and n != 1
    )


def _vector_of(index: Any, dim: int) -> tuple:
    return tuple(_FULL if i == dim else 0 for i in range(index.ndim))


def _write(told: Any, x: Any, index: Any, values: Any) -> bool:
    if told is None:
        return False
    flags = x.flags
    if not (flags.c_contiguous and flags.writeable and flags.aligned and values.flags.aligned):
        return False
    function, given = told
    index, values = in_order(index), in_order(values)
    if not given[-1] and not within(index, 0, given[len(Job._fields) + 1]):
        return False
    report = function(x, index, values, *given)
    if report == CHANGED:
        raise outside(x.shape)
    return not report


@lru_cache(4096)
def _told(
    how: str,
    along: bool,
    dtype: Any,
    dim: int,
    shape: tuple[int, ...],
    index: tuple[int, ...],
    values: tuple[int, ...],
    start: str,
    signs: bool,
) -> tuple[Callable[..., int], tuple[int, ...]] | None:
    """The function and its numbers; None where the shapes are not right, or not for this."""
    ndim = len(shape)
    if not -ndim <= dim < ndim or not enabled():
        return None
    dim, one = dim % ndim, values == ()
    if one and len(index) == (ndim if along else 1):
        values = index if along else (*shape[:dim], *index, *shape[dim + 1 :])
    if len(values) != ndim:
        return None
    count, indices = values[dim], math.prod(index)
    outer, inner = math.prod(shape[:dim]), math.prod(shape[dim + 1 :])
    if (*shape[:dim], count, *shape[dim + 1 :]) != values or index != (
        values if along else (count,)
    ):
        return None
    element = _element(how, dtype)
    if element is None or not indices or not outer * count * inner:
        return None
    total = outer * count * inner + (outer * shape[dim] * inner if start else 0)
    small = max(total, indices) <= SMALL
    behind, runs = inner > 1, not along and outer == 1 and inner > 1
    if runs and how in ("take", "put", "add") and total > FEW and inner < LONG:
        return None  # see `rows`
    weight = min(total, inner // WIDE << GRAIN) if runs and inner >= LONG else total
    job = Job(
        rows=outer, length=inner if behind else count, weight=1 if small else weight,
        divisible=outer == 1 and (behind or how == "take") and not (runs and inner < LONG),
    )  # fmt: skip
    numbers = Numbers(
        outer=outer, size=shape[dim], inner=inner, count=count, indices=indices,
        look=int(small and not start and how != "take"),
    )  # fmt: skip
    return _kernel(Form(how, along, one, behind, element, start, signs)), (*job, *numbers)


def _element(how: str, dtype: Any) -> str | None:
    if dtype.hasobject:
        return None
    if how in ("put", "take"):
        return ELEMENTS.get(dtype.itemsize)
    name = f"{dtype.kind}{dtype.itemsize}"
    return None if name in UNORDERED and how not in ADDS else NUMBERS.get(name)


def _lanes(form: Form) -> int:
    """Runs are moved by whole vectors; of single elements as many indices are looked at at once."""
    lanes = machine().bits // BITS[form.element]
    return lanes if form.behind and not form.each else min(lanes, 16)


@cache
def _kernel(form: Form) -> Callable[..., int]:
    arrays = ("x", "index", "values", *(("old",) if form.start == "copy" else ()))
    return kernel(
        f"{form.how}_along", arrays, Numbers, lambda code: Writer(code, form).write(),
        _lanes(form), makes=form.how == "take" or bool(form.start),
    )  # fmt: skip


class Writer:
    """Writes the kernel."""

    def __init__(self, code: Body, form: Form):
        self.code, self.form = code, form
        self.x, self.values = code.p["x"], code.p["values"]
        self.wrong = CHANGED if self.is_seen else UNDONE

    @property
    def is_seen(self) -> bool:
        """Is it written to an array that others see?"""
        return self.form.how != "take" and not self.form.start

    def write(self) -> None:
        if not self.is_seen:
            self.work()
            return
        code = self.code
        wrong = code.variable(self.shares("values") | self.shares("index"))
        with code.when(code.n.look.differs(0)):
            wrong.value = wrong.value | self.look()
        code.report(wrong.value)
        with code.when(wrong.value.equals(0)):
            self.work()

    def shares(self, name: str) -> Value:
        """Does an array share memory with x?"""
        code, n = self.code, self.code.n
        if name == "index":
            start, size = code.p["index"].address(), n.indices * 8
        else:
            start = self.values.address()
            item = BITS[self.form.element] // 8
            size = code.number(item) if self.form.one else n.outer * n.count * n.inner * item
        x = self.x.address()
        x_end = x + n.outer * n.size * n.inner * (BITS[self.form.element] // 8)
        return (start.below(x_end) & x.below(start + size)).widen("i64")

    def look(self) -> Value:
        """Is an index out of range?"""
        code = self.code
        wrong = code.variable(0)
        with code.loop(code.zero, code.n.indices) as i:
            index = code.get(code.p["index"], "i64", i)
            wrong.value = wrong.value | (index.below(code.n.size) ^ 1).widen("i64")
        return wrong.value

    def work(self) -> None:
        code, form = self.code, self.form
        if form.each or form.behind:
            with code.rows() as row:
                (self.elements if form.each else self.slices)(row)
        else:
            self.single_elements()

    # -------------------------------------------------------------------------------- indices

    def read(self, place: Value, many: bool) -> tuple[Value, Value]:
        """An index or a vector of them, counted from the front, and whether one is out of range."""
        code = self.code
        type = code.vector("i64") if many else "i64"
        index = code.load_once(code.at(code.p["index"], "i64", place), type)
        size = code.splat(code.n.size) if many else code.n.size
        if self.form.signs:
            index = index + choose(index < 0, size, 0)
        outside = index.below(size) ^ 1
        if many:
            outside = outside.cast_to(f"i{code.lanes}").differs(0)
        return index, outside

    def report_unless(self, outside: Value) -> Any:
        """``if not outside:``, and a report elsewhere."""
        with self.code.when(outside):
            self.code.report(self.code.number(self.wrong))
        return self.code.unless(outside)

    # ------------------------------------------------------------------- an index for each element

    def elements(self, row: Value) -> None:
        code, n = self.code, self.code.n
        if not self.form.behind:
            self.begin(row, code.zero, code.number(1))
            self.neighbours(row * n.count, code.begin, code.end, row * n.size, None)
            return
        with code.loop(code.begin, code.end, STRIPE) as first:
            last = code.smaller(first + STRIPE, code.end)
            self.begin(row, first, last)
            with code.loop(code.zero, n.count) as i:
                self.neighbours(
                    (row * n.count + i) * n.inner, first, last, row * n.size * n.inner, n.inner
                )

    def neighbours(
        self, start: Value, first: Value, last: Value, x: Value, by: Value | None
    ) -> None:
        """Elements from `first` to `last` of a line of indices that begins at `start`.

        Args:
            x: Where their part of x begins.
            by: From one place along the dimension to the next, where that is not 1 and elements lie behind it.
        """
        code = self.code
        whole = first + ((last - first) & -code.lanes)
        own = code.slot(code.vector("i64"))
        with code.loop(first, whole, code.lanes) as k:
            index, outside = self.read(start + k, True)
            with self.report_unless(outside):
                code.store(index, own)
                for u in range(code.lanes):
                    lane = code.get(own, "i64", code.number(u))
                    self.element(lane, k + u, start, x, by)
        with code.loop(whole, last) as k:
            index, outside = self.read(start + k, False)
            with self.report_unless(outside):
                self.element(index, k, start, x, by)

    def element(self, index: Value, k: Value, start: Value, x: Value, by: Value | None) -> None:
        self.move(x + (index if by is None else index * by + k), start + k)

    def move(self, place: Value, other: Value) -> None:
        """Between one element of x and one of the values."""
        code, form = self.code, self.form
        if form.how == "take":
            code.put(code.get(self.x, form.element, place), self.values, other)
            return
        value = code.get(self.values, form.element, code.zero if form.one else other)
        if form.how != "put":
            value = self.combined(code.get(self.x, form.element, place), value)
        code.put(value, self.x, place)

    def combined(self, old: Value, value: Value) -> Value:
        how = self.form.how
        if how in ADDS:
            return old + value if how == "add" else old * value
        more = value > old if how == "maximum" else value < old
        return choose(more | value.is_nan() if value.is_float else more, value, old)

    # ------------------------------------------------------------------------ an index for each slice

    def single_elements(self) -> None:
        """Slices are single elements: the indices are looked at once and kept for all rows."""
        code, n = self.code, self.code.n
        count = code.end - code.begin
        own = code.scratch(count * 8)
        wrong = code.variable(0)
        whole = count & -code.lanes
        for first, last, many in ((code.zero, whole, True), (whole, count, False)):
            with code.loop(first, last, code.lanes if many else 1) as i:
                index, outside = self.read(code.begin + i, many)
                wrong.value = wrong.value | outside.widen("i64")
                code.store(index, code.at(own, "i64", i))
        with self.report_unless(wrong.value.differs(0)), code.rows() as row:
            self.begin(row, code.zero, code.number(1))
            some = count & -8
            for first, last, step in ((code.zero, some, 8), (some, count, 1)):
                with code.loop(first, last, step) as i:
                    for u in range(step):
                        index = code.get(own, "i64", i + u)
                        self.move(row * n.size + index, row * n.count + (code.begin + i + u))
        code.free(own)

    def slices(self, row: Value) -> None:
        code, n = self.code, self.code.n
        self.begin(row, code.begin, code.end)
        with code.loop(code.zero, n.count) as i:
            index, outside = self.read(i, False)
            with self.report_unless(outside):
                self.run((row * n.size + index) * n.inner, (row * n.count + i) * n.inner)

    def run(self, place: Value, other: Value) -> None:
        """What lies behind one index."""
        code, form = self.code, self.form
        x = code.at(self.x, form.element, place)
        values = code.at(self.values, form.element, code.zero if form.one else other)
        begin, end = code.begin, code.end
        if form.how == "take":
            copy(code, values, x, form.element, begin, end)
        elif form.how == "put" and form.one:
            fill(code, x, code.get(values, form.element, code.zero), begin, end)
        elif form.how == "put":
            copy(code, x, values, form.element, begin, end)
        else:
            combine(code, x, values, form.element, begin, end, self.combined, form.one)

    # --------------------------------------------------------------------------------- new arrays

    def begin(self, row: Value, first: Value, last: Value) -> None:
        """What lies from `first` to `last` behind the dimension, of a new array, before anything is written."""
        code, n = self.code, self.code.n
        if not self.form.start:
            return
        with code.either((last - first).equals(n.inner)) as (whole, part):
            with whole:
                self.begin_run(row * n.size * n.inner, code.zero, n.size * n.inner)
            with part, code.loop(code.zero, n.size) as i:
                self.begin_run((row * n.size + i) * n.inner, first, last)

    def begin_run(self, place: Value, first: Value, last: Value) -> None:
        code, element = self.code, self.form.element
        x = code.at(self.x, element, place)
        if self.form.start == "zero":
            fill(code, x, code.constant(0, element), first, last)
        else:
            copy(code, x, code.at(code.p["old"], element, place), element, first, last)
