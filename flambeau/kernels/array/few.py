"""Walks along a dimension of few elements: where a call's own time is what counts.

Such a kernel is called with an array of any strides, a dimension and a few integers; it makes its results and
walks the rows one element after the other. Everything is one call from Python. What it is not made for (many
elements, other types) it answers with NotImplemented, and the kernels for large arrays or NumPy do it; the
results are the same bits where order is concerned, and sums are made in double and rounded once there too.

Elements are compared by the keys of `sort`: all nan are equal and the largest, zeros of both signs are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..llvm import Module, Value, choose, quotient, remainder
from ..runtime.layout import INDEX, Flag, builtin
from ..runtime.process import machine
from ..runtime.recipe import Recipe, noted
from ..runtime.vectorcall import Vectorcall, array_field
from .scan import ELEMENTS
from .sort import INFINITY, Keys

MOST = 1024
"""Elements of an array at most."""
SHORT = 32
"""Elements of a row at most, where its order is wanted: it is found by insertion."""
LONGEST = 1 << 62
ALL_ONES = -1


def ordered(x: Any, dim: int, first: int, count: int, descending: bool, drop: bool = False) -> Any:
    """The elements from place `first` on in the order of each row, and where they stood; equal ones in their order.

    Args:
        count: How many.
        drop: Does the dimension vanish from the results? Then there is one.
    """
    return _KERNELS["ordered", x.dtype](x, dim, first, count, descending, drop)


def median(x: Any, dim: int, ignore: bool, drop: bool) -> Any:
    """The lower median of each row and where it stood: the first nan if there is one, unless nan are passed over."""
    return _KERNELS["median", x.dtype](x, dim, ignore, 1, False, drop)


def mode(x: Any, dim: int, drop: bool) -> Any:
    """The most frequent element of each row, the smallest of several, and where it stood last."""
    return _KERNELS["mode", x.dtype](x, dim, 0, 1, False, drop)


def extreme(x: Any, dim: int, largest: bool, drop: bool) -> Any:
    """The largest or smallest element of each row, and where it stands first; nan wins."""
    return _KERNELS["extreme", x.dtype](x, dim, largest, 1, drop)


def place(x: Any, dim: int, largest: bool, drop: bool) -> Any:
    """Where the largest or smallest element of each row stands first; nan wins."""
    return _KERNELS["place", x.dtype](x, dim, largest, 1, drop)


def running_extreme(x: Any, dim: int, largest: bool) -> Any:
    """The largest or smallest element so far, and where it stood last; nan wins."""
    return _KERNELS["running extreme", x.dtype](x, dim, largest)


def running_sum(x: Any, dim: int, narrow: bool = False) -> Any:
    """`scan.running_sum`."""
    return _KERNELS["narrow sum" if narrow else "sum", x.dtype](x, dim)


def running_product(x: Any, dim: int, narrow: bool = False) -> Any:
    """`scan.running_product`."""
    return _KERNELS["narrow product" if narrow else "product", x.dtype](x, dim)


def put_back(x: Any, dim: int, count: int, places: Any) -> Any:
    """Zeros, `count` of them along the dimension, with x at its places there; of several at one place the last."""
    return _KERNELS["put", x.dtype](x, dim, count, places)


def add_back(x: Any, dim: int, count: int, places: Any) -> Any:
    """The same, where those of one place are added up."""
    return _KERNELS["add", x.dtype](x, dim, count, places)


def _refuse(*given: Any) -> Any:
    return NotImplemented


class _Kernels(dict):
    """The kernel for each task and dtype, made when first asked for."""

    def __missing__(self, key: tuple[str, Any]) -> Callable[..., Any]:
        how, dtype = key
        made = _refuse
        supported = dtype.kind in "biu" or dtype.name in INFINITY
        if how.endswith(("sum", "product", "add")):
            supported = f"{dtype.kind}{dtype.itemsize}" in ELEMENTS
        if supported and dtype.isnative and f"descr_{dtype.name}" in INDEX:

            def text() -> str:
                module = Module()
                TASKS[how](module, dtype, how).write()
                return module.text()

            def refuse(*given: Any) -> Any:
                return NotImplemented

            name = how.replace(" ", "_")
            made = builtin(name, machine().address(text()), noted(refuse, Recipe(text)))
        self[key] = made
        return made


_KERNELS = _Kernels()


class Walk(Vectorcall):
    """Writes ``f(x, dim, *numbers)``, which walks each row along a dimension.

    Attributes:
        numbers: Its further arguments.
        placed: Is there one more, an array of int64 of the same sizes, in order?
        results: The dtypes of what it makes.
        longest: Elements of a row at most.
    """

    numbers: tuple[str, ...] = ()
    placed = False
    longest = LONGEST

    def __init__(self, module: Module, dtype: Any, how: str):
        super().__init__(module)
        self.dtype, self.how = dtype, how
        self.element = f"i{dtype.itemsize * 8}"
        self.floating = dtype.name in INFINITY
        self.keys = Keys(
            self.code,  # type: ignore[arg-type]
            self.element,
            INFINITY.get(dtype.name),
            dtype.kind in "bu",
            False,
        )

    @property
    def results(self) -> tuple[str, ...]:
        return self.dtype.name, "int64"

    def write(self) -> None:
        code = self.code
        x, dim, *given = self.arguments(2 + len(self.numbers) + self.placed)
        self.require(self.is_a(x, "ndarray"))
        descr = self.fact(f"descr_{self.dtype.name}")
        self.require(array_field(x, "descr").equals_pointer(descr))
        flags = array_field(x, "flags", "i32")
        self.require((flags & Flag.ALIGNED).differs(0))
        if self.placed:
            self.index = self.like(given.pop(), x)
        integers = [self.python("PyLong_AsLongLong", "i64", item) for item in (dim, *given)]
        with code.unless(self.python("PyErr_Occurred", "ptr").is_null()):
            self.python("PyErr_Clear", "void")
            code.jump(self.REFUSED)
        self.given = dict(zip(self.numbers, integers[1:]))
        self.ndim = array_field(x, "ndim", "i32").convert("i64")
        self.dims, self.strides = array_field(x, "dims"), array_field(x, "strides")
        self.dim = choose(integers[0] < 0, integers[0] + self.ndim, integers[0])
        self.require((self.dim >= 0) & (self.dim < self.ndim))
        self.length, self.step = self.item(self.dims, self.dim), self.item(self.strides, self.dim)
        self.inner = self.elements(self.dim + 1)
        total = self.elements(self.zero)
        self.require((total > 0) & (total <= MOST) & (self.length <= self.longest))
        made = self.made = self.allocate()
        self.make_room()
        rows = quotient(total, self.length)
        data = array_field(x, "data")
        with code.loop(self.zero, rows) as row:
            self.source = code.at(data, "i8", self.offset(row))
            outer = quotient(row, self.inner)
            self.start = outer * self.count * self.inner + (row - outer * self.inner)
            self.walk()
        self.give(made)
        self.fall_back()

    def like(self, index: Value, x: Value) -> Value:
        """Where the elements lie of an array of int64 in order, which must have the sizes of x."""
        code, ordered = self.code, int(Flag.CARRAY_RO)
        self.require(self.is_a(index, "ndarray"))
        self.require(array_field(index, "descr").equals_pointer(self.fact("descr_int64")))
        self.require((array_field(index, "flags", "i32") & ordered).equals(ordered))
        ndim = array_field(x, "ndim", "i32")
        self.require(ndim.equals(array_field(index, "ndim", "i32")))
        ours, theirs = array_field(x, "dims"), array_field(index, "dims")
        with code.loop(self.zero, ndim.convert("i64")) as i:
            code.jump_unless(self.item(ours, i).equals(self.item(theirs, i)), self.REFUSED)
        return array_field(index, "data")

    def item(self, numbers: Value, i: Value) -> Value:
        return self.code.load(self.code.at(numbers, "i64", i), "i64")

    def elements(self, begin: Value) -> Value:
        """Of the dimensions from one on."""
        product = self.code.variable(1)
        with self.code.loop(begin, self.ndim) as i:
            product.value = product.value * self.item(self.dims, i)
        return product.value

    def offset(self, row: Value) -> Value:
        """Where a row begins, in bytes."""
        code = self.code
        rest, offset = code.variable(row), code.variable(0)
        with code.loop(self.zero, self.ndim) as back:
            i = self.ndim - 1 - back
            with code.when(i.differs(self.dim)):
                size = self.item(self.dims, i)
                index = remainder(rest.value, size)
                rest.value = quotient(rest.value, size)
                offset.value = offset.value + index * self.item(self.strides, i)
        return offset.value

    def allocate(self) -> list[Value]:
        """The results: with `count` elements along the dimension, or without it."""
        code = self.code
        self.count = self.given.get("count", self.length)
        drop = self.given.get("drop", self.zero).differs(0)
        sizes = code.slot("[64 x i64]")
        with code.loop(self.zero, self.ndim) as i:
            own = choose(i.equals(self.dim), self.count, self.item(self.dims, i))
            after = drop & (i > self.dim)
            with code.unless(drop & i.equals(self.dim)):
                code.store(own, code.at(sizes, "i64", choose(after, i - 1, i)))
        ndim = choose(drop, self.ndim - 1, self.ndim).convert("i32")
        made: list[Value] = []
        for name in self.results:
            self.collect(self.new_array(self.fact(f"descr_{name}"), ndim, sizes), made)
        self.outputs = [array_field(array, "data") for array in made]
        return made

    def make_room(self) -> None:
        """Places on the stack for all rows."""

    def walk(self) -> None:
        """One row."""
        raise NotImplementedError

    # --------------------------------------------------------------------- elements of a row

    def get(self, i: Value, element: str = "") -> Value:
        place = self.code.at(self.source, "i8", i * self.step)
        return self.code.load_once(place, element or self.element)

    def put(self, output: int, i: Value, value: Value) -> None:
        at = self.code.at(self.outputs[output], value.type, self.start + i * self.inner)
        self.code.store(value, at)

    def key(self, i: Value) -> Value:
        return self.keys.key(self.get(i)).widen("i64")

    @property
    def nan(self) -> Value:
        """The key of nan."""
        return self.code.constant(ALL_ONES, self.element).widen("i64")


class Ordered(Walk):
    """Rows in order; some of each are told."""

    numbers = ("first", "count", "descending", "drop")
    longest = SHORT

    def make_room(self) -> None:
        # Words before the first let insertion look there; none is smaller than nothing.
        self.words, self.places = (self.code.slot(f"[{SHORT} x i64]") for _ in range(2))

    def walk(self) -> None:
        self.sort()
        first = self.given["first"]
        with self.code.loop(self.zero, self.count) as i:
            self.tell(i, first + i)

    def tell(self, i: Value, rank: Value) -> None:
        place = self.item(self.places, rank)
        self.put(0, i, self.get(place))
        self.put(1, i, place)

    def sort(self) -> None:
        code = self.code
        flip = choose(self.given["descending"].differs(0), self.nan, self.zero)
        with code.loop(self.zero, self.length) as i:
            word, at = self.key(i) ^ flip, code.variable(i)
            with code.repeat() as search:
                j = at.value
                search.stop_unless(j > 0)
                other = self.item(self.words, j - 1)
                search.stop_unless(word.below(other))
                self.set(j, other, self.item(self.places, j - 1))
                at.value = j - 1
            self.set(at.value, word, i)

    def set(self, i: Value, word: Value, place: Value) -> None:
        self.code.store(word, self.code.at(self.words, "i64", i))
        self.code.store(place, self.code.at(self.places, "i64", i))


class Median(Ordered):
    """`first` says whether nan are passed over."""

    def walk(self) -> None:
        self.sort()
        left = self.code.variable(self.length)
        if self.floating:
            with self.code.repeat() as search:
                search.stop_unless(left.value > 0)
                search.stop_unless(self.item(self.words, left.value - 1).equals(self.nan))
                left.value = left.value - 1
        count = left.value
        ignore = self.given["first"].differs(0)
        usable = (ignore | count.equals(self.length)) & (count > 0)
        self.tell(self.zero, choose(usable, (count - 1).down(1), count))


class Mode(Ordered):
    """The last of the longest run of equal ones."""

    def walk(self) -> None:
        self.sort()
        code = self.code
        run, longest, best = code.variable(0), code.variable(0), code.variable(0)
        before = code.variable(self.item(self.words, self.zero))
        with code.loop(self.zero, self.length) as i:
            word = self.item(self.words, i)
            run.value = choose(word.equals(before.value), run.value + 1, run.value.like(1))
            before.value = word
            with code.when(run.value > longest.value):
                longest.value, best.value = run.value, i
        self.tell(self.zero, best.value)


class Extreme(Walk):
    """The largest or smallest of a row."""

    numbers = ("largest", "count", "drop")

    @property
    def results(self) -> tuple[str, ...]:
        return (self.dtype.name, "int64") if self.how == "extreme" else ("int64",)

    def rank(self, i: Value) -> Value:
        """The larger, the better."""
        key = self.key(i)
        flipped = choose(self.given["largest"].differs(0), key, key ^ self.nan)
        return choose(key.equals(self.nan), key, flipped) if self.floating else flipped

    def walk(self) -> None:
        code = self.code
        best, place = code.variable(self.rank(self.zero)), code.variable(0)
        with code.loop(self.zero + 1, self.length) as i:
            rank = self.rank(i)
            won = rank.above(best.value)
            best.value, place.value = (
                choose(won, rank, best.value),
                choose(won, i, place.value),
            )
        if self.how == "extreme":
            self.put(0, self.zero, self.get(place.value))
        self.put(-1, self.zero, place.value)


class RunningExtreme(Extreme):
    """The largest or smallest so far."""

    numbers = ("largest",)

    @property
    def results(self) -> tuple[str, ...]:
        return self.dtype.name, "int64"

    def walk(self) -> None:
        code = self.code
        best, place = code.variable(self.rank(self.zero)), code.variable(0)
        value = code.variable(self.get(self.zero), self.element)
        with code.loop(self.zero, self.length) as i:
            rank, own = self.rank(i), self.get(i)
            with code.when(rank.at_least(best.value)):
                best.value, place.value, value.value = rank, i, own
            self.put(0, i, value.value)
            self.put(1, i, place.value)


class Running(Walk):
    """Sums or products so far; `narrow` ones of integers stay in their dtype."""

    @property
    def results(self) -> tuple[str, ...]:
        wide = self.dtype.kind != "f" and not self.how.startswith("narrow")
        return ("int64" if wide else self.dtype.name,)

    def walk(self) -> None:
        code, own = self.code, ELEMENTS[f"{self.dtype.kind}{self.dtype.itemsize}"]
        product = self.how.endswith("product")
        work = "double" if self.floating else "i64"
        result = own if self.floating or self.how.startswith("narrow") else "i64"
        so_far = code.variable(code.constant(1 if product else 0, work), work)
        with code.loop(self.zero, self.length) as i:
            x = self.get(i, own)
            if self.dtype.kind in "bu":
                x = x.widen(work)
            x = x.convert(work)
            so_far.value = so_far.value * x if product else so_far.value + x
            self.put(0, i, so_far.value.convert(result))


class Put(Walk):
    """Elements at their places among zeros."""

    numbers = ("count",)
    placed = True

    @property
    def results(self) -> tuple[str, ...]:
        return (self.dtype.name,)

    def allocate(self) -> list[Value]:
        self.total = quotient(self.elements(self.zero), self.length) * self.given["count"]
        self.require((self.given["count"] >= 0) & (self.total <= MOST))
        return super().allocate()

    def make_room(self) -> None:
        self.code.fill_bytes(self.outputs[0], 0, self.total * self.dtype.itemsize)

    def walk(self) -> None:
        code, element = self.code, ELEMENTS.get(f"{self.dtype.kind}{self.dtype.itemsize}", "")
        adds, outer = self.how == "add", quotient(self.start, self.count * self.inner)
        # Where a row begins among the places, which are not as many as the results.
        begin = self.start - outer * (self.count - self.length) * self.inner
        with code.loop(self.zero, self.length) as i:
            place = self.item(self.index, begin + i * self.inner)
            usable = (place >= 0) & (place < self.count)
            with code.either(usable) as (inside, outside):
                with inside:
                    value = self.get(i, element if adds else "")
                    if adds:
                        to = code.at(self.outputs[0], element, self.start + place * self.inner)
                        value = code.load(to, element) + value
                    self.put(0, place, value)
                with outside:
                    self.release(self.made)
                    code.jump(self.REFUSED)


TASKS: dict[str, type[Walk]] = {
    "ordered": Ordered, "median": Median, "mode": Mode, "extreme": Extreme, "place": Extreme,
    "running extreme": RunningExtreme, "sum": Running, "narrow sum": Running, "product": Running,
    "narrow product": Running, "put": Put, "add": Put,
}  # fmt: skip
