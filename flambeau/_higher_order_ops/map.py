"""A loop over slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.pytree.tree import tree_flatten, tree_map, tree_unflatten
from ..ops.join.cat import stack


def map(f: Callable, xs: Any, *args: Any) -> Any:
    """Call a function with each slice along the first dimension, and stack what it gives.

    Args:
        f: The function.
        xs: A tensor, or a tree of them, that is cut.
        args: What else `f` takes, the same each time.

    Raises:
        RuntimeError: There is no slice.

    Source: torch._higher_order_ops.map

    Example:
        >>> import flambeau as torch
        >>> from flambeau._higher_order_ops.map import map
        >>> map(lambda row, y: row.sum() * y, torch.ones(2, 3), torch.tensor(2.0))
        tensor([6., 6.])
    """
    leaves, spec = tree_flatten(xs)
    if not leaves or not len(leaves[0]):
        raise RuntimeError(
            "map() needs at least one slice: what it gives has the shapes of results"
        )
    results = [f(tree_unflatten(list(slices), spec), *args) for slices in zip(*leaves)]
    return tree_map(lambda *parts: stack(parts), *results)
