"""Conversions of arrays from one dtype to another (see `element.cast`), of any strides: nests that load and store."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...formula.expression import Domain, Expression, symbol
from ...formula.program import Program
from ..elementary.lower import Unsupported
from ..llvm import BITS, Value
from ..runtime.layout import builtin
from ..runtime.process import machine
from ..runtime.recipe import Recipe, noted
from . import arrangement
from .broadcast import load_fit
from .dispatch import nest_module
from .element import cast, dtype_name, unpacked
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
        return cast(value, self.result_names[i])


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
