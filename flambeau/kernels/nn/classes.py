"""Losses of classes: what scores say of each target's class, by the weights of classes, reduced.

One call of machine code looks at every target, picks, weighs and adds up, in double. A target that is none of the
classes is not found twice: the call gives NotImplemented, and who called looks for it and says which it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ..llvm import Module, Value, choose
from ..runtime.layout import Flag, builtin
from ..runtime.process import machine
from ..runtime.recipe import Recipe, noted
from ..runtime.vectorcall import Vectorcall, array_field, item_of, size_of

ELEMENTS = {"f4": ("float", "float32"), "f8": ("double", "float64")}
NONE, MEAN, SUM = range(3)
"""How losses are reduced, by PyTorch's numbers."""


def picked(x: Any, target: Any, weight: Any, ignored: int, reduction: int) -> Any:
    """Minus the scores of the targets' classes by their weights, reduced, and the sum of those weights.

    Args:
        x: Scores (N, C, ...) or (C).
        target: int64 (N, ...) or ().
        weight: (C), or None.
        ignored: A target that does not count.
        reduction: `NONE`, `MEAN` or `SUM`.
    """
    return _kernel(Picked, x.dtype.str[1:])(x, target, weight, ignored, reduction)


def picked_back(
    g: Any, target: Any, weight: Any, total: Any, shape: tuple, ignored: int, reduction: int
) -> Any:
    """The gradient of `picked` towards scores of this shape.

    Args:
        total: The sum of weights that it gave.
    """
    return _kernel(PickedBack, g.dtype.str[1:])(g, target, weight, total, shape, ignored, reduction)


def weighed(x: Any, target: Any, weight: Any, ignored: int, reduction: int) -> Any:
    """Losses, one for each target, by the weights of its class, reduced, and the sum of those weights."""
    return _kernel(Weighed, x.dtype.str[1:])(x, target, weight, ignored, reduction)


def weighed_back(
    g: Any, target: Any, weight: Any, total: Any, shape: tuple, ignored: int, reduction: int
) -> Any:
    """The gradient of `weighed` towards the losses, of this shape."""
    return _kernel(WeighedBack, g.dtype.str[1:])(
        g, target, weight, total, shape, ignored, reduction
    )


def fitting(target: Any, classes: int, ignored: int) -> Any:
    """Is every target one of the classes, or the ignored one? 1 if none is ignored, 2 if some are."""
    return _kernel(Fitting, "f4")(target, classes, ignored)


@cache
def _kernel(cls: type[Classes], code: str) -> Callable[..., Any]:
    if code not in ELEMENTS:
        return _refuse

    def text() -> str:
        module = Module()
        cls(module, *ELEMENTS[code]).write()
        return module.text()

    def refuse(*given: Any) -> Any:
        return NotImplemented

    return builtin(cls.__name__.lower(), machine().address(text()), noted(refuse, Recipe(text)))


def _refuse(*given: Any) -> Any:
    return NotImplemented


class Classes(Vectorcall):
    """What the calls share.

    Attributes:
        picks: Are there scores of all classes, or one loss for each target?
    """

    picks = True

    def __init__(self, module: Module, element: str, dtype: str):
        super().__init__(module)
        self.element, self.dtype = element, dtype

    def write(self) -> None:
        raise NotImplementedError

    # -------------------------------------------------------------------------------- arguments

    def take(self, array: Value, dtype: str) -> Value:
        """The data of an array, which must be of this dtype and lie in order."""
        self.require(self.is_a(array, "ndarray"))
        descr = array_field(array, "descr")
        self.require(descr.equals_pointer(self.fact(f"descr_{dtype}")))
        flags = array_field(array, "flags", "i32")
        self.require((flags & Flag.CARRAY_RO).equals(Flag.CARRAY_RO))
        return array_field(array, "data")

    def take_weight(self, weight: Value) -> None:
        """None, or one number for each class."""
        code = self.code
        self.weight, self.known = code.variable(code.null, "ptr"), code.variable(0)
        with code.unless(weight.equals_pointer(self.fact("None"))):
            self.weight.value = self.take(weight, self.dtype)
            self.require(array_field(weight, "ndim", "i32").equals(1))
            self.known.value = code.load(array_field(weight, "dims"), "i64")

    def take_integers(self, *items: Value) -> list[Value]:
        code = self.code
        found = [self.python("PyLong_AsLongLong", "i64", item) for item in items]
        with code.unless(self.python("PyErr_Occurred", "ptr").is_null()):
            self.python("PyErr_Clear", "void")
            code.jump(self.REFUSED)
        return found

    def sizes(self, array: Value) -> tuple[Value, Callable[[Value], Value]]:
        """The number of dimensions of an array, and the size of each."""
        dims = array_field(array, "dims")
        return array_field(array, "ndim", "i32").convert("i64"), lambda i: self.item(dims, i)

    def item(self, numbers: Value, i: Value) -> Value:
        return self.code.load(self.code.at(numbers, "i64", i), "i64")

    def elements(self, ndim: Value, size: Callable[[Value], Value], begin: int = 0) -> Value:
        product = self.code.variable(1)
        with self.code.loop(self.code.integer(begin), ndim) as i:
            product.value = product.value * size(i)
        return product.value

    def arrange(self, ndim: Value, size: Callable[[Value], Value], target: Value) -> None:
        """How scores (or losses) and targets lie: `outer` blocks of `classes` rows of `inner` elements."""
        code, one = self.code, self.zero.like(1)
        targets = self.elements(*self.sizes(target))
        if not self.picks:
            self.outer, self.inner = one, targets
            self.require(self.elements(ndim, size).equals(targets))
            known = self.known.value
            self.classes = choose(known.equals(0), known.like((1 << 63) - 1), known)
            return
        self.require(ndim > 0)
        outer, classes = code.variable(1), code.variable(size(self.zero))
        with code.when(ndim > 1):
            outer.value, classes.value = size(self.zero), size(one)
        self.outer, self.classes = outer.value, classes.value
        self.inner = self.elements(ndim, size, 2)
        self.require((self.outer * self.inner).equals(targets))
        known = self.known.value
        self.require(known.equals(0) | known.equals(self.classes))

    def result(self, ndim: Value, dims: Value, made: list[Value]) -> Value:
        """A new array; None of the results is kept where there is no memory."""
        array = self.new_array(self.fact(f"descr_{self.dtype}"), ndim.convert("i32"), dims)
        self.collect(array, made)
        return array_field(array, "data")

    # ------------------------------------------------------------------------------------ loops

    def each(
        self, target: Value, ignored: Value, do: Callable[[Value, Value, Value], None]
    ) -> Value:
        """``do(place of the target, place of its score, weight)`` for what counts; was a target no class?"""
        code = self.code
        bad = code.variable(0, "i1")
        with code.loop(self.zero, self.outer) as n, code.loop(self.zero, self.inner) as j:
            row = n * self.inner + j
            t = code.load_once(code.at(target, "i64", row), "i64")
            counts = t.differs(ignored)
            fits = (t >= 0) & (t < self.classes)
            bad.value = bad.value | (counts & ~fits)
            with code.when(counts & fits):
                weight = code.variable(code.constant(1.0, self.element), self.element)
                with code.unless(self.weight.value.is_null()):
                    weight.value = code.load(
                        code.at(self.weight.value, self.element, t), self.element
                    )
                score = (n * self.classes + t) * self.inner + j if self.picks else row
                do(row, score, weight.value)
        return bad.value


class Fitting(Classes):
    """Looks at targets."""

    def write(self) -> None:
        code = self.code
        target, classes, ignored = self.arguments(3)
        data = self.take(target, "int64")
        self.classes, skipped = self.take_integers(classes, ignored)
        some = code.variable(0, "i1")
        with code.loop(self.zero, self.elements(*self.sizes(target))) as i:
            t = code.load_once(code.at(data, "i64", i), "i64")
            here = t.equals(skipped)
            some.value = some.value | here
            code.jump_unless(here | ((t >= 0) & (t < self.classes)), self.REFUSED)
        found = choose(some.value, self.zero.like(2), self.zero.like(1))
        self.give([self.python("PyLong_FromLongLong", "ptr", found)])
        self.fall_back()


class Picked(Classes):
    """Forward."""

    def write(self) -> None:
        code, element = self.code, self.element
        x, target, weight, ignored, reduction = self.arguments(5)
        data, targets = self.take(x, self.dtype), self.take(target, "int64")
        self.take_weight(weight)
        skipped, how = self.take_integers(ignored, reduction)
        self.arrange(*self.sizes(x), target)
        plain = how.equals(NONE)
        made: list[Value] = []
        ndim = choose(plain, array_field(target, "ndim", "i32").convert("i64"), self.zero)
        out = self.result(ndim, array_field(target, "dims"), made)
        total = self.result(self.zero, array_field(target, "dims"), made)
        losses, weights = (code.variable(code.constant(0.0, "double"), "double") for _ in range(2))
        with code.when(plain):
            size = self.outer * self.inner * code.constant(4 if element == "float" else 8, "i64")
            code.fill_bytes(out, 0, size)

        def add(row: Value, score: Value, w: Value) -> None:
            value = code.load(code.at(data, element, score), element)
            loss = (-value if self.picks else value) * w
            with code.either(plain) as (each, together):
                with each:
                    code.store(loss, code.at(out, element, row))
                with together:
                    losses.value = losses.value + loss.convert("double")
                    weights.value = weights.value + w.convert("double")

        bad = self.each(targets, skipped, add)
        with code.when(bad):
            self.release(made)
            code.jump(self.REFUSED)
        with code.unless(plain):
            mean = losses.value / weights.value
            value = choose(how.equals(MEAN), mean, losses.value)
            code.store(value.convert(element), out)
        code.store(weights.value.convert(element), total)
        self.give(made)
        self.fall_back()


class PickedBack(Classes):
    """Backward: zeros but at the targets' classes."""

    def write(self) -> None:
        code, element = self.code, self.element
        g, target, weight, total, shape, ignored, reduction = self.arguments(7)
        data, targets = self.take(g, self.dtype), self.take(target, "int64")
        sums = self.take(total, self.dtype)
        self.take_weight(weight)
        skipped, how = self.take_integers(ignored, reduction)
        self.require(self.is_a(shape, "tuple"))
        ndim, dims = size_of(shape), code.slot("[64 x i64]")
        with code.loop(self.zero, ndim) as i:
            (size,) = self.take_integers(item_of(shape, i))
            code.store(size, code.at(dims, "i64", i))
        self.arrange(ndim, lambda i: self.item(dims, i), target)
        plain = how.equals(NONE)
        count = self.elements(*self.sizes(g))
        wanted = choose(plain, self.outer * self.inner, self.zero.like(1))
        self.require(count.equals(wanted))
        made: list[Value] = []
        out = self.result(ndim, dims, made)
        whole = self.elements(ndim, lambda i: self.item(dims, i))
        code.fill_bytes(out, 0, whole * (4 if element == "float" else 8))

        def put(row: Value, score: Value, w: Value) -> None:
            own = code.load(code.at(data, element, choose(plain, row, self.zero)), element)
            part = (-own if self.picks else own) * w
            shared = part / code.load(sums, element)
            code.store(choose(how.equals(MEAN), shared, part), code.at(out, element, score))

        self.each(targets, skipped, put)
        self.give(made)
        self.fall_back()


class Weighed(Picked):
    """Losses are there already."""

    picks = False


class WeighedBack(PickedBack):
    """The same backward."""

    picks = False
