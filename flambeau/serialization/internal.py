"""What may lie on the machine's stack, and in tuples of arguments, but in no result."""

from __future__ import annotations

from typing import Any


class Name:
    """A class or function of the format, by its text "module name"; it is never looked up anywhere
    but in a table."""

    __slots__ = ("text",)

    def __init__(self, text: str):
        self.text = text


class Draft:
    """An object that is whole only when its state has been set; `value` is the object then."""

    __slots__ = ("value",)

    value: Any

    def complete(self, state: Any) -> Any:
        """The object."""
        raise NotImplementedError
