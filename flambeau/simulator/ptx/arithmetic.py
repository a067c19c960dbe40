"""Instructions from registers to registers: arithmetic, bits, comparisons and choices.

Floats are computed in their own width and rounded to the nearest; denormal numbers are kept. Other roundings are refused.
Approximations (`ex2.approx` and so on) are better here than on a GPU: rounded from float64.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import halves, native
from .operation import (
    MAKERS,
    Operation,
    allow,
    copied,
    instruction,
    key,
    many,
    one,
    three,
    two,
    unsupported,
)
from .parser import Instruction, listed


def _same(i: Instruction, kind: str, op: Callable[..., Any]) -> Operation:
    """An operation whose operands and result have one type."""
    out, *ins = i.operands
    step = MAKERS[len(ins)](op)
    return Operation([(out, kind)], [(x, kind) for x in ins], step, computes=kind[0] == "f")


def _open(kind: str) -> str:
    """An integer's type where its sign does not matter."""
    return kind if kind in ("?", "f2", "f4", "f8") else f"n{kind[1]}"


def _unsigned(kind: str) -> str:
    return f"u{kind[1]}"


# ------------------------------------------------------------------------------------ floats


def _held(op: Callable[..., Any]) -> Callable[..., Any]:
    """`.sat`: held between 0 and 1, a NaN as 0."""

    def saturated(*items: Any) -> Any:
        value = op(*items)
        return np.where(value > 0, np.minimum(value, value.dtype.type(1)), value.dtype.type(0))[()]

    return saturated


def _divided(a: Any, b: Any) -> Any:
    return a / b


def _reciprocal(x: Any) -> Any:
    return x.dtype.type(1) / x


def _extreme(name: str, keeps_nan: bool, kind: str) -> Callable[..., Any]:
    full = f"{name}imum" + ("" if keeps_nan else "num")
    if kind != "f2":
        return native.extreme(full, kind)
    wide = native.extreme(full, "f4")
    return lambda *items: halves.to_float16(wide(*(x.astype(np.float32) for x in items)))


def _half_fma(a: Any, b: Any, c: Any) -> Any:
    return halves.fma_float16(a, b, c)


_ALL: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": _divided,
    "sqrt": np.sqrt,
    "rcp": _reciprocal,
    "neg": np.negative,
    "abs": np.abs,
}
_ALLOWED = {"rn", "noftz", "full", "approx", "sat", "NaN"}


def _float_function(name: str, kind: str, modifiers: set[str]) -> Callable[..., Any]:
    if name in ("min", "max"):
        return _extreme(name, "NaN" in modifiers, kind)
    if name in ("fma", "mad"):
        return _half_fma if kind == "f2" else native.fma(kind)
    return _ALL[name]


def _brain_function(name: str, modifiers: set[str]) -> Callable[..., Any]:
    if name == "fma":
        return halves.fma_bfloat16
    if name == "neg":
        return lambda x: x ^ np.uint16(0x8000)
    if name == "abs":
        return lambda x: x & np.uint16(0x7FFF)
    return halves.in_bfloat16(_float_function(name, "f4", modifiers))


def _floats(i: Instruction) -> Operation:
    """An instruction of floats of one type, or of the two halves of words."""
    type, modifiers = i.modifiers[-1], set(i.modifiers[:-1])
    allow(i, _ALLOWED)
    packed = type.endswith("x2")
    base = type.removesuffix("x2")
    if base == "bf16":
        op, kind = _brain_function(i.name, modifiers), "u2"
    else:
        kind = key(base)
        op = _float_function(i.name, kind, modifiers)
    if "sat" in modifiers:
        op = _held(op)
    if packed:
        op, kind = halves.packed(op, kind), "u4"
    return _same(i, kind, op)


def _mixed(i: Instruction) -> Operation:
    """`add.f32.f16 d, a, c`: a is widened, and with it in `fma` b."""
    allow(i, {"rn"}, i.modifiers[:-2])
    short = i.modifiers[-1]
    widen = halves.from_bfloat16 if short == "bf16" else (lambda x: x.astype(np.float32))
    out, *ins = i.operands
    fused = native.fma("f4") if i.name == "fma" else None

    def op(a: Any, *rest: Any) -> Any:
        if fused is not None:
            return fused(widen(a), widen(rest[0]), rest[1])
        return widen(a) + rest[0] if i.name == "add" else widen(a) - rest[0]

    kinds = [key(short)] * (len(ins) - 1) + ["f4"]
    return Operation(
        [(out, "f4")], list(zip(ins, kinds, strict=True)), MAKERS[len(ins)](op), computes=True
    )


def _is_float(type: str) -> bool:
    return type.startswith(("f", "bf"))


@instruction("fma", "sqrt", "rcp")
def _only_floats(i: Instruction) -> Iterator[Operation]:
    yield _mixed(i) if i.modifiers[-2:-1] == ("f32",) else _floats(i)


_APPROXIMATE: dict[str, Callable[..., Any]] = {
    "ex2": np.exp2,
    "lg2": np.log2,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "rsqrt": lambda x: 1 / np.sqrt(x),
}


@instruction(*_APPROXIMATE)
def _approximations(i: Instruction) -> Iterator[Operation]:
    allow(i, {"approx", "ftz"})
    kind = key(i.modifiers[-1])
    if kind not in ("f2", "f4", "f8") or i.modifiers[-1] == "bf16":
        raise unsupported(i)
    op, own = _APPROXIMATE[i.name], np.dtype(kind)
    yield _same(i, kind, lambda x: op(x.astype(np.float64)).astype(own))


@instruction("copysign")
def _copysign(i: Instruction) -> Iterator[Operation]:
    kind = key(i.modifiers[-1])
    (d, a, b) = i.operands  # b with the sign of a, whose bits are read: a NaN's sign too
    bits, own = f"u{kind[1]}", np.dtype(kind)
    sign = np.dtype(bits).type(1 << 8 * own.itemsize - 1)

    def op(a: Any, b: Any) -> Any:
        return ((a & sign) | (b & ~sign)).view(own)

    yield Operation([(d, kind)], [(a, bits), (b, bits)], two(op))


@instruction("testp")
def _testp(i: Instruction) -> Iterator[Operation]:
    kind = key(i.modifiers[-1])
    least = np.finfo(kind).smallest_normal
    tests: dict[str, Callable[..., Any]] = {
        "finite": np.isfinite,
        "infinite": np.isinf,
        "notanumber": np.isnan,
        "number": lambda x: ~np.isnan(x),
        "normal": lambda x: np.isfinite(x) & (np.abs(x) >= least),
        "subnormal": lambda x: (np.abs(x) < least) & (x != 0),
    }
    yield Operation([(i.operands[0], "?")], [(i.operands[1], kind)], one(tests[i.modifiers[0]]))


# ---------------------------------------------------------------------------------- integers


@instruction("add", "sub")
def _sums(i: Instruction) -> Iterator[Operation]:
    if i.modifiers[-2:-1] == ("f32",) and len(i.modifiers) >= 2 and _is_float(i.modifiers[-1]):
        yield _mixed(i)
    elif _is_float(i.modifiers[-1]):
        yield _floats(i)
    elif "cc" in i.modifiers:
        yield _carried(i)
    elif "sat" in i.modifiers:
        yield _saturated_sum(i)
    else:
        allow(i, ())
        yield _same(i, _open(key(i.modifiers[-1])), _ALL[i.name])


def _saturated_sum(i: Instruction) -> Operation:
    if i.modifiers != ("sat", "s32"):
        raise unsupported(i)
    op, ends = _ALL[i.name], np.iinfo(np.int32)

    def held(a: Any, b: Any) -> Any:
        wide = op(a.astype(np.int64), b.astype(np.int64))
        return np.clip(wide, ends.min, ends.max).astype(np.int32)

    return _same(i, "i4", held)


CARRY = "%carry.flag"


@instruction("addc", "subc")
def _carries(i: Instruction) -> Iterator[Operation]:
    yield _carried(i)


def _carried(i: Instruction) -> Operation:
    """Sums and differences of long numbers, word by word: the flag is a register of its own."""
    allow(i, {"cc"})
    kind = _unsigned(key(i.modifiers[-1]))
    takes, gives, adds = i.name.endswith("c"), "cc" in i.modifiers, i.name.startswith("add")
    one_more = np.dtype(kind).type(1)

    def op(a: Any, b: Any, *carry: Any) -> tuple[Any, ...]:
        z = a + b if adds else a - b
        out = z < a if adds else a < b
        if carry:
            full = np.iinfo(kind).max if adds else 0
            out = out | (carry[0] & (z == full))
            z = np.where(carry[0], z + one_more if adds else z - one_more, z)[()]
        return (z, out) if gives else (z,)

    d, *ins = i.operands
    operands = [(x, kind) for x in ins] + [(CARRY, "?")] * takes
    outs = [(d, kind)] + [(CARRY, "?")] * gives
    return Operation(outs, operands, many(op, len(outs)))


def _wide(kind: str) -> str:
    return f"{kind[0]}{2 * int(kind[1])}"


@instruction("mul", "mad")
def _products(i: Instruction) -> Iterator[Operation]:
    type = i.modifiers[-1]
    if _is_float(type):
        yield _floats(i)
        return
    allow(i, {"lo", "hi", "wide"})
    kind, mode = key(type), i.modifiers[0]
    d, a, b, *c = i.operands
    if mode == "lo":
        yield _same(i, _open(kind), operator.mul if not c else lambda a, b, c: a * b + c)
    elif mode == "hi":
        high = _high(kind)
        yield _same(i, kind, high if not c else lambda a, b, c: high(a, b) + c)
    else:
        wide = np.dtype(_wide(kind))

        def op(a: Any, b: Any, *c: Any) -> Any:
            product = a.astype(wide) * b.astype(wide)
            return product + c[0] if c else product

        ins = [(a, kind), (b, kind)] + [(x, wide.str[1:]) for x in c]
        yield Operation([(d, wide.str[1:])], ins, MAKERS[len(ins)](op))


def _high(kind: str) -> Callable[..., Any]:
    if kind[1] == "8":
        return native.high(kind)
    wide, own = np.dtype(_wide(kind)), np.dtype(kind)
    by = wide.type(8 * own.itemsize)
    return lambda a, b: ((a.astype(wide) * b.astype(wide)) >> by).astype(own)


@instruction("div")
def _quotients(i: Instruction) -> Iterator[Operation]:
    if _is_float(i.modifiers[-1]):
        yield _floats(i)
    else:
        allow(i, ())
        yield _same(i, key(i.modifiers[-1]), native.divided("div", key(i.modifiers[-1])))


@instruction("rem")
def _remainders(i: Instruction) -> Iterator[Operation]:
    allow(i, ())
    yield _same(i, key(i.modifiers[-1]), native.divided("rem", key(i.modifiers[-1])))


@instruction("min", "max")
def _extremes(i: Instruction) -> Iterator[Operation]:
    type = i.modifiers[-1]
    if _is_float(type):
        yield _floats(i)
    else:
        allow(i, ())
        op = np.minimum if i.name == "min" else np.maximum
        if type.endswith("x2"):
            kind = key(type.removesuffix("x2"))
            yield _same(i, "u4", halves.packed(op, kind))
        else:
            yield _same(i, key(type), op)


@instruction("neg", "abs")
def _signs(i: Instruction) -> Iterator[Operation]:
    if _is_float(i.modifiers[-1]):
        yield _floats(i)
    else:
        allow(i, ())
        yield _same(i, key(i.modifiers[-1]), _ALL[i.name])


@instruction("sad")
def _sad(i: Instruction) -> Iterator[Operation]:
    yield _same(i, key(i.modifiers[-1]), lambda a, b, c: np.maximum(a, b) - np.minimum(a, b) + c)


# -------------------------------------------------------------------------------------- bits

_BITWISE: dict[str, Callable[..., Any]] = {
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "not": np.invert,
}


@instruction(*_BITWISE)
def _bitwise(i: Instruction) -> Iterator[Operation]:
    yield _same(i, _open(key(i.modifiers[-1])), _BITWISE[i.name])


@instruction("cnot")
def _cnot(i: Instruction) -> Iterator[Operation]:
    kind = _unsigned(key(i.modifiers[-1]))
    yield _same(i, kind, lambda x: (x == 0).astype(kind))


@instruction("shl", "shr")
def _shifts(i: Instruction) -> Iterator[Operation]:
    """By 32 bits and more too: nothing is left then but the sign."""
    kind = key(i.modifiers[-1])
    kind = kind if kind[0] == "i" and i.name == "shr" else _unsigned(kind)
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
    yield _same(i, "u4", op)


@instruction("popc", "clz", "bfind")
def _counts(i: Instruction) -> Iterator[Operation]:
    kind = key(i.modifiers[-1])
    word, u4 = _unsigned(kind), np.uint32
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
    kind = _unsigned(key(i.modifiers[-1]))
    yield _same(i, kind, native.bits("bitreverse", kind))


@instruction("bfe")
def _field(i: Instruction) -> Iterator[Operation]:
    kind = key(i.modifiers[-1])
    d, a, b, c = i.operands
    ins = [(a, kind), (b, "u4"), (c, "u4")]
    yield Operation([(d, kind)], ins, three(native.field(kind)))


@instruction("bfi")
def _inserted(i: Instruction) -> Iterator[Operation]:
    kind = _unsigned(key(i.modifiers[-1]))
    d, a, b, c, n = i.operands
    op = native.inserted(kind)
    ins = [(a, kind), (b, kind), (c, "u4"), (n, "u4")]
    yield Operation([(d, kind)], ins, many(lambda *x: (op(*x),), 1))


@instruction("prmt")
def _permuted(i: Instruction) -> Iterator[Operation]:
    if i.modifiers != ("b32",):
        raise unsupported(i)
    yield _same(i, "u4", native.permuted())


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


# ------------------------------------------------------------------- comparisons and choices

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
    compare = _comparison(name, _is_float(type))
    if type == "bf16":
        return halves.compared(compare), "u2"
    kind = key(type)
    return compare, _open(kind) if name in ("eq", "ne") and kind[0] != "f" else kind


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
    join = _BITWISE[joined[0]] if joined else None

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


# ------------------------------------------------------------------------------------ copies


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
    from .space import WINDOWS

    d, a = i.operands
    spaces = [m for m in i.modifiers if m in WINDOWS]
    base = np.int64(WINDOWS[spaces[0]] if spaces else 0)
    if not base:
        yield Operation([(d, "b8")], [(a, "b8")], copied)
    elif "to" in i.modifiers:
        yield Operation([(d, "i8")], [(a, "i8")], one(lambda x: x - base))
    else:
        yield Operation([(d, "i8")], [(a, "i8")], one(lambda x: x + base))


__all__ = ["CARRY"]
