"""Small float32 arrays normalised by groups of channels: statistics, scaling and both gradients in one call each.

The arithmetic is in double, so that squares keep to its range and sums of few elements lose nothing. A group has
`outer` blocks, `step` elements apart, of `rows` rows of `length` elements; rows of all groups count the channels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from ..llvm import Module, Value, choose, remainder
from ..runtime.layout import Flag, builtin
from ..runtime.process import machine
from ..runtime.recipe import Recipe, noted
from ..runtime.vectorcall import Vectorcall, array_field


class Groups(NamedTuple):
    """How the elements of an array (N, C, ...) belong to groups.

    Attributes:
        count: How many groups there are.
        base: Elements from the beginning of one to that of the next.
        outer, step, rows, length: See above.
        channels: After how many rows, counted through all groups, the channels begin again.
    """

    count: int
    base: int
    outer: int
    step: int
    rows: int
    length: int
    channels: int


def normalized(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float, *groups: int
) -> Any:
    """(x - mean) / sqrt(var + eps), times weight plus bias, and each group's mean and variance, in double.

    Args:
        mean, var: Of each group; None where they are the elements' own.
    """
    return _kernel(Normalized)(x, weight, bias, mean, var, eps, *groups)


def back(
    g: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float, given: bool, *groups: int
) -> Any:
    """The gradients of `normalized` towards x, weight and bias.

    Args:
        mean, var: What it gave.
        given: Were they given to it?
    """
    return _kernel(Back)(g, x, weight, mean, var, eps, given, *groups)


def update(
    running_mean: Any, running_var: Any, mean: Any, var: Any, share: float, factor: float
) -> Any:
    """Running statistics move by a share towards those of a batch, the variance times a factor."""
    return _kernel(Update)(running_mean, running_var, mean, var, share, factor)


@cache
def _kernel(cls: type[Vectorcall]) -> Callable[..., Any]:
    def text() -> str:
        module = Module()
        cls(module).write()  # type: ignore[attr-defined]
        return module.text()

    def refuse(*given: Any) -> Any:
        return NotImplemented

    return builtin(cls.__name__.lower(), machine().address(text()), noted(refuse, Recipe(text)))


class _Call(Vectorcall):
    """What the calls share."""

    def __init__(self, module: Module):
        super().__init__(module)
        self.code.lanes = machine().bits // 64

    def take(self, array: Value, dtype: str, writes: bool = False) -> Value:
        """The data of an array, which must be of this dtype and lie in order."""
        self.require(self.is_a(array, "ndarray"))
        descr = array_field(array, "descr")
        self.require(descr.equals_pointer(self.fact(f"descr_{dtype}")))
        flags, wanted = (
            array_field(array, "flags", "i32"),
            Flag.CARRAY if writes else Flag.CARRAY_RO,
        )
        self.require((flags & wanted).equals(wanted))
        return array_field(array, "data")

    def take_or_null(self, array: Value, size: Value) -> Value:
        """The same of as many float32, or of None."""
        code = self.code
        found = code.variable(code.null, "ptr")
        with code.unless(array.equals_pointer(self.fact("None"))):
            found.value = self.take(array, "float32")
            self.require(self.elements(array).equals(size))
        return found.value

    def elements(self, array: Value) -> Value:
        code = self.code
        dims, product = array_field(array, "dims"), code.variable(1)
        with code.loop(self.zero, array_field(array, "ndim", "i32").convert("i64")) as i:
            product.value = product.value * code.load(code.at(dims, "i64", i), "i64")
        return product.value

    def take_groups(self, x: Value, items: list[Value]) -> None:
        """The groups, which must be made of just this array's elements."""
        numbers = [self.python("PyLong_AsLongLong", "i64", item) for item in items]
        self.require_no_error()
        groups: Any = Groups(*numbers)  # type: ignore[arg-type]  # values of the machine code
        self.groups = groups
        self.size = groups.outer * groups.rows * groups.length
        self.require((self.size > 0) & (groups.channels > 0))
        self.require((self.size * groups.count).equals(self.elements(x)))
        ends = (groups.count - 1) * groups.base + (groups.outer - 1) * groups.step
        self.require((groups.base >= 0) & (groups.step >= 0))
        self.require((ends + groups.rows * groups.length).equals(self.elements(x)))

    def require_no_error(self) -> None:
        code = self.code
        with code.unless(self.python("PyErr_Occurred", "ptr").is_null()):
            self.python("PyErr_Clear", "void")
            code.jump(self.REFUSED)

    def new_vector(self, dtype: str, size: Value, made: list[Value]) -> Value:
        dims = self.code.slot("i64", size)
        return self.keep(self.new_array(self.fact(f"descr_{dtype}"), self.one32, dims), made)

    def new_like(self, x: Value, made: list[Value]) -> Value:
        ndim, dims = array_field(x, "ndim", "i32"), array_field(x, "dims")
        return self.keep(self.new_array(self.fact("descr_float32"), ndim, dims), made)

    def keep(self, array: Value, made: list[Value]) -> Value:
        self.collect(array, made)
        return array_field(array, "data")

    @property
    def one32(self) -> Value:
        return self.code.constant(1, "i32")

    # ------------------------------------------------------------------------------------ loops

    def each_row(self, q: Value, do: Callable[[Value, Value], None]) -> None:
        """``do(where it begins, its channel)`` for the rows of a group."""
        code, groups = self.code, self.groups
        with code.loop(self.zero, groups.outer) as o, code.loop(self.zero, groups.rows) as k:
            channel = remainder(q * groups.rows + k, groups.channels)
            do(q * groups.base + o * groups.step + k * groups.length, channel)

    def each_vector(self, start: Value, do: Callable[[Value, Value], None]) -> None:
        """``do(place, mask)`` for the vectors of a row."""
        code = self.code
        with code.loop(self.zero, self.groups.length, code.lanes) as i:
            do(start + i, code.iota() < code.splat(self.groups.length - i))

    def get(self, base: Value, place: Value, mask: Value) -> Value:
        """Elements as doubles; 0 where the mask is not set."""
        code = self.code
        found = code.masked_load(code.at(base, "float", place), code.vector("float"), mask)
        return found.convert("double")

    def put(self, value: Value, base: Value, place: Value, mask: Value) -> None:
        code = self.code
        code.masked_store(value.convert("float"), code.at(base, "float", place), mask)

    def zeros(self) -> Any:
        code = self.code
        type = code.vector("double")
        return code.variable(code.constant(0.0, type), type)

    def joined(self, vector: Value) -> Value:
        """The sum of the lanes."""
        total = vector.lane(0)
        for i in range(1, self.code.lanes):
            total = total + vector.lane(i)
        return total

    def one_of(self, values: Value, channel: Value, absent: float) -> Value:
        """A channel's own number, as a double."""
        code = self.code
        found = code.variable(code.constant(absent, "double"), "double")
        with code.unless(values.is_null()):
            found.value = code.load(code.at(values, "float", channel), "float").convert("double")
        return found.value

    def double(self, base: Value, i: Value) -> Value:
        return self.code.load(self.code.at(base, "double", i), "double")


class Normalized(_Call):
    """Forward."""

    def write(self) -> None:
        code = self.code
        x, weight, bias, mean, var, eps, *groups = self.arguments(6 + len(Groups._fields))
        data, spare = self.take(x, "float32"), self.number(eps)
        self.take_groups(x, groups)
        channels, count = self.groups.channels, self.groups.count
        scales, shifts = (self.take_or_null(v, channels) for v in (weight, bias))
        means, variances = (self.take_or_null(v, count) for v in (mean, var))
        self.require(means.is_null().equals(variances.is_null()))
        made: list[Value] = []
        y = self.new_like(x, made)
        own_means, own_variances = (self.new_vector("float64", count, made) for _ in range(2))
        with code.loop(self.zero, count) as q:
            centre = code.variable(code.constant(0.0, "double"), "double")
            spread = code.variable(code.constant(0.0, "double"), "double")
            with code.either(means.is_null()) as (own, given):
                with own:
                    self.measure(q, data, centre, spread)
                with given:
                    centre.value = self.one_of(means, q, 0.0)
                    spread.value = self.one_of(variances, q, 0.0)
            code.store(centre.value, code.at(own_means, "double", q))
            code.store(spread.value, code.at(own_variances, "double", q))
            middle, size = centre.value, code.intrinsic("sqrt", spread.value + spare)

            def scale(
                start: Value, channel: Value, middle: Value = middle, size: Value = size
            ) -> None:
                factor = code.splat(self.one_of(scales, channel, 1.0) / size)
                shift = code.splat(self.one_of(shifts, channel, 0.0))

                def one(place: Value, mask: Value) -> None:
                    value = (self.get(data, place, mask) - code.splat(middle)) * factor + shift
                    self.put(value, y, place, mask)

                self.each_vector(start, one)

            self.each_row(q, scale)
        self.give(made)
        self.fall_back()

    def measure(self, q: Value, data: Value, centre: Any, spread: Any) -> None:
        """A group's mean and variance."""
        code, size = self.code, self.size.convert("double")
        sums, squares = self.zeros(), self.zeros()

        def add(place: Value, mask: Value) -> None:
            sums.value = sums.value + self.get(data, place, mask)

        def add_square(place: Value, mask: Value) -> None:
            apart = self.get(data, place, mask) - code.splat(centre.value)
            apart = choose(mask, apart, apart.like(0.0))
            squares.value = squares.value + apart * apart

        self.each_row(q, lambda start, channel: self.each_vector(start, add))
        centre.value = self.joined(sums.value) / size
        self.each_row(q, lambda start, channel: self.each_vector(start, add_square))
        spread.value = self.joined(squares.value) / size


class Back(_Call):
    """Backward."""

    def write(self) -> None:
        code = self.code
        g, x, weight, mean, var, eps, given, *groups = self.arguments(7 + len(Groups._fields))
        slopes, data, spare = self.take(g, "float32"), self.take(x, "float32"), self.number(eps)
        means, variances = self.take(mean, "float64"), self.take(var, "float64")
        fixed = self.python("PyLong_AsLongLong", "i64", given)
        self.take_groups(x, groups)
        count, channels = self.groups.count, self.groups.channels
        self.require(self.elements(g).equals(self.elements(x)))
        self.require(self.elements(mean).equals(count) & self.elements(var).equals(count))
        scales = self.take_or_null(weight, channels)
        sums = self.python("PyMem_RawMalloc", "ptr", channels * 16)
        self.require(sums.is_null() ^ 1)
        code.fill_bytes(sums, 0, channels * 16)
        made: list[Value] = []
        out = self.new_like(x, made)
        outputs = [self.new_vector("float32", channels, made) for _ in range(2)]
        share = choose(
            fixed.differs(0), code.constant(0.0, "double"), 1.0 / self.size.convert("double")
        )
        with code.loop(self.zero, count) as q:
            middle = self.double(means, q)
            factor = 1.0 / code.intrinsic("sqrt", self.double(variances, q) + spare)
            total, product = (code.variable(code.constant(0.0, "double"), "double") for _ in "ab")
            facts = slopes, data, scales, code.splat(middle), code.splat(factor)
            self.each_row(q, self.adding(*facts, sums, total, product))
            ends = code.splat(total.value * share), code.splat(product.value * share)
            self.each_row(q, self.scaling(*facts, *ends, out))
        with code.loop(self.zero, channels) as c:
            for k, output in enumerate(outputs):
                value = self.double(sums, c * 2 + k).convert("float")
                code.store(value, code.at(output, "float", c))
        self.python("PyMem_RawFree", "void", sums)
        self.give(made)
        self.fall_back()

    def adding(
        self, slopes: Value, data: Value, scales: Value, middle: Value, factor: Value, sums: Value,
        total: Any, product: Any,
    ) -> Callable[[Value, Value], None]:  # fmt: skip
        """The sums of g and of g by the normalised elements."""
        code = self.code

        def row(start: Value, channel: Value) -> None:
            plain, turned = self.zeros(), self.zeros()

            def add(place: Value, mask: Value) -> None:
                g = self.get(slopes, place, mask)
                plain.value = plain.value + g
                turned.value = turned.value + g * ((self.get(data, place, mask) - middle) * factor)

            self.each_vector(start, add)
            scale = self.one_of(scales, channel, 1.0)
            for k, (vector, whole) in enumerate(((turned, product), (plain, total))):
                part, at = self.joined(vector.value), code.at(sums, "double", channel * 2 + k)
                code.store(code.load(at, "double") + part, at)
                whole.value = whole.value + part * scale

        return row

    def scaling(
        self, slopes: Value, data: Value, scales: Value, middle: Value, factor: Value,
        total: Value, product: Value, out: Value,
    ) -> Callable[[Value, Value], None]:  # fmt: skip
        code = self.code

        def row(start: Value, channel: Value) -> None:
            scale = code.splat(self.one_of(scales, channel, 1.0))

            def one(place: Value, mask: Value) -> None:
                apart = (self.get(data, place, mask) - middle) * factor
                value = factor * (self.get(slopes, place, mask) * scale - total - apart * product)
                self.put(value, out, place, mask)

            self.each_vector(start, one)

        return row


class Update(_Call):
    """Running statistics."""

    def write(self) -> None:
        code = self.code
        running_mean, running_var, mean, var, share, factor = self.arguments(6)
        part, more = self.number(share), self.number(factor)
        sizes = self.elements(mean)
        jobs = []
        for running, own, scale in ((running_mean, mean, None), (running_var, var, more)):
            self.require(self.elements(running).equals(sizes) & self.elements(own).equals(sizes))
            jobs.append((self.take(running, "float32", True), self.take(own, "float64"), scale))
        with code.loop(self.zero, sizes) as i:
            for target, own, scale in jobs:
                at = code.at(target, "float", i)
                new = self.double(own, i)
                new = new if scale is None else new * scale
                old = code.load(at, "float").convert("double")
                code.store(((1.0 - part) * old + part * new).convert("float"), at)
        self.python("Py_IncRef", "void", running_mean)
        code.give(running_mean)
        self.fall_back()
