"""Products of a few elements: one call, which is what they cost.

A product of 3 by 5 and 5 by 7 elements is a hundred multiplications, and any library's call takes longer than those. The
kernel reads matrices, vectors and stacks of any strides where they lie, adds in order with one rounding a step, and hands
to its fallback all that is larger, or of other dtypes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..llvm import Code, Module, Value
from ..runtime import layout
from ..runtime.layout import Flag
from ..runtime.process import address_of
from ..runtime.recipe import Recipe, noted
from ..runtime.vectorcall import Vectorcall, array_field

MOST = 1 << 10
"""Multiplications at most."""
_TOGETHER = 4
"""Columns that are added up together, so that one sum need not wait for the other."""
_ELEMENTS = {"float32": "float", "float64": "double"}


def product(fallback: Callable) -> Callable:
    """``f(x, y)`` and ``f(x, y, bias)``, which give calls that are not made for to a Python function. The bias has a
    number for each column, or for each element of the result."""
    address = address_of(_text)
    made: Callable = layout.builtin("product_few", address, noted(fallback, Recipe(_text)))
    return made


def none(*given: Any) -> Any:
    """For products that have no other kernel."""
    return NotImplemented


def _text() -> str:
    f = Vectorcall(Module())
    code = f.code
    f.require(f.count.equals(2) | f.count.equals(3))
    x, y, bias = f.argument(0), f.argument(1), code.variable(code.null)
    with code.when(f.count.equals(3)):
        bias.value = f.argument(2)
    for array in (x, y):
        f.require(f.is_a(array, "ndarray"))
        aligned = array_field(array, "flags", "i32") & int(Flag.ALIGNED)
        f.require(aligned.differs(0))
    descr = array_field(x, "descr")
    f.require(array_field(y, "descr").equals_pointer(descr))
    left, right = _Operand(f, x), _Operand(f, y)
    pair = left.ndim * 4 + right.ndim
    f.require(
        pair.equals(4 * 2 + 2)
        | pair.equals(4 * 2 + 1)
        | pair.equals(4 + 1)
        | pair.equals(4 * 3 + 3)
    )
    # The dimensions: a stack's, rows, what is summed over, columns.
    stacked = left.ndim.equals(3)
    count = left.size(left.ndim - 3, stacked)
    f.require(count.equals(right.size(right.ndim - 3, stacked)))
    inner = left.size(left.ndim - 1)
    right_rows = right.ndim - 2
    is_vector = right.ndim.equals(1)
    row_place = is_vector.select(f.zero, right_rows)
    f.require(inner.equals(right.size(row_place)))
    rows = left.size(left.ndim - 2, left.ndim > 1)
    columns = right.size(right.ndim - 1, right.ndim > 1)
    work = code.variable(1)
    for n in (count, rows, inner, columns):
        f.require(n.at_most(MOST))
        work.value = work.value * n
    f.require(work.value.at_most(MOST) & work.value.differs(0))
    dims = code.slot("[3 x i64]")
    ndim = code.variable(0)
    result = (count, stacked), (rows, left.ndim > 1), (columns, right.ndim > 1)
    for n, there in result:
        with code.when(there):
            code.store(n, dims.word(ndim.value))
            ndim.value = ndim.value + 1
    bias_steps = _bias(f, bias.value, descr, result, ndim.value)
    for name in _ELEMENTS:
        with code.when(descr.equals_pointer(f.fact(f"descr_{name}"))):
            made = f.new_array(descr, ndim.value.convert("i32"), dims)
            with code.when(made.is_null()):
                code.give(made)
            steps = (
                left.step(left.ndim - 3, stacked), left.step(left.ndim - 2, left.ndim > 1), left.step(left.ndim - 1),
                right.step(right.ndim - 3, stacked), right.step(row_place), right.step(right.ndim - 1, right.ndim > 1),
            )  # fmt: skip
            sizes = count, rows, inner, columns
            target = array_field(made, "data")
            _multiply(code, _ELEMENTS[name], x, y, bias.value, target, sizes, steps, bias_steps)
            code.give(made)
    code.jump(f.REFUSED)
    f.fall_back()
    return f.module.text()


class _Operand:
    """The sizes and strides of an array, by places that may not be there."""

    def __init__(self, f: Vectorcall, array: Value):
        self.code = f.code
        self.ndim = array_field(array, "ndim", "i32").convert("i64")
        self.dims, self.strides = array_field(array, "dims"), array_field(array, "strides")

    def _of(self, words: Value, place: Value, there: Value | None, otherwise: int) -> Value:
        code = self.code
        found = code.variable(otherwise)
        if there is None:
            return code.load(words.word(place), "i64")
        with code.when(there):
            found.value = code.load(words.word(place), "i64")
        return found.value

    def size(self, place: Value, there: Value | None = None) -> Value:
        return self._of(self.dims, place, there, 1)

    def step(self, place: Value, there: Value | None = None) -> Value:
        return self._of(self.strides, place, there, 0)


def _bias(f: Vectorcall, bias: Value, descr: Value, result: tuple, ndim: Value) -> list[Value]:
    """How far apart the numbers for two matrices, rows and columns are that are added: none, one a column of matrices, or
    one an element of the result."""
    code = f.code
    steps = [code.variable(0) for _ in result]
    columns, is_matrix = result[-1]
    with code.unless(bias.is_null()):
        f.require(f.is_a(bias, "ndarray"))
        f.require(array_field(bias, "descr").equals_pointer(descr))
        f.require((array_field(bias, "flags", "i32") & int(Flag.ALIGNED)).differs(0))
        own = _Operand(f, bias)
        is_whole = own.ndim.equals(ndim)
        f.require(is_whole | (own.ndim.equals(1) & is_matrix))
        with code.unless(is_whole):
            f.require(own.size(f.zero).equals(columns))
            steps[-1].value = own.step(f.zero)
        with code.when(is_whole):
            place = code.variable(0)
            for (n, there), step in zip(result, steps):
                with code.when(there):
                    f.require(own.size(place.value).equals(n))
                    step.value = own.step(place.value)
                    place.value = place.value + 1
    return [step.value for step in steps]


def _multiply(
    code: Code,
    element: str,
    x: Value,
    y: Value,
    bias: Value,
    target: Value,
    sizes: tuple,
    steps: tuple,
    bias_steps: list[Value],
) -> None:
    """The loops: stacks, rows, and columns, some together."""
    zero = code.integer(0)
    count, rows, inner, columns = sizes
    x_stack, x_row, x_inner, y_stack, y_inner, y_column = steps
    at = code.variable(0)
    with code.loop(zero, count) as b, code.loop(zero, rows) as i:
        from_x = array_field(x, "data").byte(b * x_stack + i * x_row)
        from_y = array_field(y, "data").byte(b * y_stack)
        whole = columns & -_TOGETHER
        for first, last, together in ((zero, whole, _TOGETHER), (whole, columns, 1)):
            with code.loop(first, last, together) as j:
                sums = [
                    code.variable(code.constant(0.0, element), element) for _ in range(together)
                ]
                with code.loop(zero, inner) as k:
                    value = code.load(from_x.byte(k * x_inner), element)
                    place = from_y.byte(k * y_inner + j * y_column)
                    for c, total in enumerate(sums):
                        other = code.load(place.byte(y_column * c), element)
                        total.value = value.multiply_add(other, total.value)
                with code.unless(bias.is_null()):
                    row = array_field(bias, "data").byte(b * bias_steps[0] + i * bias_steps[1])
                    for c, total in enumerate(sums):
                        own = code.load(row.byte((j + c) * bias_steps[2]), element)
                        total.value = total.value + own
                for c, total in enumerate(sums):
                    code.store(total.value, code.at(target, element, at.value + c))
                at.value = at.value + together
