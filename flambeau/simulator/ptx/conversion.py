"""`cvt`: from one type of number to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import halves, native
from .operation import Operation, instruction, key, one, two, unsupported
from .parser import WIDTHS, Instruction

_WHOLE: dict[str, Callable[..., Any]] = {
    "rni": np.rint,
    "rzi": np.trunc,
    "rmi": np.floor,
    "rpi": np.ceil,
}
_FLOATS = ("f16", "bf16", "f32", "f64")


@instruction("cvt")
def _cvt(i: Instruction) -> Iterator[Operation]:
    target, source = i.modifiers[-2:]
    how = set(i.modifiers[:-2])
    if how - {"rn", "sat", *_WHOLE} or ("sat" in how and target != "f32"):
        raise unsupported(i)
    if target in ("f16x2", "bf16x2"):
        yield _two_halves(i, target)
    elif target in WIDTHS and source in WIDTHS and target != "pred":
        yield _plain(i, target, source, how)
    else:
        raise unsupported(i)


def _two_halves(i: Instruction, target: str) -> Operation:
    """Two float32 in one word, the first of them as its upper half."""
    if i.modifiers != ("rn", target, "f32"):
        raise unsupported(i)

    def short(x: Any) -> Any:
        found = halves.to_float16(x).view(np.uint16) if target == "f16x2" else halves.to_bfloat16(x)
        return found.astype(np.uint32)

    d, a, b = i.operands
    op = lambda a, b: (short(a) << np.uint32(16)) | short(b)  # noqa: E731
    return Operation([(d, "u4")], [(a, "f4"), (b, "f4")], two(op))


def _plain(i: Instruction, target: str, source: str, how: set[str]) -> Operation:
    whole = next((_WHOLE[name] for name in how if name in _WHOLE), None)
    if source in _FLOATS:
        read, widen = (key(source), None) if source != "bf16" else ("u2", halves.from_bfloat16)
        convert = (
            _to_float(i, target, source) if target in _FLOATS else _to_integer(i, target, source)
        )
        steps = [step for step in (widen, whole, convert) if step is not None]
    else:
        read = f"u{max(2, WIDTHS[source])}" if WIDTHS[source] < 2 else key(source).replace("b", "u")
        steps = [_narrowed(source)] if WIDTHS[source] < 2 else []
        steps.append(_of_integer(i, target, source))
    if "sat" in how:
        steps.append(lambda x: np.where(x > 0, np.minimum(x, np.float32(1)), np.float32(0))[()])
    written = "u2" if target == "bf16" else f"{key(target)[0]}{max(2, WIDTHS[target])}"
    return Operation(
        [(i.operands[0], written)],
        [(i.operands[1], read)],
        one(_chain(steps)),
        computes=written[0] == "f",
    )


def _chain(steps: list[Callable[..., Any]]) -> Callable[..., Any]:
    if len(steps) == 1:
        return steps[0]

    def run(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return run


def _cast(kind: str) -> Callable[..., Any]:
    dtype = np.dtype(kind)
    return lambda x: x.astype(dtype)


def _narrowed(source: str) -> Callable[..., Any]:
    """Bytes live in longer registers."""
    return _cast("i1" if source[0] == "s" else "u1")


def _to_float(i: Instruction, target: str, source: str) -> Callable[..., Any]:
    if target == "f16":
        return halves.to_float16
    if target == "bf16":
        if source == "f64":
            return halves.double_to_bfloat16
        return lambda x: halves.to_bfloat16(x.astype(np.float32))
    return _cast(key(target))


def _to_integer(i: Instruction, target: str, source: str) -> Callable[..., Any]:
    """Held at the type's ends."""
    wide = "f8" if source == "f64" else "f4"
    kind = key(target).replace("b", "u")
    if WIDTHS[target] >= 4:
        held = native.saturated(wide, kind)
        return held if source in ("f32", "f64") else lambda x: held(x.astype(wide))
    ends, word = np.iinfo(kind), native.saturated("f8" if wide == "f8" else "f4", "i4")
    register = np.dtype(f"{kind[0]}2")
    return lambda x: np.clip(
        word(np.nan_to_num(x.astype(wide), nan=0.0)), ends.min, ends.max
    ).astype(register)


def _of_integer(i: Instruction, target: str, source: str) -> Callable[..., Any]:
    if target == "f16":
        return lambda x: halves.to_float16(x.astype(np.float64))
    if target == "bf16":
        if WIDTHS[source] > 4:
            raise unsupported(i)
        return lambda x: halves.double_to_bfloat16(x.astype(np.float64))
    if target in _FLOATS:
        return _cast(key(target))
    kind = key(target).replace("b", "u")
    if WIDTHS[target] >= 2:
        return _cast(kind)
    register = np.dtype(f"{kind[0]}2")  # the byte, extended by its own sign
    return lambda x: x.astype(kind).astype(register)


__all__: list[str] = []
