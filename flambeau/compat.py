"""Lets ``import torch`` mean flambeau, for programs and libraries written for PyTorch.

After :func:`install`, each module name ``torch.x`` stands for flambeau's own module object
``flambeau.x``: the same classes, the same state, nothing copied. ``python -m flambeau run``
calls it before it starts a script.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from ._mixed import is_asked

__all__ = ["install", "uninstall"]


class AliasImporter(MetaPathFinder, Loader):
    """Answers imports of one package's module names with the modules of another.

    It has to stand before the path finder in ``sys.meta_path``: that one would find the files of
    ``flambeau/nn`` through the package's ``__path__`` and load them a second time as ``torch.nn``.
    """

    def __init__(self, alias: str, package: str) -> None:
        self.alias = alias
        self.package = package

    def covers(self, name: str) -> bool:
        return name == self.alias or name.startswith(f"{self.alias}.")

    def real_name(self, name: str) -> str:
        return self.package + name.removeprefix(self.alias)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self.covers(name):
            return None
        real = self.real_name(name)
        if real not in sys.modules and importlib.util.find_spec(real) is None:
            if is_asked(
                sys._getframe(1)
            ):  # importlib.util.find_spec, of a module that may be missing
                return None
            raise ModuleNotFoundError(
                f"No module named {name!r}: {self.package} stands in for {self.alias} in this "
                f"program and has no module {real!r}",
                name=name,
            )
        return ModuleSpec(name, self, origin=real)

    def exec_module(self, module: ModuleType) -> None:
        # The import system has written its attributes (__spec__, __name__, ...) on a fresh,
        # empty `module`. Replacing that one in sys.modules is the documented way to deliver
        # another object, and it leaves the real module's own attributes alone.
        sys.modules[module.__name__] = importlib.import_module(self.real_name(module.__name__))

    def foreign_module(self) -> str | None:
        """The outermost module loaded under the alias that is not the package's own, if any."""
        loaded = tuple(sys.modules.items())
        real = sys.modules.get
        return min(
            (n for n, m in loaded if self.covers(n) and m is not real(self.real_name(n))),
            default=None,
        )

    def install(self) -> None:
        foreign = self.foreign_module()
        if foreign is not None:
            origin = getattr(sys.modules[foreign], "__file__", None) or "an unknown place"
            raise RuntimeError(
                f"cannot let {self.alias!r} mean {self.package}: {foreign!r} is already imported "
                f"from {origin}, and objects of two libraries would mix. Call "
                f"{self.package}.compat.install() before anything imports {self.alias}, "
                f"or start the program with `python -m {self.package} run SCRIPT`"
            )
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def uninstall(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            for name in filter(self.covers, tuple(sys.modules)):
                del sys.modules[name]


_TORCH = AliasImporter("torch", "flambeau")


def install() -> None:
    """Make every later ``import torch`` and ``import torch.x`` give flambeau's own modules.

    Calling it again changes nothing. Processes started by the "spawn" and "forkserver" methods
    of multiprocessing are new interpreters, so there the program's main file has to call it.

    Raises:
        RuntimeError: the real torch is already imported in this process.

    Example:
        >>> import flambeau
        >>> from flambeau import compat
        >>> compat.install()
        >>> import torch
        >>> torch is flambeau
        True
        >>> compat.uninstall()
    """
    _TORCH.install()


def uninstall() -> None:
    """Give the name ``torch`` back: later imports look for the real one.

    Names that a program has already bound by ``import torch`` keep meaning flambeau.

    Example:
        >>> from flambeau import compat
        >>> compat.install()
        >>> compat.uninstall()
        >>> import sys
        >>> "torch" in sys.modules
        False
    """
    _TORCH.uninstall()
