"""Operations by their names in ATen: ``torch.ops.aten.mm``, and flambeau's function of each.

``aten.txt`` lists their schemas. Most names are those of public functions or methods, whose arguments
are the schema's; `ADAPTED` has the others.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ..core.tensor import Tensor
from ..dispatch.registry import NAMESPACES
from . import adapted_gradient  # noqa: F401 (its functions enter the table)
from .adapted import ADAPTED, REDUCTIONS
from .definition import Definition
from .schema import FunctionSchema, parse_schema

_PREFIXES = {"linalg_": "linalg", "special_": "special", "fft_": "fft"}


@cache
def schemas() -> dict[str, list[str]]:
    """The text of all schemas, by name."""
    found: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("aten.txt").read_text().splitlines():
        name = line.partition("(")[0].partition(".")[0]
        found.setdefault(name, []).append(line)
    return found


def definitions(name: str) -> dict[str, Definition]:
    """The operations of a name, by overload; empty if there are none."""
    found = {}
    for text in schemas().get(name, ()):
        schema = parse_schema(f"aten::{text}")
        function = _function(name, schema) or _absent(schema)
        found[schema.overload_name] = Definition(schema, function)
    return found


def _function(name: str, schema: FunctionSchema) -> Callable | None:
    """What runs: a function of a schema and the arguments that were given, by name."""
    found = ADAPTED.get(f"{name}.{schema.overload_name}") or ADAPTED.get(name) or _public(name)
    return None if found is None else call(found)


def _absent(schema: FunctionSchema) -> Callable:
    """An operation that packages name, in tables of what they handle, and that is not here."""

    def refuse(*given: Any) -> Any:
        raise NotImplementedError(f"{schema.name}: flambeau has no such operation")

    return refuse


def call(function: Callable) -> Callable:
    """A function as one of a schema and the arguments that were given, by name."""
    orders: dict[str, tuple[int, set[str]]] = {}

    def run(schema: FunctionSchema, given: dict[str, Any]) -> Any:
        order = orders.get(schema.overload_name)
        if order is None:
            order = orders[schema.overload_name] = _shared(function, schema)
        count, rest = order
        return function(*_in_place(schema, given, count), **_by_name(schema, given, rest))

    return run


def _public(name: str) -> Callable | None:
    import flambeau

    for prefix, space in _PREFIXES.items():
        if name.startswith(prefix):
            module = getattr(flambeau, space)
            return getattr(module, name.removeprefix(prefix), None)
    if name.endswith("_") and hasattr(Tensor, name):
        return getattr(Tensor, name)
    for place in (flambeau, flambeau.nn.functional, Tensor):
        found = getattr(place, name, None)
        if callable(found):
            return found
    return NAMESPACES["torch"].get(name)


def _in_place(schema: FunctionSchema, given: dict[str, Any], count: int) -> list[Any]:
    """The values of arguments without names, up to the last that was given, `count` at most."""
    positional = schema.positional[:count]
    last = max((i + 1 for i, a in enumerate(positional) if a.name in given), default=0)
    return [given.get(a.name, a.default_value) for a in positional[:last]]


def _shared(function: Callable, schema: FunctionSchema) -> tuple[int, set[str]]:
    """How many first arguments a public function takes in the schema's order, and the names of those that
    follow, which it takes elsewhere among its own."""
    try:
        names = list(inspect.signature(function).parameters)
    except ValueError:  # a builtin without a signature
        return len(schema.positional), set()
    for i, argument in enumerate(schema.positional):
        if argument.name in names and names.index(argument.name) != i:
            return i, {a.name for a in schema.positional[i:]}
    return len(schema.positional), set()


def _by_name(schema: FunctionSchema, given: dict[str, Any], rest: set[str]) -> dict[str, Any]:
    """The values of arguments that have to be named, but for those that say nothing."""
    names = rest | {a.name for a in schema.arguments if a.kwarg_only}
    found = {k: v for k, v in given.items() if k in names and v is not None}
    if "reduction" in rest and "reduction" in found:  # a number here, a word in public
        found["reduction"] = REDUCTIONS[found["reduction"]]
    outs = [a.name for a in schema.arguments if a.is_out]
    if len(outs) > 1 or (outs and outs != ["out"]):
        found["out"] = tuple(found.pop(name) for name in outs)
        if len(outs) == 1:
            found["out"] = found["out"][0]
    return found
