"""In which order einsum multiplies three or more operands.

Unlike PyTorch's, the search needs no package of its own: NumPy's is used.

Attributes:
    enabled: Is the order chosen by cost? If not, operands are multiplied from left to right.
    strategy: "auto", "greedy", "optimal", or "auto-hq", which tries all orders of a few operands more
        than "auto" does; None where `enabled` is False.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

STRATEGIES = ("auto", "auto-hq", "greedy", "optimal")

_enabled = True
_strategy: str | None = "auto"


def is_available() -> bool:
    """Can orders be searched? Always.

    Source: torch.backends.opt_einsum.is_available
    """
    return True


def get_opt_einsum() -> Any:
    """The package that PyTorch would use: there is none.

    Source: torch.backends.opt_einsum.get_opt_einsum
    """
    return None


def set_flags(
    _enabled: bool | None = None, _strategy: str | None = None
) -> tuple[bool | None, str | None]:
    """Change the flags, and give what they were (None for one that was not changed)."""
    own = sys.modules[__name__]
    before = own._enabled if _enabled is not None else None
    before_strategy = own._strategy if _strategy is not None else None
    if _strategy is not None and _strategy not in STRATEGIES:
        raise ValueError(
            f"`strategy` must be one of the following: {list(STRATEGIES)} but is {_strategy}"
        )
    if _strategy is not None and not (own._enabled if _enabled is None else _enabled):
        raise ValueError(
            f"opt_einsum is not enabled, so setting a `strategy` to {_strategy} does not make sense: "
            "set `enabled` to True as well"
        )
    if _enabled is not None:
        own._enabled = _enabled
        own._strategy = "auto" if _enabled else None
    if _strategy is not None:
        own._strategy = _strategy
    return before, before_strategy


@contextmanager
def flags(enabled: bool | None = None, strategy: str | None = None) -> Iterator[None]:
    """Context manager: other flags for a block.

    Source: torch.backends.opt_einsum.flags

    Example:
        >>> import flambeau as torch
        >>> with torch.backends.opt_einsum.flags(enabled=True, strategy="optimal"):
        ...     torch.einsum("ij,jk,k->i", torch.ones(2, 3), torch.ones(3, 4), torch.ones(4))
        tensor([12., 12.])
    """
    own = sys.modules[__name__]
    before = own._enabled, own._strategy
    set_flags(enabled, strategy)
    try:
        yield
    finally:
        own._enabled, own._strategy = before  # type: ignore[attr-defined]


class _Module(ModuleType):
    """The module, whose flags are attributes that can be set."""

    @property
    def enabled(self) -> bool:
        return _enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        set_flags(_enabled=value)

    @property
    def strategy(self) -> str | None:
        return _strategy

    @strategy.setter
    def strategy(self, value: str) -> None:
        set_flags(_strategy=value)


sys.modules[__name__].__class__ = _Module
