"""The registry: every operation by name, and where its functions and methods are to be found.

Tensor methods, the public namespaces, the reference pages and the generic tests are computed from it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import FunctionType
from typing import Any

from ..core.handler import is_overridden
from ..core.tensor import Tensor
from . import inherited  # noqa: F401 (it gives Tensor its methods)
from .out import with_out, with_tensors
from .torch_function import guards, override

__all__ = [
    "NAMESPACES",
    "OPERATIONS",
    "is_overridden",
    "method",
    "operator_method",
    "override",
    "public",
]

OPERATIONS: dict[str, Any] = {}
"""Operations with a gradient rule or kernel of their own, by name."""


class Functions(dict[str, Callable]):
    """A namespace's functions by name. Looking up one that loads late loads it.

    Attributes:
        late: For such a name, the module that brings it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.late: dict[str, str] = {}

    def __missing__(self, name: str) -> Callable:
        import_module(self.late[name])
        return self.__getitem__(name)


NAMESPACES = {name: Functions() for name in ("torch", "nn.functional", "special", "linalg", "fft")}
"""Public functions: namespace, then name."""

guards.namespaces = NAMESPACES


def public(
    *places: str,
    method: bool | str = False,
    namespace: str = "torch",
    out: bool = False,
    tensors: str = "",
    usual: Callable | None = None,
) -> Callable:
    """Put a function where users find it.

    places: names in `namespace`; "special.expit" names another namespace. The function's own name
        if empty.
    method: True makes it a Tensor method of its own name too; a string lists the method names.
    out: The function gives its results and knows no ``out=``: it is given one (see `with_out`).
    tensors: The names of the arguments that must be tensors, from the first on.
    usual: Does the same, faster, when nothing is given by name only.
    """

    def register(function: Callable) -> Callable:
        if out:
            function = with_out(function, (places or (function.__name__,))[0], tensors)
        elif tensors:
            function = with_tensors(function, (places or (function.__name__,))[0], tensors)
        where, _, name = (places or (function.__name__,))[0].rpartition(".")
        _placed(function, where or namespace, name)
        guards.under_its_name(function)
        for place in places or (function.__name__,):
            where, _, name = place.rpartition(".")
            function = guards.register(name, function, where or namespace, usual)
            NAMESPACES[where or namespace][name] = function
            if isinstance(function, FunctionType):
                _placed_already.add(function)
        names = function.__name__ if method is True else method or ""
        if names:
            item = guards.method_of(names.split()[0], function)
            if item is not function:
                item.__qualname__ = f"Tensor.{names.split()[0]}"
        for name in names.split():
            setattr(Tensor, name, item)
            guards.register_method(name, item)
        return function

    return register


_PLACES = {"torch": "flambeau", **{n: f"flambeau.{n}" for n in NAMESPACES if n != "torch"}}
"""For a namespace, its module."""


_placed_already: set[FunctionType] = set()


def _placed(function: Any, where: str, name: str) -> None:
    """Say of a function that stands in no module where users find it first: pickle looks for it there."""
    if function in _placed_already or not isinstance(function, FunctionType):
        return
    _placed_already.add(function)
    if hasattr(function, "operation") or not _stands_in_a_module(function):
        function.__module__ = _PLACES.get(where, "flambeau")
        function.__qualname__ = f"Tensor.{name}" if where == "Tensor" else name


def _stands_in_a_module(function: Any) -> bool:
    """Is it, or what it wraps, to be found in the module that it names? Lambdas and inner functions are not."""
    found = function
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    home = found.__globals__.get("__name__")
    return (
        "<" not in f"{function.__qualname__}{found.__code__.co_qualname}"
        and home is not None
        and home == function.__module__
    )


def method(*names: str) -> Callable:
    """Attach a function to Tensor and nowhere else."""

    def register(function: Callable) -> Callable:
        if function.__name__.startswith("_") and not function.__name__.endswith("_"):
            function.__name__ = (names or (function.__name__,))[0]
        _placed(function, "Tensor", (names or (function.__name__,))[0])
        guards.under_its_name(function)
        for name in names or (function.__name__,):
            function = guards.named_method(name, function)
            setattr(Tensor, name, function)
            guards.register_method(name, function)
        return function

    return register


def operator_method(name: str, function: Callable) -> None:
    """Make a function the method behind one of Python's operators, under its name."""
    function.__name__ = function.__qualname__ = f"__{name}__"
    method(f"__{name}__")(function)
