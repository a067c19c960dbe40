"""Printing tensors under PyTorch's names.

Source: torch._tensor_str
"""

from __future__ import annotations

from typing import Any

from .core.printing import (
    format_values,
    get_printoptions,
    join_suffixes,
    printoptions,
    set_printoptions,
)
from .core.tensor import Tensor


class _Options:
    """The options in force, as attributes."""

    def __getattr__(self, name: str) -> Any:
        found = get_printoptions()
        if name not in found:
            raise AttributeError(f"there is no print option {name!r}")
        return found[name]

    def __setattr__(self, name: str, value: Any) -> None:
        set_printoptions(**{name: value})


PRINT_OPTS = _Options()


def _str(self: Any, *, tensor_contents: str | None = None) -> str:
    """A tensor as text; `tensor_contents` takes the place of its values."""
    return Tensor.__repr__(self, tensor_contents=tensor_contents)  # type: ignore[call-arg]


_str_intern = _str


def _add_suffixes(
    tensor_str: str, suffixes: list[str], indent: int, force_newline: bool = False
) -> str:
    """A tensor's text with what follows the values, and the closing bracket."""
    return join_suffixes(tensor_str, suffixes, indent, first_on_new_line=force_newline)


def _tensor_str(self: Any, indent: int) -> str:
    """A tensor's values as text, its later lines behind so many spaces."""
    return format_values(self.detach()._array, indent)


__all__ = ["get_printoptions", "printoptions", "set_printoptions"]
