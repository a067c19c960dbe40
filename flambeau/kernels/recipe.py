"""What a compiled kernel is made of: enough to write its text again when somebody wants to look at it.

A kernel is a builtin function, which has no room for notes; but it holds its fallback, a Python
function of its own, and that has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class Recipe:
    """How to write a kernel again.

    Attributes:
        text: Writes its module in LLVM's intermediate language.
        nest: Makes the loop nest of a formula; None for kernels that are written by hand.
        targets: How many of its first arguments it writes to.
        updates: Does it read them too?
    """

    updates = False

    __slots__ = ("nest", "targets", "text")

    def __init__(
        self, text: Callable[[], str], nest: Callable[[], Any] | None = None, targets: int = 0
    ):
        self.text, self.nest, self.targets = text, nest, targets

    def written(self, given: Sequence[Any]) -> int:
        """How many of the first of these arguments it writes to."""
        return self.targets

    def extent(self, given: Sequence[Any]) -> tuple[int, int] | None:
        """How many rows of how many elements it computes; None if the shapes alone say it."""
        return None

    @property
    def recipe(self) -> Recipe:
        """Itself: a kernel without a fallback holds its recipe."""
        return self


def noted(fallback: Any, recipe: Recipe) -> Any:
    """A kernel's fallback, with the kernel's recipe."""
    fallback.recipe = recipe
    return fallback


def recipe_of(function: Any) -> Recipe | None:
    """The recipe of a kernel; None for every other function."""
    holder = getattr(function, "__self__", None)
    # Only these are asked: another builtin may be a method of an object that answers anything.
    cls = holder.__class__
    if cls is Recipe or cls is _FUNCTION or getattr(cls, "carries_recipe", False):
        return getattr(holder, "recipe", None)
    return None


_FUNCTION = type(noted)
