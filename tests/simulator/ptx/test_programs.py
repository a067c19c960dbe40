"""Programs by chance, of branches and loops in one another: all threads together do what each one does alone."""

from __future__ import annotations

import random

import numpy as np
import pytest

from flambeau.simulator.ptx import grid

from .assembly import kernel, launch
from .test_grid import HERE

REGISTERS = 6
WORD = 0xFFFFFFFF


class Program:
    """Statements on six registers, %r10 to %r15, as PTX and as Python."""

    def __init__(self, seed: int):
        self.random, self.labels = random.Random(seed), 0
        self.tree = self.block(3)

    def block(self, depth: int) -> list[tuple]:
        return [self.statement(depth) for _ in range(self.random.randint(1, 4))]

    def statement(self, depth: int) -> tuple:
        some = self.random.randrange
        kind = self.random.choice(["set", "set", "if", "loop"]) if depth else "set"
        if kind == "set":
            return "set", some(REGISTERS), self.random.choice("+*^"), some(REGISTERS), some(1 << 16)
        if kind == "if":
            other = self.block(depth - 1) if some(2) else []
            return "if", some(REGISTERS), 1 << some(4), self.block(depth - 1), other
        return "loop", some(REGISTERS), self.block(depth - 1)

    def text(self, tree: list[tuple]) -> str:
        return "".join(getattr(self, f"text_{name}")(*rest) for name, *rest in tree)

    def text_set(self, to: int, op: str, a: int, constant: int) -> str:
        name = {"+": "add.u32", "*": "mul.lo.u32", "^": "xor.b32"}[op]
        return f"  {name} %r{10 + to}, %r{10 + a}, {constant};\n"

    def text_if(self, by: int, mask: int, yes: list, no: list) -> str:
        self.labels += 1
        n = self.labels
        head = f"  and.b32 %r20, %r{10 + by}, {mask};\n  setp.eq.u32 %p1, %r20, 0;\n  @%p1 bra $else{n};\n"
        return f"{head}{self.text(yes)}  bra.uni $end{n};\n$else{n}:\n{self.text(no)}$end{n}:\n"

    def text_loop(self, by: int, body: list) -> str:
        """As often as the register's lowest two bits say when it begins; the counter is the loop's own."""
        self.labels += 1
        n = self.labels
        counter = f"%c{n}"
        return (
            f"  .reg .b32 {counter};\n  and.b32 {counter}, %r{10 + by}, 3;\n"
            f"  setp.eq.u32 %p1, {counter}, 0;\n  @%p1 bra $out{n};\n$again{n}:\n{self.text(body)}"
            f"  sub.u32 {counter}, {counter}, 1;\n  setp.ne.u32 %p1, {counter}, 0;\n  @%p1 bra $again{n};\n$out{n}:\n"
        )

    def run(self, tree: list[tuple], r: list[int]) -> None:
        for name, *rest in tree:
            if name == "set":
                to, op, a, constant = rest
                r[to] = {"+": r[a] + constant, "*": r[a] * constant, "^": r[a] ^ constant}[
                    op
                ] & WORD
            elif name == "if":
                by, mask, yes, no = rest
                self.run(yes if r[by] & mask else no, r)
            else:
                by, body = rest
                for _ in range(r[by] & 3):
                    self.run(body, r)


@pytest.mark.parametrize("seed", range(25))
def test_programs_by_chance(cupy, monkeypatch, seed):
    monkeypatch.setattr(grid, "TOGETHER", 64)
    program = Program(seed)
    begin = "".join(f"  mad.lo.u32 %r{10 + k}, %r4, {2 * k + 1}, {k};\n" for k in range(REGISTERS))
    end = "".join(
        f"  xor.b32 %r10, %r10, %r{10 + k};\n  mul.lo.u32 %r10, %r10, 31;\n"
        for k in range(1, REGISTERS)
    )
    text = kernel(
        HERE + begin + program.text(program.tree) + end + "  st.global.u32 [%d3], %r10;", "u64"
    )
    (found,) = launch(text, np.zeros(96, "u4"), grid=2, block=48)
    for thread in range(96):
        r = [(thread * (2 * k + 1) + k) & WORD for k in range(REGISTERS)]
        program.run(program.tree, r)
        for k in range(1, REGISTERS):
            r[0] = (r[0] ^ r[k]) * 31 & WORD
        assert found[thread] == r[0], thread
