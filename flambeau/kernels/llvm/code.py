"""Writing functions in LLVM's intermediate language, one emitted line for each instruction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from . import fused
from .types import BITS, element_of, literal, mangled
from .value import Value


@dataclass(frozen=True)
class Function:
    """A function that code calls by its name.

    Attributes:
        external: Does it stand outside the module, so that it must be declared there?
    """

    result: str
    name: str
    parameters: tuple[str, ...]
    external: bool = False


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

    @property
    def fuses(self) -> bool:
        """Has what it is for an instruction that multiplies and adds with one rounding?"""
        return fused.is_native()

    def helper(self) -> Code:
        """The code of another function of the module, of one lane."""
        return Code(1, self.declarations)

    # ------------------------------------------------------------------------ types and names

    def vector(self, element: str) -> str:
        """The type of a vector of such elements."""
        return f"<{self.lanes} x {element}>"

    def name(self, stem: str = "v") -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def emit(self, text: str, type: str) -> Value:
        """An instruction that gives a value of type `type`."""
        name = "%" + self.name()
        self.lines.append(f"  {name} = {text}")
        return Value(self, name, type)

    def declare(self, result: str, name: str, *arguments: str) -> str:
        self.declarations.add(f"declare {result} @{name}({', '.join(arguments)})")
        return name

    # ------------------------------------------------------------------------------ constants

    def constant(self, value: float, type: str) -> Value:
        """A number as a value of this type; in each lane, if that is a vector."""
        element = element_of(type)
        word = literal(value, element)
        if type.startswith("<"):
            word = f"<{', '.join([f'{element} {word}'] * self.lanes)}>"
        return Value(self, word, type)

    def integer(self, value: int | Value, type: str = "i64") -> Value:
        return value if isinstance(value, Value) else self.constant(int(value), type)

    @property
    def null(self) -> Value:
        return Value(self, "null", "ptr")

    def symbol(self, name: str) -> Value:
        """Where a function or a global variable of the module is."""
        return Value(self, f"@{name}", "ptr")

    def iota(self, element: str = "i64") -> Value:
        """0, 1, 2, ... in the lanes."""
        items = ", ".join(f"{element} {i}" for i in range(self.lanes))
        return Value(self, f"<{items}>", self.vector(element))

    def splat(self, x: Value) -> Value:
        """A scalar in every lane."""
        type = self.vector(x.type)
        first = self.emit(f"insertelement {type} poison, {x.type} {x.name}, i64 0", type)
        zeros = ", ".join(["i32 0"] * self.lanes)
        return self.emit(
            f"shufflevector {type} {first.name}, {type} poison, <{self.lanes} x i32> <{zeros}>",
            type,
        )

    # --------------------------------------------------------------------------------- memory

    def at(self, pointer: Value, element: str, index: Value) -> Value:
        return self.emit(
            f"getelementptr inbounds {element}, ptr {pointer.name}, {index.type} {index.name}",
            "ptr",
        )

    def load(self, pointer: Value, type: str) -> Value:
        element = element_of(type)
        return self.emit(
            f"load {type}, ptr {pointer.name}, align {max(1, BITS.get(element, 64) // 8)}", type
        )

    def load_once(self, pointer: Value, type: str) -> Value:
        """What others may write to meanwhile: it is read in this place and never again, so that what was
        checked is what is used."""
        align = BITS[element_of(type)] // 8
        return self.emit(f"load volatile {type}, ptr {pointer.name}, align {align}", type)

    def store(self, value: Value, pointer: Value) -> None:
        align = max(1, BITS.get(element_of(value.type), 64) // 8)
        self.line(f"store {value.type} {value.name}, ptr {pointer.name}, align {align}")

    def masked_load(self, pointer: Value, type: str, mask: Value) -> Value:
        suffix = mangled(type)
        element = element_of(type)
        align = BITS[element] // 8
        name = self.declare(
            type, f"llvm.masked.load.{suffix}.p0", "ptr", "i32", self.vector("i1"), type
        )
        return self.emit(
            f"call {type} @{name}(ptr {pointer.name}, i32 {align}, {mask.type} {mask.name}, "
            f"{type} zeroinitializer)",
            type,
        )

    def masked_store(self, value: Value, pointer: Value, mask: Value) -> None:
        type = value.type
        align = BITS[element_of(type)] // 8
        name = self.declare(
            "void", f"llvm.masked.store.{mangled(type)}.p0", type, "ptr", "i32", self.vector("i1")
        )
        self.line(
            f"call void @{name}({type} {value.name}, ptr {pointer.name}, i32 {align}, "
            f"{mask.type} {mask.name})"
        )

    def slot(self, type: str, value: Value | None = None) -> Value:
        """A place on the stack (LLVM makes a register of it)."""
        place = Value(self, "%" + self.name("s"), "ptr")
        self.head.append(f"  {place.name} = alloca {type}, align 64")
        if value is not None:
            self.store(value, place)
        return place

    def variable(self, value: int | Value, type: str = "i64") -> Variable:
        """A variable that begins with this value."""
        first = self.integer(value, type)
        return Variable(self.slot(first.type, first), first.type)

    def copy_bytes(self, target: Value, source: Value, size: Value) -> None:
        name = self.declare("void", "llvm.memcpy.p0.p0.i64", "ptr", "ptr", "i64", "i1")
        self.line(
            f"call void @{name}(ptr {target.name}, ptr {source.name}, i64 {size.name}, i1 false)"
        )

    def fill_bytes(self, target: Value, byte: int, size: Value) -> None:
        name = self.declare("void", "llvm.memset.p0.i64", "ptr", "i8", "i64", "i1")
        self.line(f"call void @{name}(ptr {target.name}, i8 {byte}, i64 {size.name}, i1 false)")

    # ------------------------------------------------- memory that threads share: all in one order

    def load_atomic(self, pointer: Value, type: str = "i64") -> Value:
        align = BITS.get(type, 64) // 8
        return self.emit(f"load atomic {type}, ptr {pointer.name} seq_cst, align {align}", type)

    def store_atomic(self, value: int | Value, pointer: Value, type: str = "i64") -> None:
        value = self.integer(value, type)
        align = BITS.get(value.type, 64) // 8
        self.line(
            f"store atomic {value.type} {value.name}, ptr {pointer.name} seq_cst, align {align}"
        )

    def update_atomic(self, operation: str, pointer: Value, value: int | Value) -> Value:
        """What was there before: "add", "sub", "max" and so on put the result in its place."""
        value = self.integer(value)
        return self.emit(
            f"atomicrmw {operation} ptr {pointer.name}, {value.type} {value.name} seq_cst",
            value.type,
        )

    def exchange_if(self, pointer: Value, old: int | Value, new: int | Value) -> Value:
        """Put `new` in the place of `old`: was that there?"""
        old, new = self.integer(old), self.integer(new)
        pair = f"{old.type} {old.name}, {new.type} {new.name}"
        return self.emit(
            f"cmpxchg ptr {pointer.name}, {pair} seq_cst seq_cst", f"{{ {old.type}, i1 }}"
        ).part(1)

    # -------------------------------------------------------------------------------- control

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def jump(self, target: str) -> None:
        self.line(f"br label %{target}")

    def branch(self, condition: Value, yes: str, no: str) -> None:
        self.line(f"br i1 {condition.name}, label %{yes}, label %{no}")

    def jump_when(self, condition: Value, target: str) -> None:
        onward = self.name("on")
        self.branch(condition, target, onward)
        self.label(onward)

    def jump_unless(self, condition: Value, target: str) -> None:
        onward = self.name("on")
        self.branch(condition, onward, target)
        self.label(onward)

    def give(self, value: Value | None = None) -> None:
        """Return from the function."""
        self.line("ret void" if value is None else f"ret {value.type} {value.name}")

    @property
    def is_ended(self) -> bool:
        """Has the present block its end, a return or a jump?"""
        return bool(self.lines) and self.lines[-1].startswith(("  ret ", "  br ", "  unreachable"))

    @contextmanager
    def loop(self, start: Value, stop: Value, step: int | Value = 1) -> Iterator[Value]:
        """``for i in range(start, stop, step)``."""
        head, body, done = self.name("head"), self.name("body"), self.name("done")
        place = self.slot(start.type, start)
        self.jump(head)
        self.label(head)
        i = self.load(place, start.type)
        self.branch(i < stop, body, done)
        self.label(body)
        yield i
        self.store(i + step, place)
        self.jump(head)
        self.label(done)

    @contextmanager
    def attempt(self) -> Iterator[Block]:
        """A block that may be left before its end."""
        block = Block(self, self.name("left"))
        yield block
        if not self.is_ended:
            self.jump(block.left)
        self.label(block.left)

    @contextmanager
    def repeat(self) -> Iterator[Loop]:
        """``while True:``, until the loop is told to stop."""
        loop = Loop(self, self.name("again"), self.name("left"))
        self.jump(loop.again)
        with self.block(loop.again, loop.again):
            yield loop
        self.label(loop.left)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """``if condition:``."""
        yes, done = self.name("then"), self.name("end")
        self.branch(condition, yes, done)
        with self.block(yes, done):
            yield
        self.label(done)

    @contextmanager
    def unless(self, condition: Value) -> Iterator[None]:
        """``if not condition:``."""
        no, done = self.name("else"), self.name("end")
        self.branch(condition, done, no)
        with self.block(no, done):
            yield
        self.label(done)

    @contextmanager
    def either(
        self, condition: Value
    ) -> Iterator[tuple[AbstractContextManager[None], AbstractContextManager[None]]]:
        """``if condition: ... else: ...``: the two blocks, to be written one after the other."""
        yes, no, done = self.name("then"), self.name("else"), self.name("end")
        self.branch(condition, yes, no)
        yield self.block(yes, done), self.block(no, done)
        self.label(done)

    @contextmanager
    def block(self, name: str, onward: str) -> Iterator[None]:
        """A block that is followed by another unless it ends otherwise."""
        self.label(name)
        yield
        if not self.is_ended:
            self.jump(onward)

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

    def run(self, function: Function, *args: int | Value) -> Value:
        """Call a function by its name."""
        if len(args) != len(function.parameters):
            raise TypeError(
                f"{function.name} takes {len(function.parameters)} arguments, got {len(args)}"
            )
        if function.external:
            self.declare(function.result, function.name, *function.parameters)
        given = map(self.integer, args, function.parameters)
        return self.call(self.symbol(function.name), function.result, *given)

    def intrinsic(self, name: str, *args: Value) -> Value:
        type = args[0].type
        full = self.declare(type, f"llvm.{name}.{mangled(type)}", *(a.type for a in args))
        listed = ", ".join(f"{a.type} {a.name}" for a in args)
        return self.emit(f"call {type} @{full}({listed})", type)


class Variable:
    """A place on the stack that is read and written by ``variable.value``.

    LLVM makes a register of it, with a phi instruction wherever paths meet.
    """

    __slots__ = ("place", "type")

    def __init__(self, place: Value, type: str):
        self.place, self.type = place, type

    @property
    def value(self) -> Value:
        return self.place.code.load(self.place, self.type)

    @value.setter
    def value(self, value: Value) -> None:
        self.place.code.store(value, self.place)


class Block:
    """A block that is being written, and the ways out of it."""

    def __init__(self, code: Code, left: str):
        self.code, self.left = code, left

    def stop(self) -> None:
        """``break``."""
        self.code.jump(self.left)

    def stop_when(self, condition: Value) -> None:
        self.code.jump_when(condition, self.left)

    def stop_unless(self, condition: Value) -> None:
        self.code.jump_unless(condition, self.left)


class Loop(Block):
    """A loop that is being written, the ways out of it, and those back to its beginning."""

    def __init__(self, code: Code, again: str, left: str):
        super().__init__(code, left)
        self.again = again

    def next(self) -> None:
        """``continue``."""
        self.code.jump(self.again)

    def next_when(self, condition: Value) -> None:
        self.code.jump_when(condition, self.again)

    def next_unless(self, condition: Value) -> None:
        self.code.jump_unless(condition, self.again)
