"""The registry: every operation by name, and where its functions and methods are to be found.

Tensor methods, the public namespaces, the reference pages and the generic tests are computed from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor

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


def public(*places: str, method: bool | str = False, namespace: str = "torch") -> Callable:
    """Put a function where users find it.

    places: names in `namespace`; "special.expit" names another namespace. The function's own name
        if empty.
    method: True makes it a Tensor method of its own name too; a string lists the method names.
    """

    def register(function: Callable) -> Callable:
        for place in places or (function.__name__,):
            where, _, name = place.rpartition(".")
            NAMESPACES[where or namespace][name] = function
        names = function.__name__ if method is True else method or ""
        for name in names.split():
            setattr(Tensor, name, function)
        return function

    return register


def method(*names: str) -> Callable:
    """Attach a function to Tensor and nowhere else."""

    def register(function: Callable) -> Callable:
        for name in names or (function.__name__,):
            setattr(Tensor, name, function)
        return function

    return register


def override(function: Callable, operands: tuple, args: tuple, kwargs: dict) -> Any:
    """Give the call to the first operand whose class handles functions (``__torch_function__``).

    Raises:
        TypeError: Every such class answered NotImplemented.
    """
    classes: list[type] = []
    for operand in operands:
        cls = type(operand)
        if cls in classes or cls is Tensor or not is_overridden(operand):
            continue
        at = next((i for i, c in enumerate(classes) if issubclass(cls, c)), len(classes))
        classes.insert(at, cls)
    for cls in classes:
        result = cls.__torch_function__(function, tuple(classes), args, kwargs)  # type: ignore[attr-defined]
        if result is not NotImplemented:
            return result
    raise TypeError(
        f"no implementation found for '{getattr(function, '__name__', function)}' on types that "
        f"implement __torch_function__: {[cls.__name__ for cls in classes]}"
    )


def is_overridden(operand: object) -> bool:
    if isinstance(operand, Tensor):
        return operand._kind.overridden
    return hasattr(type(operand), "__torch_function__")
