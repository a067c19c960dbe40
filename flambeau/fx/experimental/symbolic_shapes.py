"""Names of PyTorch's symbolic sizes. Sizes are numbers here; what asks about symbols gets plain answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .sym_node import SymInt

__all__ = ["GuardOnDataDependentSymNode", "ShapeEnv", "Symbol", "ValueRanges", "free_symbols"]
__all__ += [
    "definitely_true",
    "free_unbacked_symbols",
    "guard_or_false",
    "guard_or_true",
    "hint_int",
]
__all__ += ["guard_size_oblivious", "has_free_symbols", "is_concrete_int", "statically_known_true"]
__all__ += ["sym_eq"]


class GuardOnDataDependentSymNode(RuntimeError):
    """A program asks for a number of a tensor whose values are not fixed.

    Source: torch.fx.experimental.symbolic_shapes.GuardOnDataDependentSymNode
    """


class ConstraintViolationError(RuntimeError):
    """A size that was said to stay open does not."""


class Symbol(str):
    """The name of a size that stays open."""

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class ValueRanges:
    """Which sizes there may be.

    Attributes:
        lower, upper: The least and the greatest; None for no bound.
    """

    lower: int
    upper: int | None

    def __repr__(self) -> str:
        return f"VR[{self.lower}, {'int_oo' if self.upper is None else self.upper}]"


class ShapeEnv:
    """Holds what is known of symbols; there are none here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.guards: list[Any] = []


def guard_or_false(a: Any) -> bool:
    """The answer, as a bool.

    Source: torch.fx.experimental.symbolic_shapes.guard_or_false
    """
    return bool(a)


def guard_or_true(a: Any) -> bool:
    """The answer, as a bool.

    Source: torch.fx.experimental.symbolic_shapes.guard_or_true
    """
    return bool(a)


guard_size_oblivious = definitely_true = statically_known_true = guard_or_false


def free_symbols(val: Any) -> set[Any]:
    """The symbols in sizes: none.

    Source: torch.fx.experimental.symbolic_shapes.free_symbols
    """
    return set()


def free_unbacked_symbols(x: Any) -> set[Any]:
    """The symbols without a number: none.

    Source: torch.fx.experimental.symbolic_shapes.free_unbacked_symbols
    """
    return set()


def has_free_symbols(val: Any) -> bool:
    """Are there symbols in it? No.

    Source: torch.fx.experimental.symbolic_shapes.has_free_symbols
    """
    return False


def is_concrete_int(a: Any) -> bool:
    """Is it a plain number, and no size that stays open?

    Source: torch.fx.experimental.symbolic_shapes.is_concrete_int
    """
    return isinstance(a, int) and not isinstance(a, SymInt)


def hint_int(a: Any, fallback: int | None = None) -> int:
    """The number that a size has now.

    Source: torch.fx.experimental.symbolic_shapes.hint_int
    """
    return int(a)


def sym_eq(x: Any, y: Any) -> bool:
    """Are two sizes, or tuples of sizes, equal?

    Source: torch.fx.experimental.symbolic_shapes.sym_eq
    """
    return bool(x == y)
