"""Packages that know frameworks by name, and are told of this one when they load.

einops looks for a tensor's framework among its own classes of backends. Under `import flambeau as torch`, where no
module is called torch, it would know none for our tensors, so it is given one: its own for PyTorch, which asks the
package for everything.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


def _to_einops(backends: ModuleType) -> None:
    known = getattr(backends, "TorchBackend", None)
    if known is None:  # another version, whose names are others
        return

    def __init__(self: Any) -> None:
        self.torch = sys.modules[__package__]

    # a name in its module, since nobody else holds the class: base classes know theirs by weak references
    own = {"framework_name": "flambeau", "__init__": __init__}
    backends.FlambeauBackend = type("FlambeauBackend", (known,), own)  # type: ignore[attr-defined]


_KNOWN = {"einops._backends": _to_einops}


class Introducing:
    """A first finder of modules: it lets one of those packages' modules load, and then tells it."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        introduce = _KNOWN.get(name)
        if introduce is None:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, introduce)
        return spec


class _Loader:
    def __init__(self, loader: Any, introduce: Any) -> None:
        self.loader, self.introduce = loader, introduce

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.introduce(module)


def begin() -> None:
    """Tell those that are loaded, and those that will be."""
    sys.meta_path.insert(0, Introducing())  # type: ignore[arg-type]
    for name, introduce in _KNOWN.items():
        if name in sys.modules:
            introduce(sys.modules[name])
