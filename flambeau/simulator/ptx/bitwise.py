"""Instructions of bits: logic, shifts, counts, fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import native
from .operation import (
    BITWISE,
    Operation,
    allow,
    any_sign,
    instruction,
    key,
    many,
    one,
    same,
    three,
    two,
    unsigned,
    unsupported,
)
from .parser import Instruction


@instruction(*BITWISE)
def _bitwise(i: Instruction) -> Iterator[Operation]:
    yield same(i, any_sign(key(i.modifiers[-1])), BITWISE[i.name])


@instruction("cnot")
def _cnot(i: Instruction) -> Iterator[Operation]:
    kind = unsigned(key(i.modifiers[-1]))
    yield same(i, kind, lambda x: (x == 0).astype(kind))


@instruction("shl", "shr")
def _shifts(i: Instruction) -> Iterator[Operation]:
    """By 32 bits and more too: nothing is left then but the sign."""
    kind = key(i.modifiers[-1])
    kind = kind if kind[0] == "i" and i.name == "shr" else unsigned(kind)
    own, move = np.dtype(kind), np.left_shift if i.name == "shl" else np.right_shift
    by = f"{kind[0]}4" if kind[1] == "4" else "u4"
    d, a, n = i.operands

    def op(x: Any, n: Any) -> Any:
        return move(x, n)

    def narrow(x: Any, n: Any) -> Any:
        return move(x.astype(f"{kind[0]}4"), np.minimum(n, 31).astype(f"{kind[0]}4")).astype(own)

    def long(x: Any, n: Any) -> Any:
        return move(x, n.astype(own))

    chosen = {"2": narrow, "4": op, "8": long}[kind[1]]
    yield Operation([(d, kind)], [(a, kind), (n, by)], two(chosen))


@instruction("shf")
def _funnel(i: Instruction) -> Iterator[Operation]:
    """`.clamp` moves by 32 at most, `.wrap` by the lowest five bits."""
    allow(i, {"l", "r", "wrap", "clamp"})
    move = native.funnel("fshl" if "l" in i.modifiers else "fshr")
    if "wrap" in i.modifiers:
        op: Callable[..., Any] = move
    elif "l" in i.modifiers:
        op = lambda a, b, c: np.where(c > 31, a, move(a, b, c))[()]  # noqa: E731
    else:
        op = lambda a, b, c: np.where(c > 31, b, move(a, b, c))[()]  # noqa: E731
    yield same(i, "u4", op)


@instruction("popc", "clz", "bfind")
def _counts(i: Instruction) -> Iterator[Operation]:
    kind = key(i.modifiers[-1])
    word, u4 = unsigned(kind), np.uint32
    counted = native.bits("ctpop", word) if i.name == "popc" else native.leading(word)

    def find(x: Any) -> Any:
        if kind[0] == "i":
            x = np.where(x.view(kind) < 0, ~x, x)
        zeros = counted(x).astype(u4)
        return np.where(x == 0, u4(0xFFFFFFFF), u4(8 * int(kind[1]) - 1) - zeros)[()]

    op = find if i.name == "bfind" else lambda x: counted(x).astype(u4)
    if i.name == "bfind":
        allow(i, ())
    yield Operation([(i.operands[0], "u4")], [(i.operands[1], word)], one(op))


@instruction("brev")
def _reversed(i: Instruction) -> Iterator[Operation]:
    kind = unsigned(key(i.modifiers[-1]))
    yield same(i, kind, native.bits("bitreverse", kind))


@instruction("bfe")
def _field(i: Instruction) -> Iterator[Operation]:
    kind = key(i.modifiers[-1])
    d, a, b, c = i.operands
    ins = [(a, kind), (b, "u4"), (c, "u4")]
    yield Operation([(d, kind)], ins, three(native.field(kind)))


@instruction("bfi")
def _inserted(i: Instruction) -> Iterator[Operation]:
    kind = unsigned(key(i.modifiers[-1]))
    d, a, b, c, n = i.operands
    op = native.inserted(kind)
    ins = [(a, kind), (b, kind), (c, "u4"), (n, "u4")]
    yield Operation([(d, kind)], ins, many(lambda *x: (op(*x),), 1))


@instruction("prmt")
def _permuted(i: Instruction) -> Iterator[Operation]:
    if i.modifiers != ("b32",):
        raise unsupported(i)
    yield same(i, "u4", native.permuted())


@instruction("lop3")
def _lop3(i: Instruction) -> Iterator[Operation]:
    d, a, b, c, table = i.operands
    wanted = int(table.rstrip("U"), 0)

    def op(a: Any, b: Any, c: Any) -> Any:
        made = a ^ a
        for k in range(8):
            if wanted >> k & 1:
                made = made | ((a if k & 4 else ~a) & (b if k & 2 else ~b) & (c if k & 1 else ~c))
        return made

    yield Operation([(d, "u4")], [(x, "u4") for x in (a, b, c)], three(op))


__all__: list[str] = []
