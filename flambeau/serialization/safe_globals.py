"""Classes and functions that files may name besides those of the format: what the user adds, and the
layers of flambeau.nn."""

from __future__ import annotations

import _compat_pickle
import functools
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from . import plain
from .layers import functions, layer_classes, names_of_objects

_BLOCKED = frozenset(("nt", "os", "posix", "subprocess", "sys"))
"""Modules that no list opens."""

_BUILDERS = frozenset(("torch.fx.portable unpacked_module",))
"""Functions of flambeau, by their names in files, that make modules of plain data and run nothing of it."""

_added: list[Any] = []


def _entry(item: Any) -> tuple[Any, str]:
    """An object, and the name that files call it by."""
    found, name = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
    if not callable(found) or not isinstance(name, (str, type(None))):
        raise TypeError(
            f"safe globals are classes or functions, or pairs of one and its name; not {item!r}"
        )
    return found, name or ".".join(_modern(*name_in_files(found).split(" ", 1)))


def add_safe_globals(safe_globals: Sequence[Any]) -> None:
    """Let files name more classes and functions, whose own code runs when objects are made of them.

    Args:
        safe_globals: Classes or functions; or pairs of one and the full name that files call it by.

    Raises:
        TypeError: One is neither.

    Source: torch.serialization.add_safe_globals

    Example:
        >>> import flambeau as torch
        >>> from uuid import UUID
        >>> torch.serialization.add_safe_globals([UUID])
        >>> torch.serialization.get_safe_globals()
        [<class 'uuid.UUID'>]
        >>> torch.serialization.clear_safe_globals()
    """
    for item in safe_globals:
        _entry(item)
    _added.extend(item for item in safe_globals if item not in _added)


def get_safe_globals() -> list[Any]:
    """What has been added.

    Source: torch.serialization.get_safe_globals
    """
    return list(_added)


def clear_safe_globals() -> None:
    """Forget what has been added.

    Source: torch.serialization.clear_safe_globals
    """
    _added.clear()


class safe_globals:
    """Adds classes and functions within a `with` block.

    Args:
        safe_globals: As `add_safe_globals`.

    Source: torch.serialization.safe_globals

    Example:
        >>> import io, flambeau as torch
        >>> from uuid import UUID
        >>> buffer = io.BytesIO()
        >>> with torch.serialization.safe_globals([UUID]):
        ...     torch.save(UUID(int=5), buffer)
        ...     _ = buffer.seek(0)
        ...     torch.load(buffer)
        UUID('00000000-0000-0000-0000-000000000005')
    """

    def __init__(self, safe_globals: Sequence[Any]):
        self._given = list(safe_globals)
        self._before: list[Any] = []

    def __enter__(self) -> None:
        self._before = list(_added)
        add_safe_globals(self._given)

    def __exit__(self, *error: object) -> None:
        _added[:] = self._before


class Allowed:
    """What one reader may name: what the user has added, and (`layers`) perhaps the layers of flambeau.nn,
    optimizers, and classes of the program that are made without running their code (see plain.py)."""

    def __init__(self, layers: bool = False):
        self.layers = layers
        entries = [_entry(item) for item in _added]
        self.by_name = {name: found for found, name in entries}
        self.ids = {id(found) for found, _ in entries}

    def find(self, text: str) -> Any:
        """What "module name" stands for, or None."""
        module, name = _modern(*text.split(" ", 1))
        if module.partition(".")[0] in _BLOCKED:
            return None
        found = self.by_name.get(f"{module}.{name}")
        if found is None and self.layers:
            found = layer_classes().get(text) or functions().get(text) or self._builder(text)
            if found is None:
                candidate = plain.found_by_name(module, name)
                if plain.is_plain(candidate) or candidate is functools.partial:
                    found = candidate
        return found

    def _builder(self, text: str) -> Any:
        """One of ours that makes modules, which may be called."""
        if text not in _BUILDERS:
            return None
        module, name = text.split(" ")
        package = __package__.partition(".")[0]
        found = getattr(import_module(package + module.removeprefix("torch")), name)
        self.ids.add(id(found))
        return found

    def knows(self, names: list[str]) -> bool:
        """Are all of these dotted names known?"""
        return all(self.find(" ".join(name.rsplit(".", 1))) is not None for name in names)

    def covers(self, item: Any) -> bool:
        """Has the user added it, or was it found among ours? Then it may be called."""
        return id(item) in self.ids

    def makes(self, item: Any) -> bool:
        """May bare objects of it be made, to which the file gives their state? A layer is never made
        by its constructor, which would take memory for whatever sizes the file says."""
        return isinstance(item, type) and (
            self.covers(item)
            or (self.layers and (item in layer_classes().values() or plain.is_plain(item)))
        )

    def made(self, cls: type, args: tuple) -> Any:
        """A bare object of such a class."""
        if self.covers(cls):
            return cls.__new__(cls, *args)
        return plain.made(cls, args)

    def set_state(self, target: Any, state: Any) -> None:
        """What pickle does for the state of an object of such a class: plain ones have no `__setstate__` but that
        of modules, optimizers and partials."""
        if hasattr(type(target), "__setstate__"):
            target.__setstate__(state)
            return
        if not self.covers(type(target)):
            plain.set_attributes(target, state)
            return
        attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        if attributes:
            target.__dict__.update(attributes)
        for name, value in (slots or {}).items():
            setattr(target, name, value)

    def advice(self, strange: list[str]) -> str:
        """What to do where a file names these, too."""
        known = layer_classes().keys() | functions().keys()
        layers = {text.replace(" ", ".") for text in known}
        if not self.layers and layers.issuperset(strange):
            return (
                "These are layers of torch.nn: weights_only=False reads whole modules that are made "
                "of them, and still runs no code of the file's."
            )
        if not self.layers and Allowed(True).knows(strange):
            return (
                "weights_only=False reads optimizers and classes of this program that have nothing but attributes; it "
                "still runs no code, the file's or theirs. Or name them: "
                "torch.serialization.add_safe_globals([...])."
            )
        if all(name.startswith("torch.") for name in strange) and not layers.intersection(strange):
            return (
                "These are parts of PyTorch that flambeau does not have: load the file with PyTorch, and save "
                "plain tensors and state_dict()s."
            )
        return (
            "If you trust these classes with what the file holds, name them: "
            "torch.serialization.add_safe_globals([...]). Otherwise load the file where it was made "
            "and save only tensors, numbers, strings and containers (model.state_dict())."
        )


def _modern(module: str, name: str) -> tuple[str, str]:
    """Python 3's name of what protocol 2 calls by Python 2's."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def name_in_files(item: Any) -> str:
    """What files of protocol 2 call a class or function: "module name"."""
    known = names_of_objects().get(id(item))
    if known is not None:
        return known
    module, name = plain.home(item) or item.__module__, item.__qualname__
    if module.partition(".")[0] == "flambeau":
        module = "torch" + module.removeprefix("flambeau")
    if (module, name) in _compat_pickle.REVERSE_NAME_MAPPING:
        module, name = _compat_pickle.REVERSE_NAME_MAPPING[module, name]
    return f"{_compat_pickle.REVERSE_IMPORT_MAPPING.get(module, module)} {name}"
