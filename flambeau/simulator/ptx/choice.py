"""Comparisons, choices and copies."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import halves
from .operation import (
    BITWISE,
    Operation,
    allow,
    any_sign,
    copied,
    instruction,
    is_float,
    key,
    many,
    one,
    three,
    two,
    unsupported,
)
from .parser import Instruction, listed
from .space import WINDOWS

_COMPARED: dict[str, Callable[..., Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "lo": operator.lt,
    "ls": operator.le,
    "hi": operator.gt,
    "hs": operator.ge,
}
_NOT = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt"}


def _comparison(name: str, is_float: bool) -> Callable[..., Any]:
    if not is_float:
        return _COMPARED[name]
    if name == "nan":
        return lambda a, b: (a != a) | (b != b)
    if name == "num":
        return lambda a, b: (a == a) & (b == b)
    if name == "ne":
        return lambda a, b: (a < b) | (a > b)
    if name == "neu":
        return operator.ne
    if name == "equ":
        return lambda a, b: ~((a < b) | (a > b))
    if name.endswith("u"):  # unordered: not the opposite
        opposite = _COMPARED[_NOT[name[:-1]]]
        return lambda a, b: ~opposite(a, b)
    return _COMPARED[name]


def _typed_comparison(i: Instruction, name: str, type: str) -> tuple[Callable[..., Any], str]:
    compare = _comparison(name, is_float(type))
    if type == "bf16":
        return halves.compared(compare), "u2"
    kind = key(type)
    return compare, any_sign(kind) if name in ("eq", "ne") and kind[0] != "f" else kind


def _concrete(kind: str) -> str:
    """Comparisons have no result to take an open type from."""
    return kind.replace("n", "u").replace("b", "u")


@instruction("setp")
def _setp(i: Instruction) -> Iterator[Operation]:
    type, (name, *joined) = i.modifiers[-1], i.modifiers[:-1]
    if {*joined} - {"and", "or", "xor"} or type.endswith("x2"):
        raise unsupported(i)
    compare, kind = _typed_comparison(i, name, type)
    kind = _concrete(kind)
    d, a, b, *c = i.operands
    yes, _, no = d.partition("|")
    if not joined and not no:
        yield Operation([(yes, "?")], [(a, kind), (b, kind)], two(compare))
        return
    join = BITWISE[joined[0]] if joined else None

    def op(a: Any, b: Any, *c: Any) -> tuple[Any, ...]:
        found = compare(a, b)
        results = (found, ~found) if no else (found,)
        return tuple(join(x, c[0]) for x in results) if join else results

    outs = [(name, "?") for name in (yes, no) if name]
    ins = [(a, kind), (b, kind)] + [(x, "?") for x in c]
    yield Operation(outs, ins, many(op, len(outs)))


@instruction("set")
def _set(i: Instruction) -> Iterator[Operation]:
    """All ones, or 1.0, where it holds; 0 elsewhere."""
    if len(i.modifiers) != 3 or len(i.operands) != 3 or i.modifiers[-1].endswith("x2"):
        raise unsupported(i)
    name, target, source = i.modifiers
    compare, kind = _typed_comparison(i, name, source)
    kind = _concrete(kind)
    own = np.dtype(key(target).replace("b", "u"))
    yes = own.type(1) if own.kind == "f" else ~own.type(0)

    def op(a: Any, b: Any) -> Any:
        return np.where(compare(a, b), yes, own.type(0))[()]

    d, a, b = i.operands
    yield Operation([(d, own.str[1:])], [(a, kind), (b, kind)], two(op))


def _chosen(a: Any, b: Any, p: Any) -> Any:
    if type(p) is np.ndarray:
        return np.where(p, a, b)
    return a if p else b


def _word(type: str) -> str:
    """A type of which only the width matters."""
    kind = key(type)
    return f"b{kind[1]}" if kind[0] in "biu" else kind


@instruction("selp")
def _selp(i: Instruction) -> Iterator[Operation]:
    kind = _word(i.modifiers[-1])
    d, a, b, p = i.operands
    yield Operation([(d, kind)], [(a, kind), (b, kind), (p, "?")], three(_chosen))


@instruction("slct")
def _slct(i: Instruction) -> Iterator[Operation]:
    allow(i, ("ftz",), i.modifiers[:-2])
    kind, test = _word(i.modifiers[-2]), key(i.modifiers[-1])
    d, a, b, c = i.operands
    ins = [(a, kind), (b, kind), (c, test)]
    yield Operation([(d, kind)], ins, three(lambda a, b, c: _chosen(a, b, c >= 0)))


@instruction("mov")
def _mov(i: Instruction) -> Iterator[Operation]:
    d, a = i.operands
    type = i.modifiers[-1]
    width = int(type[1:]) // 8 if type != "pred" else 1
    if d.startswith("{"):
        yield _unpacked(listed(d), a, width)
    elif a.startswith("{"):
        yield _packed(d, listed(a), width)
    else:
        kind = _word(type)
        yield Operation([(d, kind)], [(a, kind)], copied)


def _unpacked(parts: list[str], whole: str, width: int) -> Operation:
    short, bits = np.dtype(f"u{width // len(parts)}"), 8 * width // len(parts)
    word = np.dtype(f"u{width}").type

    def op(x: Any) -> tuple[Any, ...]:
        return tuple((x >> word(bits * k)).astype(short) for k in used)

    used = [k for k, part in enumerate(parts) if part != "_"]
    outs = [(parts[k], short.str[1:]) for k in used]
    return Operation(outs, [(whole, f"u{width}")], many(op, len(outs)))


def _packed(whole: str, parts: list[str], width: int) -> Operation:
    short, bits = f"u{width // len(parts)}", 8 * width // len(parts)
    long = np.dtype(f"u{width}")

    def op(*items: Any) -> tuple[Any, ...]:
        made = items[0].astype(long)
        for k, item in enumerate(items[1:], 1):
            made = made | (item.astype(long) << long.type(bits * k))
        return (made,)

    return Operation([(whole, f"u{width}")], [(x, short) for x in parts], many(op, 1))


@instruction("cvta")
def _cvta(i: Instruction) -> Iterator[Operation]:
    """Addresses of shared and local memory have a window each among the generic ones."""
    d, a = i.operands
    spaces = [m for m in i.modifiers if m in WINDOWS]
    base = np.int64(WINDOWS[spaces[0]] if spaces else 0)
    if not base:
        yield Operation([(d, "b8")], [(a, "b8")], copied)
    elif "to" in i.modifiers:
        yield Operation([(d, "i8")], [(a, "i8")], one(lambda x: x - base))
    else:
        yield Operation([(d, "i8")], [(a, "i8")], one(lambda x: x + base))


__all__: list[str] = []
