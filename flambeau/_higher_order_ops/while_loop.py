"""A loop with a condition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cond import is_true


def while_loop(cond_fn: Callable, body_fn: Callable, carried_inputs: tuple | list) -> Any:
    """Call a function again and again with what it gave, as long as a condition holds.

    Args:
        cond_fn: The condition: gives a bool, or a tensor of one element.
        body_fn: The function: gives as many values as it takes.
        carried_inputs: What both take at first.

    Raises:
        RuntimeError: The function gives another number of values.

    Source: torch.while_loop

    Example:
        >>> import flambeau as torch
        >>> torch.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (torch.tensor(0), torch.ones(2)))
        (tensor(3), tensor([8., 8.]))
    """
    carried = tuple(carried_inputs)
    while is_true(cond_fn(*carried)):
        found = body_fn(*carried)
        found = tuple(found) if isinstance(found, tuple | list) else (found,)
        if len(found) != len(carried):
            raise RuntimeError(
                f"body_fn should return the same number of elements as carried_inputs: {len(carried)}, "
                f"but it returned {len(found)}"
            )
        carried = found
    return carried
