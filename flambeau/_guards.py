"""Which fake mode is in force: what packages ask of PyTorch's compiler.

Source: torch._guards
"""

from __future__ import annotations

from typing import Any

from ._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from .core.handler import state
from .core.pytree.tree import tree_leaves

__all__ = ["active_fake_mode", "detect_fake_mode"]


def active_fake_mode() -> FakeTensorMode | None:
    """The innermost fake mode that a ``with`` block has open; None: there is none.

    Source: torch._guards.active_fake_mode

    Example:
        >>> from flambeau._guards import active_fake_mode
        >>> from flambeau._subclasses import FakeTensorMode
        >>> active_fake_mode() is None
        True
        >>> with FakeTensorMode() as mode:
        ...     active_fake_mode() is mode
        True
    """
    modes = reversed(state.dispatch or ())
    return next((mode for mode in modes if isinstance(mode, FakeTensorMode)), None)


def detect_fake_mode(inputs: Any = None) -> FakeTensorMode | None:
    """The fake mode in force, and of the fake tensors in a nesting; None: there is none.

    Raises:
        AssertionError: There are two.

    Source: torch._guards.detect_fake_mode
    """
    found = [x.fake_mode for x in tree_leaves(inputs) if isinstance(x, FakeTensor)]
    active = active_fake_mode()
    if active is not None:
        found.insert(0, active)
    if any(mode is not found[0] for mode in found):
        raise AssertionError("tensors of several fake modes, or of another one than that in force")
    return found[0] if found else None
