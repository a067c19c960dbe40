"""Classes of the program's own that can be read without running any of their code.

An object of such a class is made bare, by the method of Python's that its class inherits, and gets its attributes,
items or value from the file; neither constructor nor property, hook or method of the class is called. Only modules that
are loaded are looked at: nothing is imported for a file. Enumerations give a member that exists.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections import OrderedDict
from enum import Enum
from types import MemberDescriptorType
from typing import Any

from .error import SerializationError
from .message import shown

BASES = (tuple, OrderedDict, dict, list, str, int, float)
"""Classes of Python's whose objects have more than attributes; an object of a subclass is made by these."""

_OPTIMIZERS = {
    "Adafactor": "_adafactor",
    "LBFGS": "lbfgs",
    "Muon": "_muon",
    "SparseAdam": "sparse_adam",
}
"""PyTorch's files of optimizers, where they are not the name in small letters."""

_CONSTRAINTS = "torch.distributions.constraints"
"""Where what stores of constrained parameters (Pyro's) hold beside these is: sets of numbers, by their bounds."""


def home(cls: Any) -> str | None:
    """PyTorch's module of an optimizer of ours; None for what is none."""
    module = (getattr(cls, "__module__", None) or "").partition(".")
    if module[0] not in ("flambeau", "torch") or not module[2].startswith("optim."):
        return None
    file = _OPTIMIZERS.get(cls.__name__, cls.__name__.lower())
    return f"torch.optim.{file}"


def is_ours(module: str) -> bool:
    """Is it a module of flambeau's, under either name?"""
    return module.partition(".")[0] in ("flambeau", "torch")


def found_by_name(module: str, name: str) -> Any:
    """What a loaded module has under a dotted name, or None; optimizers and constraints of ours by PyTorch's name."""
    if module == _CONSTRAINTS:
        from ..distributions import constraints

        found = vars(constraints).get(name)
        return (
            found if isinstance(found, type) and issubclass(found, constraints.Constraint) else None
        )
    if module.startswith("torch.optim."):
        from .. import optim

        found = getattr(optim, name, None)
        return found if home(found) == module else None
    if is_ours(module):
        return _part_of_ours(module.partition(".")[2], name)
    found = sys.modules.get(module)
    for part in name.split("."):
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    return found


_PACKAGES = ("distributions", "utils.data", "nn.utils")
"""Parts of ours with classes of nothing but attributes: distributions, datasets, hooks that compute weights."""


def _part_of_ours(module: str, name: str) -> Any:
    """A class of one of these packages, wherever in it PyTorch has it."""
    for package in _PACKAGES:
        if f"{module}.".startswith(f"{package}."):
            root = __package__.partition(".")[0]
            for home in (f"{root}.{module}", f"{root}.{package}"):
                found = vars(sys.modules[home]).get(name) if home in sys.modules else None
                own = found.__mro__ if isinstance(found, type) else ()
                if own and all(_is_bare(kind) for kind in own if is_ours(kind.__module__)):
                    return found
    return None


def is_plain(cls: Any) -> bool:
    """Can objects of the class be made without running code of its own?"""
    if not isinstance(cls, type) or cls.__module__ in ("builtins", "types", "functools"):
        return False
    if issubclass(cls, Enum):
        return True
    own = [kind for kind in cls.__mro__ if not _is_known(kind)]
    return all(_is_bare(kind) for kind in own)


def _is_known(cls: type) -> bool:
    """Is it a class of Python's or ours that `made` and `set_attributes` care for?"""
    is_base = cls in BASES or cls is object or cls.__module__ in ("typing", "abc")
    return is_base or is_ours(cls.__module__)


_HOOKS = ("__setstate__", "__del__", "__setitem__", "__new__", "__getattribute__", "__setattr__")


def _is_bare(cls: type) -> bool:
    """Has it none of the methods that making an object would call?"""
    own = set(vars(cls))
    if _is_named_tuple(cls):
        own.discard("__new__")
    return own.isdisjoint(_HOOKS) or (
        own.isdisjoint(set(_HOOKS) - {"__setattr__"}) and hasattr(cls, "__dataclass_fields__")
    )


def _is_named_tuple(cls: type) -> bool:
    written = getattr(cls.__new__, "__globals__", ())  # of what `namedtuple` has written
    return issubclass(cls, tuple) and "__new__" in vars(cls) and "_tuple_new" in written


def made(cls: type, args: tuple) -> Any:
    """A bare object of a plain class.

    Raises:
        SerializationError: The arguments are others than such an object is made of.
    """
    base: Any = next((kind for kind in BASES if issubclass(cls, kind)), object)
    if base is tuple:
        values = args if hasattr(cls, "_fields") else (args[0] if args else ())
        if isinstance(values, tuple) and len(values) == len(getattr(cls, "_fields", values)):
            return tuple.__new__(cls, values)
    elif base in (str, int, float):
        if len(args) == 1 and type(args[0]) is base:
            return base.__new__(cls, args[0])  # type: ignore[call-overload]
    elif not args and not issubclass(cls, Enum):
        return base.__new__(cls)
    raise SerializationError(f"a {cls.__qualname__} of the file cannot be made of {shown(args)}")


def called(function: Any, args: tuple) -> Any:
    """What pickle makes by a call, without one: a member of an enumeration, an OrderedDict of a class, a partial.

    Raises:
        SerializationError: It is something else.
    """
    if function is functools.partial and len(args) == 1 and callable(args[0]):
        return functools.partial(args[0])
    if isinstance(function, type) and issubclass(function, Enum) and len(args) == 1:
        member = function._value2member_map_.get(args[0])
        if member is not None:
            return member
    elif isinstance(function, type) and issubclass(function, OrderedDict) and not args:
        return OrderedDict.__new__(function)
    raise SerializationError("data.pkl calls something that is not a constructor of checkpoints")


def set_attributes(target: Any, state: Any) -> None:
    """Give a bare object its attributes.

    Raises:
        SerializationError: They are none.
    """
    attributes, slots = state if type(state) is tuple and len(state) == 2 else (state, None)
    for given in (attributes, slots):
        if given is not None and (
            type(given) is not dict or any(type(name) is not str for name in given)
        ):
            raise SerializationError(f"attributes of an object of the file are {shown(given)}")
    if attributes is not None:
        target.__dict__.update(attributes)
    for name, value in () if slots is None else slots.items():
        homes = (vars(cls) for cls in type(target).__mro__ if name in vars(cls))
        place = next(homes, {}).get(name)
        if not isinstance(place, MemberDescriptorType):
            raise SerializationError(f"{type(target).__qualname__} has no slot {shown(name)}")
        place.__set__(target, value)


def resolves(item: Any) -> bool:
    """Is a class or function found under its own name, so that a reader finds it?"""
    try:
        module = importlib.import_module(item.__module__)
        return functools.reduce(getattr, item.__qualname__.split("."), module) is item
    except (AttributeError, ImportError):
        return False
