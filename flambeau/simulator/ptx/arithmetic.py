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
    CARRY,
    MAKERS,
    Operation,
    allow,
    any_sign,
    instruction,
    is_float,
    key,
    many,
    one,
    same,
    two,
    unsigned,
    unsupported,
)
from .parser import Instruction

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
    return same(i, kind, op)


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
    yield same(i, kind, lambda x: op(x.astype(np.float64)).astype(own))


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
    if i.modifiers[-2:-1] == ("f32",) and len(i.modifiers) >= 2 and is_float(i.modifiers[-1]):
        yield _mixed(i)
    elif is_float(i.modifiers[-1]):
        yield _floats(i)
    elif "cc" in i.modifiers:
        yield _carried(i)
    elif "sat" in i.modifiers:
        yield _saturated_sum(i)
    else:
        allow(i, ())
        yield same(i, any_sign(key(i.modifiers[-1])), _ALL[i.name])


def _saturated_sum(i: Instruction) -> Operation:
    if i.modifiers != ("sat", "s32"):
        raise unsupported(i)
    op, ends = _ALL[i.name], np.iinfo(np.int32)

    def held(a: Any, b: Any) -> Any:
        wide = op(a.astype(np.int64), b.astype(np.int64))
        return np.clip(wide, ends.min, ends.max).astype(np.int32)

    return same(i, "i4", held)


@instruction("addc", "subc")
def _carries(i: Instruction) -> Iterator[Operation]:
    yield _carried(i)


def _carried(i: Instruction) -> Operation:
    """Sums and differences of long numbers, word by word: the flag is a register of its own."""
    allow(i, {"cc"})
    kind = unsigned(key(i.modifiers[-1]))
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
    if is_float(type):
        yield _floats(i)
        return
    allow(i, {"lo", "hi", "wide"})
    kind, mode = key(type), i.modifiers[0]
    d, a, b, *c = i.operands
    if mode == "lo":
        yield same(i, any_sign(kind), operator.mul if not c else lambda a, b, c: a * b + c)
    elif mode == "hi":
        high = _high(kind)
        yield same(i, kind, high if not c else lambda a, b, c: high(a, b) + c)
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
    if is_float(i.modifiers[-1]):
        yield _floats(i)
    else:
        allow(i, ())
        yield same(i, key(i.modifiers[-1]), native.divided("div", key(i.modifiers[-1])))


@instruction("rem")
def _remainders(i: Instruction) -> Iterator[Operation]:
    allow(i, ())
    yield same(i, key(i.modifiers[-1]), native.divided("rem", key(i.modifiers[-1])))


@instruction("min", "max")
def _extremes(i: Instruction) -> Iterator[Operation]:
    type = i.modifiers[-1]
    if is_float(type):
        yield _floats(i)
    else:
        allow(i, ())
        op = np.minimum if i.name == "min" else np.maximum
        if type.endswith("x2"):
            kind = key(type.removesuffix("x2"))
            yield same(i, "u4", halves.packed(op, kind))
        else:
            yield same(i, key(type), op)


@instruction("neg", "abs")
def _signs(i: Instruction) -> Iterator[Operation]:
    if is_float(i.modifiers[-1]):
        yield _floats(i)
    else:
        allow(i, ())
        yield same(i, key(i.modifiers[-1]), _ALL[i.name])


@instruction("sad")
def _sad(i: Instruction) -> Iterator[Operation]:
    yield same(i, key(i.modifiers[-1]), lambda a, b, c: np.maximum(a, b) - np.minimum(a, b) + c)


__all__: list[str] = []
