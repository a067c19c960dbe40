"""Running combinations by a function that is associative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.pytree.tree import tree_flatten, tree_leaves, tree_unflatten
from ..core.tensor import Tensor
from ..ops.join.cat import cat, stack

Combine = Callable[[list[Tensor], list[Tensor]], list[Tensor]]


def associative_scan(
    combine_fn: Callable[[Any, Any], Any],
    xs: Any,
    dim: int,
    reverse: bool = False,
    combine_mode: str = "pointwise",
) -> Any:
    """The running combinations of slices along a dimension.

    Pairs are combined first, then pairs of pairs (Blelloch, 1990): the function is called some 2 log2(n) times,
    with many slices at once.

    Args:
        combine_fn: Takes two trees like `xs` and gives a third. It must be associative, and work on many slices
            at once.
        xs: A tensor or a tree of them.
        dim: The dimension.
        reverse: From the last slice to the first?
        combine_mode: "pointwise" or "generic"; PyTorch's compiler asks for it, here both are one.

    Raises:
        ValueError: Another mode, a tree without tensors, or tensors of different lengths.

    Source: torch._higher_order_ops.associative_scan

    Example:
        >>> import flambeau as torch
        >>> from flambeau._higher_order_ops.associative_scan import associative_scan
        >>> associative_scan(lambda x, y: x * y, torch.tensor([1, 2, 3, 4]), 0)
        tensor([ 1,  2,  6, 24])
    """
    if combine_mode not in ("pointwise", "generic"):
        raise ValueError(
            f"Combine_mode must either 'pointwise' or 'generic', but got {combine_mode}"
        )
    leaves, spec = tree_flatten(xs)
    if not leaves:
        raise ValueError("Expected at least 1 xs leaf")
    rows = [x.movedim(dim, 0) for x in leaves]
    if len({len(x) for x in rows}) > 1:
        raise ValueError(
            f"all tensors need the same length along dim {dim}, but got {[len(x) for x in rows]}"
        )
    if reverse:
        rows = [x.flip(0) for x in rows]

    def combine(before: list[Tensor], after: list[Tensor]) -> list[Tensor]:
        return tree_leaves(combine_fn(tree_unflatten(before, spec), tree_unflatten(after, spec)))

    rows = _scanned(combine, rows)
    if reverse:
        rows = [x.flip(0) for x in rows]
    return tree_unflatten([x.movedim(0, dim) for x in rows], spec)


def _scanned(combine: Combine, rows: list[Tensor]) -> list[Tensor]:
    """All running combinations along the first dimension."""
    n = len(rows[0])
    if n < 2:
        return rows
    pairs = combine([x[: n - 1 : 2] for x in rows], [x[1::2] for x in rows])
    odd = _scanned(combine, pairs)  # what ends at places 1, 3, 5, ...
    if n == 2:
        return [cat((x[:1], y)) for x, y in zip(rows, odd)]
    later = combine([y[: (n - 1) // 2] for y in odd], [x[2::2] for x in rows])
    even = [cat((x[:1], y)) for x, y in zip(rows, later)]
    return [_interleaved(x, y) for x, y in zip(even, odd)]


def _interleaved(even: Tensor, odd: Tensor) -> Tensor:
    both = stack((even[: len(odd)], odd), 1).flatten(0, 1)
    return cat((both, even[-1:])) if len(even) > len(odd) else both
