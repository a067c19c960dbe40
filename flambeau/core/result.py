"""Results of several named parts: tuples that print as torch's do."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

RESULTS: dict[str, type] = {}
"""Every kind of named result, by name: what ``torch.return_types`` holds."""


class NamedResult(tuple):
    """A tuple whose parts have names.

    Source: torch.return_types
    """

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()
    n_fields = n_sequence_fields = n_unnamed_fields = 0
    of: Any
    """Makes one of just as many parts, unchecked."""

    def __new__(cls, parts: Iterable[Any]) -> NamedResult:
        made = tuple.__new__(cls, parts)
        if len(made) != cls.n_fields:
            raise TypeError(
                f"torch.return_types.{cls.__name__}() takes a {cls.n_fields}-sequence "
                f"({len(made)}-sequence given)"
            )
        return made

    def __init_subclass__(cls) -> None:
        if cls.__bases__ != (NamedResult,):
            base = cls.__bases__[0].__name__
            raise TypeError(f"type 'torch.return_types.{base}' is not an acceptable base type")

    def __repr__(self) -> str:
        lines = ",\n".join(f"{name}={part!r}" for name, part in zip(self.__match_args__, self))
        return f"torch.return_types.{type(self).__name__}(\n{lines})"

    def __reduce__(self) -> tuple:
        return (_rebuild, (type(self).__name__, " ".join(self.__match_args__), tuple(self)))


def named_result(name: str, fields: str) -> type[NamedResult]:
    """The class of results of this name, with these parts."""
    found = RESULTS.get(name)
    if found is None:
        names = tuple(fields.split())
        scope: dict[str, Any] = {
            "__slots__": (),
            "__match_args__": names,
            "__module__": "torch.return_types",
            "n_fields": len(names),
            "n_sequence_fields": len(names),
        }
        for i, part in enumerate(names):
            scope[part] = property(lambda self, i=i: tuple.__getitem__(self, i))
        found = RESULTS[name] = type(name, (NamedResult,), scope)
        found.of = partial(tuple.__new__, found)
    return found


def written_result(made: type[NamedResult]) -> type[NamedResult]:
    """The class of what comes back when a result of class `made` was written into ``out=``."""
    return named_result(f"{made.__name__}_out", " ".join(made.__match_args__))


def _rebuild(name: str, fields: str, parts: tuple) -> NamedResult:
    return named_result(name, fields)(parts)
