"""Definitions of operations, for arrays without elements: the same code with other functions in NumPy's place.

A definition is a Python function that calls NumPy. For meta tensors it is made again with the same code and
other globals (`twin`): arrays that it makes have no elements either, and what has a kernel takes the
form that is written with NumPy. Nothing of this is there until the device meta is first used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ... import kernels
from .array import MetaArray
from .kernel import KERNELS, MAKES

_PACKAGE = __name__.partition(".")[0]
_TWINNED = tuple(
    f"{_PACKAGE}.{name}."
    for name in ("ops", "formula", "core.random", "core.layout", "dispatch.rule")
)


class _Kernels:
    """`flambeau.kernels` and its modules, as a twin sees them: off, and what makes arrays makes them without elements."""

    def __init__(self, module: ModuleType):
        self._module = module

    def enabled(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        made = MAKES.get(f"{self._module.__name__}.{name}")
        return exchanged(getattr(self._module, name)) if made is None else made


_twins: dict[Any, Any] = {}
numpy: Any = None
"""What definitions see as NumPy."""


def exchanged(value: Any) -> Any:
    """What stands in a twin's globals for a value."""
    if value is np:
        return numpy
    if isinstance(value, ModuleType):
        return _Kernels(value) if value.__name__.startswith(f"{_PACKAGE}.kernels") else value
    if isinstance(value, kernels.Native):
        return twin(value.plain)
    place = f"{getattr(value, '__module__', None)}.{getattr(value, '__name__', None)}"
    known = MAKES.get(place) or KERNELS.get(place.removeprefix(f"{_PACKAGE}."))
    if known is not None:
        return known
    inner = getattr(value, "__wrapped__", None)
    if isinstance(inner, FunctionType) and not isinstance(value, FunctionType):
        made = twin(inner)  # functools.cache: another answer, not to be kept with the others
        made.__wrapped__ = made  # type: ignore[attr-defined]
        return made
    if isinstance(value, FunctionType) and (value.__module__ + ".").startswith(_TWINNED):
        return twin(value)
    return value


def twin(function: Callable) -> Callable:
    """A function again, whose code meets arrays without elements where it asks for NumPy."""
    if isinstance(function, functools.partial):
        return functools.partial(twin(function.func), *function.args, **function.keywords)
    if not isinstance(function, FunctionType):
        return exchanged(function)
    made = _twins.get(function)
    if made is None:
        outer = function.__globals__
        scope = {name: outer.get(name) for name in ("__builtins__", "__name__", "__package__")}
        scope["__spec__"] = outer.get("__spec__")
        closure = function.__closure__
        cells = None if closure is None else tuple(_cell(cell) for cell in closure)
        made = FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__, cells
        )
        made.__kwdefaults__ = function.__kwdefaults__
        _twins[function] = made
        for name in _names(function.__code__):
            if name in outer:
                scope[name] = exchanged(outer[name])
        for cell in cells or ():
            _fill(cell)
    return made


def _cell(cell: Any) -> Any:
    made = type(cell)()
    with suppress(ValueError):  # an empty one
        made.cell_contents = cell.cell_contents
    return made


def _fill(cell: Any) -> None:
    with suppress(ValueError):
        cell.cell_contents = exchanged(cell.cell_contents)


def _names(code: CodeType) -> Iterator[str]:
    """The names that code asks its globals for, that of functions within it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def has_meta(given: tuple) -> bool:
    """Is there an array without elements, or a tensor of such, among arguments?"""
    for x in given:
        cls = x.__class__
        if cls is np.ndarray:
            continue
        if cls is MetaArray or ((cls is list or cls is tuple) and has_meta(x)):
            return True
        if getattr(x, "_array", None).__class__ is MetaArray:
            return True
    return False


def either(function: Callable) -> Callable:
    """A definition, or its twin where there are arrays without elements."""
    if hasattr(function, "for_elements"):
        return function
    made: list[Callable] = []

    @functools.wraps(function)
    def chosen(*given: Any) -> Any:
        first = given[0]
        if first.__class__ is list and first:
            first = first[0]
        # What goes with an array that has elements has them too, or is refused where it is looked at.
        if (
            first.__class__ is np.ndarray
            or getattr(first, "_array", None).__class__ is np.ndarray
            or not has_meta(given)
        ):
            return function(*given)
        if not made:
            made.append(twin(function))
        return made[0](*given)

    chosen.for_elements = function  # type: ignore[attr-defined]
    return chosen


def prepare(operation: Any) -> None:
    """Let an operation take arrays without elements."""
    for name in ("compute", "write", "rule"):
        function = getattr(operation, name)
        if function is not None:
            setattr(operation, name, either(function))


__all__ = ["either", "exchanged", "has_meta", "prepare", "twin"]
