"""Families of operations that load when one of their names is first asked for.

Most programs never ask for an eigenvalue or a Fourier transform, and importing the package should
cost them nothing. What a family brings is listed (`ops.families`), so that ``torch.svd`` and ``Tensor.det``
are found before it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ..core.tensor import Tensor
from .registry import NAMESPACES

FUNCTIONS = NAMESPACES["torch"].late
METHODS: dict[str, str] = {}
"""For a function of the torch namespace, or a Tensor method, the module that brings it."""


class LazyMethod:
    """Stands for a Tensor method; loading its module puts the method itself in its place."""

    __slots__ = ("module", "name")

    def __init__(self, name: str, module: str) -> None:
        self.name, self.module = name, module

    def __get__(self, instance: Any, owner: type) -> Any:
        import_module(self.module)
        return getattr(owner if instance is None else instance, self.name)


def announce(package: str, families: Mapping[str, tuple[str, str]]) -> None:
    """Let the names of families be found: for each module its functions and its Tensor methods.

    Functions stand in the torch namespace, or as "linalg.vector_norm" in another.
    """
    for family, (functions, methods) in families.items():
        module = f"{package}.{family}"
        for place in functions.split():
            space, _, name = place.rpartition(".")
            NAMESPACES[space or "torch"].late[name] = module
        for name in methods.split():
            METHODS[name] = module
            setattr(Tensor, name, LazyMethod(name, module))


def function(name: str) -> Callable:
    """The function of this name in the torch namespace."""
    return NAMESPACES["torch"][name]
