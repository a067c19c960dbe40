"""What one thread of a GPU does, written in LLVM's language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..llvm import BITS, Code, Value

WARP = 32
"""Threads that run together and can exchange registers."""


class Thread(Code):
    """The code of one thread: a vector of one lane is a scalar, and an index has 32 bits or 64.

    code = Thread()
    out, x, count = code.takes("ptr out", "ptr x readonly", "i32 count")
    with code.loop(code.first("i32"), count, code.threads("i32")) as i:
        code.store(code.load(code.at(x, "float", i), "float") * 2.0, code.at(out, "float", i))
    text = code.kernel("doubled")
    """

    def __init__(self, declarations: set[str] | None = None) -> None:
        super().__init__(1, declarations)
        self.listed: list[str] = []
        self.variables: list[str] = []

    def vector(self, element: str) -> str:
        return element

    def splat(self, x: Value) -> Value:
        return x

    @property
    def fuses(self) -> bool:
        return True

    def helper(self) -> Code:
        return Thread(self.declarations)

    # ------------------------------------------------------------------------------ the kernel

    def takes(self, *parameters: str) -> list[Value]:
        """The kernel's parameters, by their texts: a type, a name, and "readonly" of memory that nobody writes meanwhile.

        Memory that is read so is read through the cache of textures; what is written is taken to be memory of its own
        only where all is said so: "ptr out alone". Up to 4,000 bytes may come with the launch itself, as one argument:
        "ptr table 480" is 480 words of 64 bits, a structured scalar of NumPy's.
        """
        made = []
        for parameter in parameters:
            type, name, *facts = parameter.split()
            told = {"readonly": "noalias readonly", "alone": "noalias"}
            words = " ".join(
                f"noalias readonly byval([{fact} x i64]) align 8" if fact.isdigit() else told[fact]
                for fact in facts
            )
            self.listed.append(f"{type} {words} %{name}".replace("  ", " "))
            made.append(Value(self, f"%{name}", type))
        return made

    def kernel(self, name: str, threads: int | None = None) -> str:
        """The module of this one kernel, ended: what `ptx.assembly` takes.

        threads: The most that a block has. It must be said if that is above 256, as so many find registers for
            themselves whatever the kernel takes; more may do so only if the assembler knows.
        """
        self.line("ret void")
        declared = "\n".join(sorted(self.declarations)).replace(" noinline", " alwaysinline")
        # Without the second word ptxas likes 64 registers so much that it spills.
        limit = f'"nvvm.maxntid"="{threads}" "nvvm.minctasm"="1"' if threads else ""
        function = self.function(f"@{name}({', '.join(self.listed)})", "ptx_kernel void", limit)
        return "\n".join([*self.variables, declared, function])

    # ------------------------------------------------------------------------- which thread it is

    def special(self, name: str, type: str = "i32", axis: str = "x") -> Value:
        """A special register: "tid", "ntid", "ctaid", "nctaid"."""
        read = self.declare("i32", f"llvm.nvvm.read.ptx.sreg.{name}.{axis}")
        return self.emit(f"call i32 @{read}()", "i32").convert(type)

    def first(self, type: str = "i32") -> Value:
        """The thread's number in the whole grid."""
        size = self.special("ntid", type)
        return self.special("ctaid", type) * size + self.special("tid", type)

    def threads(self, type: str = "i32") -> Value:
        """How many threads the grid has: the step of a grid-stride loop."""
        return self.special("ntid", type) * self.special("nctaid", type)

    @contextmanager
    def loop(self, start: Value, stop: Value, step: int | Value = 1) -> Iterator[Value]:
        """``for i in range(start, stop, step)``, tested at its end, as a GPU likes it."""
        body, done = self.name("body"), self.name("done")
        place = self.slot(start.type, start)
        self.branch(start < stop, body, done)
        self.label(body)
        i = self.load(place, start.type)
        yield i
        onward = i + step
        self.store(onward, place)
        self.branch(onward < stop, body, done)
        self.label(done)

    def upper_product(self, x: Value, y: Value) -> Value:
        """The upper 32 bits of the product of two unsigned integers of 32 bits."""
        name = self.declare("i32", "llvm.nvvm.mulhi.ui", "i32", "i32")
        return self.emit(f"call i32 @{name}(i32 {x.name}, i32 {y.name})", "i32")

    # --------------------------------------------------------------------------------- memory

    def several(
        self,
        pointer: Value,
        element: str,
        count: int,
        values: Sequence[Value] = (),
        align: int | None = None,
    ) -> list[Value]:
        """Load neighbouring elements, or store `values` there, in pieces of at most 16 bytes.

        align: Of how many bytes the address is a multiple; by default of as many as are taken at once.
        """
        kind = f"<{count} x {element}>"
        align = align or min(16, count * BITS[element] // 8)
        if values:
            whole = "poison"
            for u, x in enumerate(values):
                whole = self.emit(
                    f"insertelement {kind} {whole}, {element} {x.name}, i64 {u}", kind
                ).name
            self.line(f"store {kind} {whole}, ptr {pointer.name}, align {align}")
            return []
        found = self.emit(f"load {kind}, ptr {pointer.name}, align {align}", kind)
        return [found.lane(u) for u in range(count)]

    def shared(self, element: str, count: int, stem: str = "shared") -> Value:
        """Memory of the block: so many elements, 16 bytes aligned. What is there at first is not known."""
        name = self.name(stem)
        self.variables.append(
            f"@{name} = internal addrspace(3) global [{count} x {element}] poison, align 16"
        )
        return Value(self, f"addrspacecast (ptr addrspace(3) @{name} to ptr)", "ptr")

    def barrier(self) -> None:
        """All threads of the block wait for one another, and see what the others have written to its memory.

        Shared memory needs one after it was written, and one before it is written again.
        """
        name = self.declare("void", "llvm.nvvm.barrier0")  # which LLVM 20 and 22 both know
        self.line(f"call void @{name}()")

    def atomic(self, operation: str, pointer: Value, value: Value) -> Value:
        """Change memory that other threads change too: "add", "fadd", "max", "umin", "xchg" ...; gives what was there.

        The order in which threads come is not fixed: sums of floats have other bits each time.
        """
        align = BITS[value.type] // 8
        return self.emit(
            f'atomicrmw {operation} ptr {pointer.name}, {value.type} {value.name} syncscope("device") '
            f"monotonic, align {align}",
            value.type,
        )

    # ------------------------------------------------------------------------------ the warp

    def exchanged(self, x: Value, how: str, lane: int | Value) -> Value:
        """x of another lane of the warp, all of whose threads must come here.

        how: "idx", of lane `lane`; "bfly", of the one whose number differs by the bits of `lane`; "up", of the one `lane`
        before (its own where there is none); "down", of the one `lane` after.
        """
        if x.type == "i1":
            return self.exchanged(x.widen("i32"), how, lane).differs(0)
        if BITS[x.type] == 64:
            pair, whole = x.cast_to("<2 x i32>"), Value(self, "poison", "<2 x i32>")
            for i in range(2):
                half = self.exchanged(pair.lane(i), how, lane)
                whole = self.emit(
                    f"insertelement <2 x i32> {whole.name}, i32 {half.name}, i64 {i}", "<2 x i32>"
                )
            return whole.cast_to(x.type)
        name = f"llvm.nvvm.shfl.sync.{how}.{'f32' if x.is_float else 'i32'}"
        self.declare(x.type, name, "i32", x.type, "i32", "i32")
        by = self.integer(lane, "i32").name
        edge = 0 if how == "up" else 31
        return self.emit(
            f"call {x.type} @{name}(i32 -1, {x.type} {x.name}, i32 {by}, i32 {edge})", x.type
        )


__all__ = ["WARP", "Thread"]
