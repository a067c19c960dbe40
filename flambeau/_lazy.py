"""Packages whose parts load when they are first asked for (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def attach(
    package: str,
    modules: Collection[str] | None = None,
    names: Mapping[str, str] | None = None,
    title: str = "",
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: Its ``__name__``.
        modules: Those of its modules that load when they are asked for; None for all that it has.
        names: For a name, the module of the package that brings it.
        title: What messages call the package.
    """
    homes = dict(names or {})

    def load(name: str) -> Any:
        home = homes.get(name)
        if home is not None:
            value = getattr(import_module(f"{package}.{home}"), name)
            setattr(sys.modules[package], name, value)
            return value
        if name in modules if modules is not None else not name.startswith("__"):
            try:
                return import_module(f"{package}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{package}.{name}":
                    raise
        raise AttributeError(
            f"module '{title or _alias(package)}' has no attribute '{name}'",
            name=name,
            obj=sys.modules[package],  # so that Python suggests a name that is there
        )

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes, *(modules or ())})

    return load, listed


def _alias(package: str) -> str:
    """What the program calls the package: torch, where it imported us under that name (see `compat`)."""
    return "torch" if sys.modules.get("torch") is sys.modules[package] else package
