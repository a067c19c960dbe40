"""Reads data.pkl: what its names mean. Only the constructors of tables are ever called, so a hostile
file cannot run code."""

from __future__ import annotations

import functools
from collections import OrderedDict
from typing import Any

from . import clock, numpy_decoder, plain, tensor_decoder  # noqa: F401 (clock fills a table)
from .constructor import BUILTINS, CALLS, FACTORIES, NEWS, WITH_ATTRIBUTES, constructs, wrong
from .error import SerializationError
from .extent import CLOSED, OPEN
from .internal import Name
from .layers import VARIABLE_FUNCTIONS, torch_function
from .machine import Machine, names_in
from .message import listed, shown
from .safe_globals import Allowed
from .tensor_decoder import Storages

_MIB = 1 << 20


class Allowance:
    """How many bytes reading may copy, besides the records: a few times what the file has. A stream
    that asks for the same copy again and again is refused."""

    def __init__(self, size: int):
        self.size = size
        self.left = 8 * size + _MIB

    def spend(self, count: int) -> None:
        """Count bytes that are about to be made."""
        self.left -= count
        if self.left < 0:
            raise SerializationError(
                f"the file of {self.size} bytes asks for more copies of its parts than any checkpoint"
            )


@constructs("getattr", modules=BUILTINS)
def function_of_torch(machine: Unpickler, owner: Any, name: Any) -> Any:
    """A function of the package itself, which is named and not called."""
    is_class = isinstance(owner, Name) and owner.text == VARIABLE_FUNCTIONS
    found = torch_function(name) if is_class and type(name) is str else None
    if found is None:
        raise wrong("a function", (owner, name))
    if not machine.allowed.layers:
        raise SerializationError(
            f"the file holds the function torch.{name}, and checkpoints hold none: weights_only=False reads it"
        )
    return found


class Unpickler(Machine):
    """Reads one object.

    Args:
        data, at: The stream, and where it starts.
        storages: What makes storages of records.
        allowed: Whose names are known, besides those of the format.
        encoding: Of the strings of Python 2.

    Raises:
        SerializationError: The stream uses what is not allowed, or contradicts itself.
    """

    def __init__(
        self, data: Any, at: int, storages: Storages, allowed: Allowed, encoding: str = "utf-8"
    ):
        self.storages, self.allowed = storages, allowed
        super().__init__(data, at, storages.spend, encoding)
        self.start = at

    def named(self, text: str) -> Any:
        if text in tensor_decoder.VALUES:
            return tensor_decoder.VALUES[text]
        if is_built_in(text):
            return Name(text)
        found = self.allowed.find(text)
        if found is None:
            raise unknown(names_in(self.data, self.start), self.allowed)
        return found

    def call(self, function: Any, args: tuple) -> Any:
        if isinstance(function, Name) and function.text in CALLS:
            return CALLS[function.text](self, *args)
        if self.allowed.covers(function):
            made = function(*args)
            self.enter(made, args)
        else:
            made = plain.called(function, args)
            self.enter(made, args, OPEN if isinstance(made, (dict, functools.partial)) else CLOSED)
        return made

    def new(self, cls: Any, args: tuple) -> Any:
        if isinstance(cls, Name) and cls.text in NEWS and not args:
            return self.opened(NEWS[cls.text]())
        if not self.allowed.makes(cls):
            raise SerializationError("data.pkl makes an object of a class that is not allowed")
        made = self.allowed.made(cls, args)
        self.enter(made, args, OPEN)
        return made

    def build(self, target: Any, state: Any) -> None:
        kind = type(target)
        is_attributes = kind in WITH_ATTRIBUTES or (
            kind is OrderedDict and type(state) is dict and state.keys() <= {"_metadata"}
        )
        if not is_attributes and not self.allowed.makes(kind) and kind is not functools.partial:
            raise SerializationError(
                "data.pkl sets attributes of something other than a state_dict"
            )
        self.extents.grow(target, (state,))
        if is_attributes:
            set_attributes(self, target, state)
        else:
            self.allowed.set_state(target, state)

    def persistent(self, parts: Any) -> Any:
        if type(parts) is tuple and len(parts) == 4 and parts[0] == "module":
            return parts[1]  # the class; its source text is not looked at
        made = self.storages.persistent(parts)
        self.extents.known.pop(id(made), None)
        return made


def set_attributes(machine: Machine, target: Any, state: Any) -> None:
    """Give an object attributes by names."""
    if type(state) is not dict or any(type(name) is not str for name in state):
        raise SerializationError(f"attributes of an object of the file are {shown(state)}")
    target.__dict__.update(state)


def is_built_in(text: str) -> bool:
    """Is it a name of the format?"""
    return (
        text in CALLS
        or text == VARIABLE_FUNCTIONS
        or text in NEWS
        or text in FACTORIES
        or text == numpy_decoder.ARRAY_CLASS
        or text in numpy_decoder.extension_names()
        or tensor_decoder.is_class(text)
    )


def unknown(names: set[str], allowed: Allowed) -> SerializationError:
    """The refusal of a stream that needs more than what is known; it says all that it needs."""
    strange = unsafe(names, allowed)
    return SerializationError(
        f"the file asks for {listed(strange)}, which is not among what checkpoints may hold; nothing "
        f"of it was run. {allowed.advice(strange)}"
    )


def unsafe(names: set[str], allowed: Allowed) -> list[str]:
    """Those of a stream's names that are neither the format's nor allowed, as Python writes them."""
    return sorted(
        text.replace(" ", ".")
        for text in names
        if text not in tensor_decoder.VALUES
        and not is_built_in(text)
        and allowed.find(text) is None
    )
