"""Values of LLVM's language, with Python's operators: each emits an instruction.

A `Value` is a vector of lanes (all vectors of a kernel have the same number of lanes) or a scalar. Operators
choose the float or integer instruction by the element type; Python numbers become constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from . import fused
from .types import FLOATS, conversion, element_of

if TYPE_CHECKING:
    from .code import Code


class Value:
    """The result of an instruction."""

    __slots__ = ("code", "name", "type")

    def __init__(self, code: Code, name: str, type: str):
        self.code, self.name, self.type = code, name, type

    @property
    def element(self) -> str:
        return element_of(self.type)

    @property
    def is_float(self) -> bool:
        return self.element in FLOATS

    def like(self, value: object) -> Value:
        """A Python number as a constant of this value's type."""
        if isinstance(value, Value):
            return value
        return self.code.constant(value, self.type)  # type: ignore[arg-type]

    def binary(self, integer: str, floating: str, other: object) -> Value:
        b = self.like(other)
        return self.code.emit(
            f"{floating if self.is_float else integer} {self.type} {self.name}, {b.name}",
            self.type,
        )

    def __add__(self, other: object) -> Value:
        return self.binary("add", "fadd", other)

    def __radd__(self, other: object) -> Value:
        return self.like(other) + self

    def __sub__(self, other: object) -> Value:
        return self.binary("sub", "fsub", other)

    def __rsub__(self, other: object) -> Value:
        return self.like(other) - self

    def __mul__(self, other: object) -> Value:
        return self.binary("mul", "fmul", other)

    def __rmul__(self, other: object) -> Value:
        return self.like(other) * self

    def __truediv__(self, other: object) -> Value:
        return self.binary("sdiv", "fdiv", other)

    def __rtruediv__(self, other: object) -> Value:
        return self.like(other) / self

    def __and__(self, other: object) -> Value:
        return self.binary("and", "and", other)

    def __or__(self, other: object) -> Value:
        return self.binary("or", "or", other)

    def __xor__(self, other: object) -> Value:
        return self.binary("xor", "xor", other)

    def __lshift__(self, other: object) -> Value:
        return self.binary("shl", "shl", other)

    def __rshift__(self, other: object) -> Value:
        return self.binary("ashr", "ashr", other)

    def __neg__(self) -> Value:
        if self.is_float:
            return self.code.emit(f"fneg {self.type} {self.name}", self.type)
        return self.like(0) - self

    def __invert__(self) -> Value:
        return self ^ (1 if self.element == "i1" else -1)

    def compare(self, integer: str, floating: str, other: object) -> Value:
        b = self.like(other)
        word = f"fcmp {floating}" if self.is_float else f"icmp {integer}"
        type = self.code.vector("i1") if self.type.startswith("<") else "i1"
        return self.code.emit(f"{word} {self.type} {self.name}, {b.name}", type)

    def __lt__(self, other: object) -> Value:
        return self.compare("slt", "olt", other)

    def __le__(self, other: object) -> Value:
        return self.compare("sle", "ole", other)

    def __gt__(self, other: object) -> Value:
        return self.compare("sgt", "ogt", other)

    def __ge__(self, other: object) -> Value:
        return self.compare("sge", "oge", other)

    def equals(self, other: object) -> Value:
        return self.compare("eq", "oeq", other)

    def differs(self, other: object) -> Value:
        return self.compare("ne", "une", other)

    def equals_pointer(self, other: Value) -> Value:
        return self.code.emit(f"icmp eq ptr {self.name}, {other.name}", "i1")

    def is_null(self) -> Value:
        return self.equals_pointer(self.code.null)

    def is_nan(self) -> Value:
        return self.compare("ne", "uno", self)

    def below(self, other: object) -> Value:
        """Is it less, both read as unsigned integers?"""
        return self.compare("ult", "olt", other)

    def at_most(self, other: object) -> Value:
        """Is it no more, both read as unsigned integers?"""
        return self.compare("ule", "ole", other)

    def above(self, other: object) -> Value:
        """Is it more, both read as unsigned integers?"""
        return self.compare("ugt", "ogt", other)

    def at_least(self, other: object) -> Value:
        """Is it no less, both read as unsigned integers?"""
        return self.compare("uge", "oge", other)

    def down(self, by: object) -> Value:
        """The bits moved down, zeros from above."""
        return self.binary("lshr", "", other=by)

    def widen(self, element: str) -> Value:
        """The bits of an unsigned integer in a longer one."""
        if self.element == element:
            return self
        type = self.code.vector(element) if self.type.startswith("<") else element
        return self.code.emit(f"zext {self.type} {self.name} to {type}", type)

    def shuffled(self, other: Value, places: Sequence[int]) -> Value:
        """Lanes of this vector and, counted on, of another."""
        listed = ", ".join(f"i32 {i}" for i in places)
        n = len(places)
        return self.code.emit(
            f"shufflevector {self.type} {self.name}, {self.type} {other.name}, <{n} x i32> <{listed}>",
            f"<{n} x {self.element}>",
        )

    def fma(self, b: object, c: object) -> Value:
        """self * b + c, rounded once."""
        b, c = self.like(b), self.like(c)
        return self.code.intrinsic("fma", self, b, c) if self.code.fuses else fused.step(self, b, c)

    def multiply_add(self, b: object, c: object) -> Value:
        """self * b + c, in one instruction where there is one, or else rounded twice."""
        b, c = self.like(b), self.like(c)
        return self.code.intrinsic("fma", self, b, c) if self.code.fuses else self * b + c

    def abs(self) -> Value:
        if self.is_float:
            return self.code.intrinsic("fabs", self)
        return choose(self < 0, -self, self)

    def bits(self) -> Value:
        """The float's bits as an integer."""
        return self.cast_bits("i32" if self.element == "float" else "i64")

    def cast_bits(self, element: str) -> Value:
        type = self.code.vector(element) if self.type.startswith("<") else element
        return self.cast_to(type)

    def cast_to(self, type: str) -> Value:
        """The same bits as another type of the same size."""
        return self.code.emit(f"bitcast {self.type} {self.name} to {type}", type)

    def convert(self, element: str) -> Value:
        """The value as another type of number."""
        own = self.element
        if own == element:
            return self
        type = self.code.vector(element) if self.type.startswith("<") else element
        if element == "i1":
            return self.differs(0)
        word = conversion(own, element)
        return self.code.emit(f"{word} {self.type} {self.name} to {type}", type)

    def address(self) -> Value:
        """A pointer's address, as an integer."""
        return self.code.emit(f"ptrtoint ptr {self.name} to i64", "i64")

    def as_pointer(self) -> Value:
        """The pointer with this address."""
        return self.code.emit(f"inttoptr {self.type} {self.name} to ptr", "ptr")

    def word(self, index: int | Value) -> Value:
        """The place of one of the words of 64 bits that the pointer leads to."""
        return self.code.at(self, "i64", self.code.integer(index))

    def byte(self, offset: int | Value) -> Value:
        """The place so many bytes behind the pointer's."""
        return self.code.at(self, "i8", self.code.integer(offset))

    def part(self, i: int) -> Value:
        """A field of a structure."""
        type = self.type.strip("{} ").split(", ")[i]
        return self.code.emit(f"extractvalue {self.type} {self.name}, {i}", type)

    def select(self, x: Value, y: object) -> Value:
        """Lane by lane, x where this condition holds and y elsewhere."""
        y = x.like(y)
        return x.code.emit(
            f"select {self.type} {self.name}, {x.type} {x.name}, {x.type} {y.name}", x.type
        )

    def lane(self, i: int = 0) -> Value:
        return self.code.emit(f"extractelement {self.type} {self.name}, i64 {i}", self.element)

    def exchanged(self, by: int) -> Value:
        """Lanes that are `by` apart, a power of two, change places.

        A sum of lanes takes this and no rotation, of which LLVM 22 makes wrong code for AVX-512
        (findings/llvm_avx512_rotated_sum.sh).
        """
        n = self.code.lanes
        order = ", ".join(f"i32 {i ^ by}" for i in range(n))
        return self.code.emit(
            f"shufflevector {self.type} {self.name}, {self.type} poison, <{n} x i32> <{order}>",
            self.type,
        )


def choose(condition: Value, x: Value, y: object) -> Value:
    """Lane by lane, x where the condition holds and y elsewhere."""
    return condition.select(x, y)


def any_lane(condition: Value) -> Value:
    """Does it hold in one lane or more?"""
    word = f"i{condition.code.lanes}"
    bits = condition.code.emit(f"bitcast {condition.type} {condition.name} to {word}", word)
    return condition.code.emit(f"icmp ne {word} {bits.name}, 0", "i1")


def greater(x: Value, y: Value) -> Value:
    """The larger of two numbers, lane by lane; y if one is nan."""
    return choose(x > y, x, y)


def across_lanes(value: Value, join: Callable[[Value, Value], Value]) -> Value:
    """What all lanes join to, in every lane."""
    by = value.code.lanes // 2
    while by:
        value, by = join(value, value.exchanged(by)), by // 2
    return value


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial with these coefficients, the constant first, by Horner's rule in fused steps."""
    value = x.like(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value.multiply_add(x, coefficient)
    return value


def estrin(x: Value, coefficients: Sequence[float]) -> Value:
    """`polynomial` by halves: more multiplications, of which fewer wait for each other."""
    values: list[Value | float] = list(coefficients)
    power = x
    while len(values) > 1:
        pairs = [power.like(b).multiply_add(power, a) for a, b in pairwise(values)][::2]
        values = [*pairs, *values[len(values) & ~1 :]]
        power = power * power if len(values) > 1 else power
    return x.like(values[0])


def smaller(x: Value, y: object) -> Value:
    """The smaller of two integers."""
    return x.code.intrinsic("smin", x, x.like(y))


def larger(x: Value, y: object) -> Value:
    """The larger of two integers."""
    return x.code.intrinsic("smax", x, x.like(y))


def quotient(x: Value, y: object) -> Value:
    """x / y rounded down, for integers x >= 0 and y > 0."""
    return x.code.emit(f"udiv {x.type} {x.name}, {x.like(y).name}", x.type)


def remainder(x: Value, y: object) -> Value:
    """x modulo y, for integers x >= 0 and y > 0."""
    return x.code.emit(f"urem {x.type} {x.name}, {x.like(y).name}", x.type)


def multiply_checked(x: Value, y: Value) -> tuple[Value, Value]:
    """The product of two unsigned integers, and whether it lost its upper bits."""
    type = f"{{ {x.type}, i1 }}"
    name = x.code.declare(type, f"llvm.umul.with.overflow.{x.type}", x.type, y.type)
    pair = x.code.emit(f"call {type} @{name}({x.type} {x.name}, {y.type} {y.name})", type)
    return pair.part(0), pair.part(1)
