"""Results of several named parts: tuples that print as torch's do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

RESULTS: dict[str, type] = {}
"""Every kind of named result, by name: what ``torch.return_types`` holds."""


class NamedResult(tuple):
    """A tuple whose parts have names.

    Source: torch.return_types
    """

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __new__(cls, parts: Iterable[Any]) -> NamedResult:
        made = tuple.__new__(cls, parts)
        if len(made) != len(cls._fields):
            raise TypeError(
                f"{cls.__name__}() takes a {len(cls._fields)}-sequence ({len(made)}-sequence given)"
            )
        return made

    def __repr__(self) -> str:
        lines = ",\n".join(f"{name}={part!r}" for name, part in zip(self._fields, self))
        return f"torch.return_types.{type(self).__name__}(\n{lines})"

    def __reduce__(self) -> tuple:
        return (_rebuild, (type(self).__name__, " ".join(self._fields), tuple(self)))


def named_result(name: str, fields: str) -> type[NamedResult]:
    """The class of results of this name, with these parts."""
    found = RESULTS.get(name)
    if found is None:
        names = tuple(fields.split())
        scope: dict[str, Any] = {
            "__slots__": (),
            "_fields": names,
            "__module__": "torch.return_types",
        }
        for i, part in enumerate(names):
            scope[part] = property(lambda self, i=i: tuple.__getitem__(self, i))
        scope["__match_args__"] = names
        found = RESULTS[name] = type(name, (NamedResult,), scope)
    return found


def _rebuild(name: str, fields: str, parts: tuple) -> NamedResult:
    return named_result(name, fields)(parts)
