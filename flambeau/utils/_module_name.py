"""Where an object says it is from."""

from __future__ import annotations

from typing import Any


def set_module(obj: Any, mod: str) -> None:
    """Let a class or function say that it stands in a module.

    Raises:
        TypeError: The module's name is no string.

    Source: torch.utils.set_module
    """
    if not isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod
