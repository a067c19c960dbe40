"""Imports of one package's names that give another package's modules: the same objects, nothing copied."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from .._mixed import is_asked


class AliasImporter(MetaPathFinder, Loader):
    """Answers imports of one package's module names with the modules of another.

    It has to stand before the path finder in ``sys.meta_path``: that one would find the files of
    ``flambeau/nn`` through the package's ``__path__`` and load them a second time as ``torch.nn``.

    Args:
        alias: The name that programs import.
        package: The package that they get.
        elsewhere: For a module name under the alias the module that stands for it, where the package
            has it under another name.
    """

    def __init__(
        self, alias: str, package: str, elsewhere: Mapping[str, str] | None = None
    ) -> None:
        self.alias = alias
        self.package = package
        self.elsewhere = elsewhere or {}

    def covers(self, name: str) -> bool:
        return name == self.alias or name.startswith(f"{self.alias}.")

    def real_name(self, name: str) -> str:
        found = self.elsewhere.get(name)
        return found or self.package + name.removeprefix(self.alias)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self.covers(name):
            return None
        real = self.real_name(name)
        known = sys.modules.get(real)
        spec = importlib.util.find_spec(real) if known is None else known.__spec__
        if spec is None and known is None:
            if is_asked(
                sys._getframe(1)
            ):  # importlib.util.find_spec, of a module that may be missing
                return None
            raise ModuleNotFoundError(
                f"No module named {name!r}: {self.package} stands in for {self.alias} in this "
                f"program and has no module {real!r}",
                name=name,
            )
        found = ModuleSpec(name, self, origin=real)
        found.submodule_search_locations = getattr(spec, "submodule_search_locations", None)
        return found

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

    def install_unless_there(self) -> None:
        """Stand in for a package that may be installed besides, and is left alone then."""
        if self.foreign_module() is None and importlib.util.find_spec(self.alias) is None:
            self.install()

    def uninstall(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            for name in filter(self.covers, tuple(sys.modules)):
                del sys.modules[name]
