"""Conversions of arrays from one dtype to another, of any strides: a nest that loads, converts and stores.

Floats become integers as C does it, towards zero; all but 0 is true. The half types are rounded once from float32 and from
float64 (bfloat16 by way of float32, as PyTorch does), and of integers by way of float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...formula.expression import Domain, Expression, symbol
from ...formula.program import Program
from ..elementary.lower import Unsupported
from ..llvm import BITS, Value, choose
from ..runtime.layout import builtin
from ..runtime.process import machine
from ..runtime.recipe import Recipe, noted
from . import arrangement
from .broadcast import load_fit
from .dispatch import nest_module
from .element import dtype_name, packed, unpacked
from .strided import StridedNest
from .strided_entry import StridedEntryPoint


class ConvertNest(StridedNest):
    """A nest without arithmetic."""

    def __init__(self, source: Any, target: Any):
        x = symbol("x", Domain.REAL)
        names = dtype_name(source), dtype_name(target)
        compute = np.dtype(np.float64 if "64" in names[0] + names[1] else np.float32)
        super().__init__(Program((x,), (x,)), [source], compute, [target], machine().bits, False)
        self.lanes = machine().bits // max(BITS[self.inputs[0]], BITS[self.results[0]])

    def check(self) -> None:
        """Nothing is to be computed."""

    def loaded(self, value: Value, k: int, x: Expression) -> Value:
        return unpacked(value, self.input_names[k])

    def stored(self, value: Value, i: int) -> Value:
        name = self.result_names[i]
        if name == "bool":
            return value.convert("i1").convert("i8")
        if name in ("float16", "bfloat16"):
            if value.element == "double":
                value = _to_odd(value) if name == "float16" else value.convert("float")
            return packed(value, name)
        if value.is_float and not name.startswith("float"):
            return value.convert("i64" if name == "int64" else "i32").convert(self.results[i])
        return value.convert(self.results[i])


def _to_odd(x: Value) -> Value:
    """float64 as float32, towards zero and with the last bit set if anything is lost: what is rounded to fewer bits from
    there is rounded once."""
    near = x.convert("float")
    back = near.convert("double")
    too_far = back.abs().compare("", "ogt", x.abs())
    bits = near.bits()
    short = choose(too_far, bits - 1, bits)
    lost = back.compare("", "one", x)
    return choose(lost, short | 1, short).cast_bits("float")


def _module_text(source: Any, target: Any, into: bool) -> str:
    nest = ConvertNest(source, target)
    return nest_module(nest, lambda module: StridedEntryPoint(nest, module, into))


class _Fallback:
    """What the machine code is not made for: NumPy's conversion. The first call brings what strided arrays need."""

    carries_recipe = True
    recipe: Recipe
    kernel: Callable

    def __init__(self, plain: Callable):
        self.plain = plain

    def __call__(self, *given: Any) -> Any:
        return self.kernel(*given) if arrangement.load() else self.plain(*given)


@cache
def _built(source: Any, target: Any, into: bool) -> Callable | None:
    def made(x: Any) -> Any:
        return x.astype(target)

    plain = _written if into else made
    try:
        text = _module_text(source, target, into)
    except Unsupported:
        return None
    load_fit()
    fallback = _Fallback(plain)
    recipe = Recipe(
        lambda: _module_text(source, target, into), lambda: ConvertNest(source, target), int(into)
    )
    name = f"convert_to_{target.name}"
    kernel = fallback.kernel = builtin(name, machine().address(text), noted(fallback, recipe))
    return kernel


def _written(target: Any, source: Any) -> Any:
    np.copyto(target, source, casting="unsafe")
    return target


_BY_NUMBER: dict[tuple[int, int], Any] = {}
_INTO: dict[tuple[int, int], Callable] = {}


def converted(x: Any, dtype: Any) -> Any:
    """A NumPy array in another dtype, in the order of its memory; None where there is no machine code for it."""
    key = x.dtype.num, dtype.num
    found = _BY_NUMBER.get(key, _BY_NUMBER)
    if found is _BY_NUMBER:
        found = _BY_NUMBER[key] = _built(x.dtype, dtype, False)
    return None if found is None else found(x)


def copy_into(target: Any, source: Any) -> None:
    """np.copyto of two arrays, converting: broadcast, or of any strides."""
    key = source.dtype.num, target.dtype.num
    found = _INTO.get(key)
    if found is None:
        found = _INTO[key] = _built(source.dtype, target.dtype, True) or _written
    found(target, source)

