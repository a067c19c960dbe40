"""Writing LLVM's intermediate language: values with Python's operators, one emitted line each.

A `Value` is a vector of lanes (all vectors of a kernel have the same number of lanes) or a scalar. Operators
choose the float or integer instruction by the element type; Python numbers become constants.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from . import fused

FLOATS = frozenset(("half", "float", "double"))
BITS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "half": 16, "float": 32, "double": 64}


class Code:
    """The lines of one function, and the declarations that they need.

    Attributes:
        lanes: How many elements a vector has.
    """

    def __init__(self, lanes: int, declarations: set[str] | None = None):
        self.lanes = lanes
        self.lines: list[str] = []
        self.head: list[str] = []  # stack places belong to the function's first block
        self.count = 0
        self.declarations: set[str] = set() if declarations is None else declarations

    # ------------------------------------------------------------------------ types and names

    def vector(self, element: str) -> str:
        """The type of a vector of such elements."""
        return f"<{self.lanes} x {element}>"

    def name(self, stem: str = "v") -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def emit(self, text: str, kind: str) -> Value:
        """An instruction that gives a value of type `kind`."""
        name = "%" + self.name()
        self.lines.append(f"  {name} = {text}")
        return Value(self, name, kind)

    def declare(self, result: str, name: str, *arguments: str) -> str:
        self.declarations.add(f"declare {result} @{name}({', '.join(arguments)})")
        return name

    # ------------------------------------------------------------------------------ constants

    def constant(self, value: float, kind: str) -> Value:
        """A number as a value of the type `kind`; in each lane, if that is a vector."""
        element = element_of(kind)
        word = literal(value, element)
        if kind.startswith("<"):
            word = f"<{', '.join([f'{element} {word}'] * self.lanes)}>"
        return Value(self, word, kind)

    def iota(self, element: str = "i64") -> Value:
        """0, 1, 2, ... in the lanes."""
        items = ", ".join(f"{element} {i}" for i in range(self.lanes))
        return Value(self, f"<{items}>", self.vector(element))

    def splat(self, x: Value) -> Value:
        """A scalar in every lane."""
        kind = self.vector(x.type)
        first = self.emit(f"insertelement {kind} poison, {x.type} {x.name}, i64 0", kind)
        zeros = ", ".join(["i32 0"] * self.lanes)
        return self.emit(
            f"shufflevector {kind} {first.name}, {kind} poison, <{self.lanes} x i32> <{zeros}>",
            kind,
        )

    # --------------------------------------------------------------------- memory and control

    def at(self, pointer: Value, element: str, index: Value) -> Value:
        return self.emit(
            f"getelementptr inbounds {element}, ptr {pointer.name}, i64 {index.name}", "ptr"
        )

    def load(self, pointer: Value, kind: str) -> Value:
        element = element_of(kind)
        return self.emit(
            f"load {kind}, ptr {pointer.name}, align {max(1, BITS.get(element, 64) // 8)}", kind
        )

    def store(self, value: Value, pointer: Value) -> None:
        align = max(1, BITS.get(element_of(value.type), 64) // 8)
        self.line(f"store {value.type} {value.name}, ptr {pointer.name}, align {align}")

    def masked_load(self, pointer: Value, kind: str, mask: Value) -> Value:
        suffix = mangled(kind)
        element = element_of(kind)
        align = BITS[element] // 8
        name = self.declare(
            kind, f"llvm.masked.load.{suffix}.p0", "ptr", "i32", self.vector("i1"), kind
        )
        return self.emit(
            f"call {kind} @{name}(ptr {pointer.name}, i32 {align}, {mask.type} {mask.name}, "
            f"{kind} zeroinitializer)",
            kind,
        )

    def masked_store(self, value: Value, pointer: Value, mask: Value) -> None:
        kind = value.type
        align = BITS[element_of(kind)] // 8
        name = self.declare(
            "void", f"llvm.masked.store.{mangled(kind)}.p0", kind, "ptr", "i32", self.vector("i1")
        )
        self.line(
            f"call void @{name}({kind} {value.name}, ptr {pointer.name}, i32 {align}, "
            f"{mask.type} {mask.name})"
        )

    def slot(self, kind: str, value: Value | None = None) -> Value:
        """A place on the stack (LLVM makes a register of it)."""
        place = Value(self, "%" + self.name("s"), "ptr")
        self.head.append(f"  {place.name} = alloca {kind}, align 64")
        if value is not None:
            self.store(value, place)
        return place

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def jump(self, target: str) -> None:
        self.line(f"br label %{target}")

    def branch(self, condition: Value, yes: str, no: str) -> None:
        self.line(f"br i1 {condition.name}, label %{yes}, label %{no}")

    @contextmanager
    def loop(self, start: Value, stop: Value, step: int = 1) -> Iterator[Value]:
        """``for i in range(start, stop, step)``."""
        head, body, done = self.name("head"), self.name("body"), self.name("done")
        place = self.slot("i64", start)
        self.jump(head)
        self.label(head)
        i = self.load(place, "i64")
        self.branch(i < stop, body, done)
        self.label(body)
        yield i
        self.store(i + step, place)
        self.jump(head)
        self.label(done)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """``if condition:``."""
        yes, done = self.name("then"), self.name("end")
        self.branch(condition, yes, done)
        self.label(yes)
        yield
        self.jump(done)
        self.label(done)

    # ------------------------------------------------------------------------------ functions

    def function(self, signature: str, result: str = "void", attributes: str = "") -> str:
        """The text of the function whose lines these are."""
        body = "\n".join(["entry:", *self.head, *self.lines])
        return f"define {result} {signature} {attributes} {{\n{body}\n}}\n"

    def call(self, pointer: Value, result: str, *args: Value) -> Value:
        """Call a function by its address."""
        listed = ", ".join(f"{a.type} {a.name}" for a in args)
        if result == "void":
            self.line(f"call void {pointer.name}({listed})")
            return pointer
        return self.emit(f"call {result} {pointer.name}({listed})", result)

    def intrinsic(self, name: str, *args: Value) -> Value:
        kind = args[0].type
        full = self.declare(kind, f"llvm.{name}.{mangled(kind)}", *(a.type for a in args))
        listed = ", ".join(f"{a.type} {a.name}" for a in args)
        return self.emit(f"call {kind} @{full}({listed})", kind)


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
        kind = self.code.vector("i1") if self.type.startswith("<") else "i1"
        return self.code.emit(f"{word} {self.type} {self.name}, {b.name}", kind)

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

    def is_nan(self) -> Value:
        return self.compare("ne", "uno", self)

    def below(self, other: object) -> Value:
        """Is it less, both read as unsigned integers?"""
        return self.compare("ult", "olt", other)

    def down(self, by: object) -> Value:
        """The bits moved down, zeros from above."""
        return self.binary("lshr", "", other=by)

    def widen(self, element: str) -> Value:
        """The bits of an unsigned integer in a longer one."""
        if self.element == element:
            return self
        kind = self.code.vector(element) if self.type.startswith("<") else element
        return self.code.emit(f"zext {self.type} {self.name} to {kind}", kind)

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
        return (
            self.code.intrinsic("fma", self, b, c) if fused.is_native() else fused.step(self, b, c)
        )

    def multiply_add(self, b: object, c: object) -> Value:
        """self * b + c, in one instruction where there is one, or else rounded twice."""
        b, c = self.like(b), self.like(c)
        return self.code.intrinsic("fma", self, b, c) if fused.is_native() else self * b + c

    def abs(self) -> Value:
        if self.is_float:
            return self.code.intrinsic("fabs", self)
        return choose(self < 0, -self, self)

    def bits(self) -> Value:
        """The float's bits as an integer."""
        return self.cast_bits("i32" if self.element == "float" else "i64")

    def cast_bits(self, element: str) -> Value:
        kind = self.code.vector(element) if self.type.startswith("<") else element
        return self.cast_to(kind)

    def cast_to(self, kind: str) -> Value:
        """The same bits as another type of the same size."""
        return self.code.emit(f"bitcast {self.type} {self.name} to {kind}", kind)

    def convert(self, element: str) -> Value:
        """The value as another type of number."""
        own = self.element
        if own == element:
            return self
        kind = self.code.vector(element) if self.type.startswith("<") else element
        if element == "i1":
            return self.differs(0)
        word = conversion(own, element)
        return self.code.emit(f"{word} {self.type} {self.name} to {kind}", kind)

    def lane(self, i: int = 0) -> Value:
        return self.code.emit(f"extractelement {self.type} {self.name}, i64 {i}", self.element)

    def rotated(self, by: int) -> Value:
        """The lanes moved around in a circle."""
        n = self.code.lanes
        order = ", ".join(f"i32 {(i + by) % n}" for i in range(n))
        return self.code.emit(
            f"shufflevector {self.type} {self.name}, {self.type} poison, <{n} x i32> <{order}>",
            self.type,
        )


def choose(condition: Value, x: Value, y: object) -> Value:
    """Lane by lane, x where the condition holds and y elsewhere."""
    y = x.like(y)
    return x.code.emit(
        f"select {condition.type} {condition.name}, {x.type} {x.name}, {x.type} {y.name}", x.type
    )


def any_lane(condition: Value) -> Value:
    """Does it hold in one lane or more?"""
    word = f"i{condition.code.lanes}"
    bits = condition.code.emit(f"bitcast {condition.type} {condition.name} to {word}", word)
    return condition.code.emit(f"icmp ne {word} {bits.name}, 0", "i1")


def element_of(kind: str) -> str:
    return kind[kind.index(" x ") + 3 : -1] if kind.startswith("<") else kind


def conversion(own: str, element: str) -> str:
    if own in FLOATS:
        if element in FLOATS:
            return "fpext" if BITS[element] > BITS[own] else "fptrunc"
        return "fptosi"
    if element in FLOATS:
        return "uitofp" if own == "i1" else "sitofp"
    if own == "i1":
        return "zext"
    return "sext" if BITS[element] > BITS[own] else "trunc"


def mangled(kind: str) -> str:
    """LLVM's name for a type within an intrinsic's name."""
    short = {"float": "f32", "double": "f64"}
    element = element_of(kind)
    item = short.get(element, element)
    return f"v{kind[1 : kind.index(' ')]}{item}" if kind.startswith("<") else item


def literal(value: float, element: str) -> str:
    """A number as LLVM writes it: floats by their bits."""
    if element not in FLOATS:
        if element == "i1":
            return "true" if value else "false"
        return str(int(value))
    if element == "float":
        try:
            value = struct.unpack("f", struct.pack("f", value))[0]
        except OverflowError:
            value = math.copysign(math.inf, value)
    return f"0x{struct.unpack('Q', struct.pack('d', float(value)))[0]:016X}"


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
