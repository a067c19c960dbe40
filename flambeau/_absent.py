"""Names of devices that are not there: programs mention them, and hear so when they use them.

As in PyTorch built without such devices, the classes exist, and making an object of one raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


def functions(module: str, names: str, error: Callable[[str], Exception]) -> dict[str, Any]:
    """Functions that raise, by name.

    Args:
        module: Where they are.
        names: Their names, with spaces between.
        error: What to raise, of a function's name.
    """
    return {name: _function(module, name, error) for name in names.split()}


def _function(module: str, name: str, error: Callable[[str], Exception]) -> Any:
    def absent(*args: Any, **kwargs: Any) -> NoReturn:
        raise error(name)

    absent.__name__ = absent.__qualname__ = name
    absent.__module__ = module
    absent.__doc__ = f"Needs the device, which is not there: {error(name)}"
    return absent


def zeros(module: str, names: str, what: str) -> dict[str, Any]:
    """Functions that give 0, by name: figures of what is not there."""

    def make(name: str) -> Any:
        def nothing(device: Any = None) -> int:
            return 0

        nothing.__name__ = nothing.__qualname__ = name
        nothing.__module__ = module
        nothing.__doc__ = f"0: {what}."
        return nothing

    return {name: make(name) for name in names.split()}


def classes(module: str, names: str) -> dict[str, type]:
    """Classes of which no object can be made, by name."""
    return {name: _class(module, name) for name in names.split()}


def _class(module: str, name: str) -> type:
    def __new__(cls: type, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            f"Tried to instantiate dummy base class {name}: there is no such device in this program"
        )

    doc = "An object of a device that is not there: making one raises RuntimeError."
    return type(name, (), {"__module__": module, "__doc__": doc, "__new__": __new__})
