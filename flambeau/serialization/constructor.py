"""Python's own classes in files: what each name of the stream makes, from arguments that are looked
at first."""

from __future__ import annotations

import pathlib
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from .error import SerializationError
from .extent import OPEN
from .internal import Name
from .machine import Machine
from .message import shown

CALLS: dict[str, Callable[..., Any]] = {}
"""What a call of a name does: a function of the machine and the arguments."""

BUILTINS = ("__builtin__", "builtins")
"""Python 2's name of the module, which pickles of protocol 2 use, and Python 3's."""

FACTORIES: dict[str, Any] = {
    f"{module} {kind.__name__}": kind
    for module in BUILTINS
    for kind in (list, dict, set, tuple, int, float, bool, str, complex)
}
FACTORIES |= {"__builtin__ long": int, "__builtin__ unicode": str}
FACTORIES |= {f"collections {kind.__name__}": kind for kind in (OrderedDict, Counter, deque)}
"""The classes that a defaultdict makes values with, by their names."""
FACTORY_NAMES = {kind: text for text, kind in reversed(FACTORIES.items())}

NEWS: dict[str, type] = {"argparse Namespace": Namespace}
"""Classes whose objects are made bare, and get their attributes afterwards."""

WITH_ATTRIBUTES = (Namespace, SimpleNamespace)
"""Classes whose objects are nothing but attributes."""


def constructs(*names: str, modules: tuple[str, ...] = ("",)) -> Callable[[Any], Any]:
    """Put a function into the table. What it makes has no parts, unless it enters them itself."""

    def put(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            for module in modules:
                CALLS[f"{module} {name}".strip()] = function
        return function

    return put


def wrong(what: str, value: Any) -> SerializationError:
    """The refusal of arguments."""
    return SerializationError(f"{what} of the file cannot be made of {shown(value)}")


@constructs("collections OrderedDict")
def ordered(machine: Machine, pairs: Any = ()) -> OrderedDict:
    """Empty; Python 2 gave its items here, as lists of two."""
    made: OrderedDict = machine.opened(OrderedDict())
    if type(pairs) not in (tuple, list) or any(
        type(pair) not in (tuple, list) or len(pair) != 2 for pair in pairs
    ):
        raise wrong("an OrderedDict", pairs)
    if pairs:
        machine.enter(made, pairs, OPEN)
        _fill(machine, made, pairs)
    return made


@constructs("collections Counter")
def counter(machine: Machine, items: Any = None) -> Counter:
    made: Counter = machine.opened(Counter())
    if items is not None:
        if type(items) is not dict:
            raise wrong("a Counter", items)
        machine.enter(made, items, OPEN)
        _fill(machine, made, items.items())
    return made


def _fill(machine: Machine, target: dict, pairs: Any) -> None:
    machine.spend(100 * len(pairs))
    machine.keys.check(target, [key for key, _ in pairs])
    for key, value in pairs:
        target[key] = value


@constructs("collections defaultdict")
def default_dict(machine: Machine, factory: Any = None) -> defaultdict:
    if factory is None:
        return machine.opened(defaultdict())
    if not isinstance(factory, Name) or factory.text not in FACTORIES:
        raise wrong("a defaultdict", factory)
    return machine.opened(defaultdict(FACTORIES[factory.text]))


@constructs("collections deque")
def double_ended(machine: Machine, items: Any = (), most: Any = None) -> deque:
    if type(items) not in (tuple, list) or not _is_natural(most, True):
        raise wrong("a deque", (items, most))
    machine.spend(8 * len(items))
    made: deque = machine.opened(deque(maxlen=most))
    machine.enter(made, items, OPEN)
    made.extend(items)
    return made


@constructs("set", modules=BUILTINS)
def plain_set(machine: Machine, items: Any = ()) -> set:
    return _set_of(machine, set, items)


@constructs("frozenset", modules=BUILTINS)
def frozen_set(machine: Machine, items: Any = ()) -> frozenset:
    return _set_of(machine, frozenset, items)


def _set_of(machine: Machine, cls: Any, items: Any) -> Any:
    if type(items) not in (tuple, list):
        raise wrong("a set", items)
    machine.spend(100 * len(items))
    machine.keys.forget(items)
    machine.keys.check(items, items)
    machine.keys.forget(items)
    made = cls(items)
    machine.enter(made, items)
    return made


@constructs("complex", modules=BUILTINS)
def complex_number(machine: Machine, real: Any = 0.0, imaginary: Any = 0.0) -> complex:
    if type(real) not in (int, float) or type(imaginary) not in (int, float):
        raise wrong("a complex number", (real, imaginary))
    return complex(real, imaginary)


@constructs("range", "xrange", modules=BUILTINS)
def range_of(machine: Machine, *numbers: Any) -> range:
    if not 1 <= len(numbers) <= 3 or any(type(n) is not int for n in numbers) or 0 in numbers[2:]:
        raise wrong("a range", numbers)
    return range(*numbers)


@constructs("slice", modules=BUILTINS)
def slice_of(machine: Machine, *bounds: Any) -> slice:
    if len(bounds) != 3 or any(type(n) not in (int, type(None)) for n in bounds):
        raise wrong("a slice", bounds)
    return slice(*bounds)


@constructs("_codecs encode")
def encoded(machine: Machine, text: Any, encoding: Any = "latin1") -> bytes:
    """Bytes, which protocol 2 writes as text of the same code points."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise wrong("bytes", (text, encoding))
    machine.spend(len(text))
    return text.encode("latin1")


@constructs("bytes", modules=BUILTINS)
def no_bytes(machine: Machine) -> bytes:
    """None: protocol 2 writes empty bytes so."""
    return b""


@constructs("bytearray", modules=BUILTINS)
def byte_array(machine: Machine, content: Any = b"", encoding: Any = None) -> bytearray:
    """Of bytes; of text and its encoding where Python 2 wrote it."""
    if encoding is not None:
        content = encoded(machine, content, encoding)
    if type(content) is not bytes:
        raise wrong("a bytearray", content)
    machine.spend(len(content))
    return bytearray(content)


@constructs("types SimpleNamespace")
def simple_namespace(machine: Machine) -> SimpleNamespace:
    return machine.opened(SimpleNamespace())


PATHS = {
    "Path": pathlib.Path,
    "PosixPath": pathlib.Path,  # a path of the system that reads, as `Path` was where it was written
    "WindowsPath": pathlib.Path,
    "PurePath": pathlib.PurePath,
    "PurePosixPath": pathlib.PurePosixPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
}


def _path(cls: Any) -> Callable[..., Any]:
    def path(machine: Machine, *parts: Any) -> Any:
        if any(type(part) is not str for part in parts):
            raise wrong("a path", parts)
        machine.spend(sum(map(len, parts)))
        return cls(*parts)

    return path


for _name, _cls in PATHS.items():
    constructs(_name, modules=("pathlib", "pathlib._local"))(_path(_cls))


def _is_natural(value: Any, optional: bool = False) -> bool:
    return (optional and value is None) or (type(value) is int and 0 <= value < 2**62)
