"""A loop over slices that carries a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.pytree.tree import tree_flatten, tree_map, tree_unflatten
from ..ops.join.cat import stack


def scan(
    combine_fn: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any,
    *,
    dim: int = 0,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Call a function with a state and each slice in turn; it gives the next state, and a result.

    Args:
        combine_fn: The function.
        init: The first state, a tree of tensors.
        xs: Tensors, or a tree of them, that are cut along `dim`.
        dim: The dimension.
        reverse: From the last slice to the first?

    Returns:
        The last state, and the results stacked along a new first dimension.

    Raises:
        RuntimeError: There is no slice.

    Source: torch._higher_order_ops.scan

    Example:
        >>> import flambeau as torch
        >>> from flambeau._higher_order_ops.scan import scan
        >>> scan(lambda total, x: (total + x, total * x), torch.tensor(0.0), torch.tensor([1.0, 2.0, 3.0]))
        (tensor(6.), tensor([0., 2., 9.]))
    """
    leaves, spec = tree_flatten(xs)
    if not leaves or not leaves[0].shape[dim]:
        raise RuntimeError(
            "scan() needs at least one slice: what it gives has the shapes of results"
        )
    order = range(leaves[0].shape[dim])
    state, results = init, []
    for i in reversed(order) if reverse else order:
        state, result = combine_fn(state, tree_unflatten([x.select(dim, i) for x in leaves], spec))
        results.append(result)
    if reverse:
        results.reverse()
    return state, tree_map(lambda *parts: stack(parts), *results)
