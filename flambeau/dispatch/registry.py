"""The registry: every operation by name, and where its functions and methods are to be found.

Tensor methods, the public namespaces, the reference pages and the generic tests are computed from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.handler import is_overridden
from ..core.tensor import Tensor
from .out import with_out
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

NAMESPACES: dict[str, dict[str, Callable]] = {
    "torch": {},
    "nn.functional": {},
    "special": {},
    "linalg": {},
    "fft": {},
}
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
    tensors: With `out`, the names of the arguments that must be tensors, from the first on.
    usual: Does the same, faster, when nothing is given by name only.
    """

    def register(function: Callable) -> Callable:
        if out:
            function = with_out(function, (places or (function.__name__,))[0], tensors)
        guards.under_its_name(function)
        for place in places or (function.__name__,):
            where, _, name = place.rpartition(".")
            function = guards.register(name, function, where or namespace, usual)
            NAMESPACES[where or namespace][name] = function
        names = function.__name__ if method is True else method or ""
        if names:
            item = guards.method_of(names.split()[0], function)
        for name in names.split():
            setattr(Tensor, name, item)
            guards.register_method(name, item)
        return function

    return register


def method(*names: str) -> Callable:
    """Attach a function to Tensor and nowhere else."""

    def register(function: Callable) -> Callable:
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
