"""The older PassManager: functions of graph modules one after the other.

Source: torch.fx.passes.pass_manager
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .infra.pass_manager import inplace_wrapper

__all__ = ["PassManager", "inplace_wrapper", "this_before_that_pass_constraint"]


def this_before_that_pass_constraint(this: Callable, that: Callable) -> Callable[[Any, Any], bool]:
    """A constraint: the first pass stands before the second."""

    def holds(a: Callable, b: Callable) -> bool:
        return not (a is that and b is this)

    return holds


class PassManager:
    """Runs functions of a module, each with what the one before gave.

    Args:
        passes: The functions.
        constraints: Each is asked with two of them whether the first may stand before the second.
    """

    def __init__(
        self,
        passes: list[Callable] | None = None,
        constraints: list[Callable[[Any, Any], bool]] | None = None,
    ):
        self.passes, self.constraints = list(passes or []), list(constraints or [])

    @classmethod
    def build_from_passlist(cls, passes: list[Callable]) -> PassManager:
        """A manager of these functions."""
        return cls(passes)

    def add_pass(self, _pass: Callable) -> None:
        """Add a function at the end."""
        self.passes.append(_pass)

    def add_constraint(self, constraint: Callable[[Any, Any], bool]) -> None:
        """Add a constraint."""
        self.constraints.append(constraint)

    def validate(self) -> None:
        """Check the order.

        Raises:
            RuntimeError: A function stands before one that it must not stand before.
        """
        for i, first in enumerate(self.passes):
            for second in self.passes[i + 1 :]:
                if not all(constraint(first, second) for constraint in self.constraints):
                    raise RuntimeError(
                        f"pass schedule constraint violated: {first} before {second}"
                    )

    def __call__(self, source: Any) -> Any:
        self.validate()
        for one in self.passes:
            source = one(source)
        return source
