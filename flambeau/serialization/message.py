"""Values of a file in messages: shortened, at a cost that does not depend on how large they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_CHARACTERS = 100
_PARTS = 8
_NAMES = 50


def shown(value: Any) -> str:
    """A few words on a value that a file gave: itself if it is small, otherwise its kind and size."""
    kind = type(value)
    if kind is str or kind is bytes:
        return repr(value) if len(value) <= _CHARACTERS else f"{value[:_CHARACTERS]!r}..."
    if kind is int and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    if value is None or kind in (int, bool, float, complex):
        return repr(value)
    if kind is tuple and len(value) <= _PARTS and not any(type(part) is tuple for part in value):
        return f"({', '.join(map(shown, value))})"
    count = f" of {len(value)}" if kind in (tuple, list, dict, set) else ""
    return f"a {kind.__name__}{count}"


def listed(names: Iterable[str]) -> str:
    """Names in order, each shortened, and how many more there are."""
    found = sorted(names)
    more = f" and {len(found) - _NAMES} more" if len(found) > _NAMES else ""
    return ", ".join(name[:_CHARACTERS] for name in found[:_NAMES]) + more


def reason(error: Exception) -> str:
    """What an exception that was not ours says, unless it would print a value of the file."""
    if isinstance(error, UnicodeError):
        return f"{type(error).__name__}: {getattr(error, 'reason', '')}"
    said = " ".join(shown(part) if type(part) is not str else part for part in error.args[:1])
    return f"{type(error).__name__}: {said[:200]}"
