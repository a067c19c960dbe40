"""Results with names: ``torch.sort(x).values``."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from .write import write_out


def named(name: str, fields: str) -> Any:
    """A class of named tuples that print as torch's do."""
    cls: Any = namedtuple(name, fields)  # type: ignore[misc]
    names: tuple[str, ...] = cls._fields

    def show(self: Any) -> str:
        parts = ",\n".join(f"{field}={getattr(self, field)!r}" for field in names)
        return f"torch.return_types.{name}(\n{parts})"

    return type(
        name, (cls,), {"__slots__": (), "__repr__": show, "__module__": "torch.return_types"}
    )


def into(out: Any, result: Any, name: str) -> Any:
    """Write a named result into ``out=``, a tuple of as many tensors."""
    write_out(out, tuple(result), name)
    return type(result)(*out)
