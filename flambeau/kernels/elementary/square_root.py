"""The square root from an estimate of its reciprocal, where the instruction for the root itself is the slower.

AVX-512's estimate has 14 bits. Goldschmidt's steps double them, for the root and for half of its reciprocal at once; the
last step adds what the root's square lacks, which is exact, and so rounds as the instruction does (Markstein, 1990).
"""

from __future__ import annotations

from ...formula import primitive as p
from ..llvm import Value, any_lane, choose
from ..runtime.process import machine
from .lowering import lowers

_ESTIMATES = {"<16 x float>": ("ps", "i16", 1), "<8 x double>": ("pd", "i8", 2)}
"""Of vectors that have an estimate: the instruction's ending, the type of its mask, and how many steps follow."""
_PLAIN = {"float": (2.0**-100, 2.0**126), "double": (2.0**-900, 2.0**1022)}
"""Between which numbers no step leaves the range of normal ones."""


@lowers(p.sqrt)
def sqrt(x: Value) -> Value:
    code = x.code
    if x.type not in _ESTIMATES or machine().bits != 512:
        return code.intrinsic("sqrt", x)
    root, _ = _by_steps(x)
    place = code.slot(x.type, root)
    with code.when(_strange(x)):
        code.store(code.intrinsic("sqrt", x), place)
    return code.load(place, x.type)


def root_and_half(x: Value) -> tuple[Value, Value]:
    """(root, half): the root, and nearly 0.5 / root, or 0 of 0."""
    code = x.code
    if x.type not in _ESTIMATES or machine().bits != 512:
        return _divided(x)
    made = _by_steps(x)
    places = [code.slot(x.type, value) for value in made]
    with code.when(_strange(x)):
        for place, value in zip(places, _divided(x)):
            code.store(value, place)
    root, half = (code.load(place, x.type) for place in places)
    return root, half


def _divided(x: Value) -> tuple[Value, Value]:
    root = x.code.intrinsic("sqrt", x)
    return root, 0.5 / choose(root > 0.0, root, x.like(float("inf")))


def _strange(x: Value) -> Value:
    """Are there lanes that the steps do not serve?"""
    low, high = _PLAIN[x.element]
    return any_lane(~((x >= low) & (x <= high)))


def _by_steps(x: Value) -> tuple[Value, Value]:
    suffix, mask, steps = _ESTIMATES[x.type]
    name = x.code.declare(x.type, f"llvm.x86.avx512.rsqrt14.{suffix}.512", x.type, x.type, mask)
    given = f"{x.type} {x.name}, {x.type} zeroinitializer, {mask} -1"
    estimate = x.code.emit(f"call {x.type} @{name}({given})", x.type)
    root, half = x * estimate, estimate * 0.5
    for _ in range(steps):
        lacks = (-root).fma(half, 0.5)
        root, half = root.fma(lacks, root), half.fma(lacks, half)
    return (-root).fma(root, x).fma(half, root), half
