"""The arguments of a function, read off its code object.

``inspect.signature`` says the same and more; a hundred times at import it costs what a tenth of NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._source import Source

REQUIRED = object()
"""The default of an argument that has none."""

_ANY_NUMBER = 0x04 | 0x08  # code flags of *args and **kwargs


def arguments(function: Callable) -> dict[str, Any]:
    """The arguments by name, in order, with their defaults (`REQUIRED` where there is none).

    Raises:
        TypeError: It takes any number of arguments.
    """
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code: Any = function.__code__  # type: ignore[attr-defined]
    if code.co_flags & _ANY_NUMBER:
        raise TypeError(
            f"{function.__name__}() takes any number of arguments: name each of them, so that it is "
            "known which are tensors"
        )
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found = dict.fromkeys(names, REQUIRED)
    defaults = function.__defaults__ or ()  # type: ignore[attr-defined]
    first = code.co_argcount - len(defaults)
    found.update(zip(names[first : code.co_argcount], defaults))
    found.update(function.__kwdefaults__ or {})  # type: ignore[attr-defined]
    return found


def written(defaults: Mapping[str, Any], source: Source) -> list[str]:
    """Arguments as they stand in a written function's signature; its scope gets their defaults."""
    found = []
    for name, default in defaults.items():
        if default is REQUIRED:
            found.append(name)
        else:
            source.scope[f"default_{name}"] = default
            found.append(f"{name}=default_{name}")
    return found
