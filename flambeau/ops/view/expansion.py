"""Broadcasting and back: expand, broadcast_to, sum_to_size."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...core.tensor import Tensor
from ...dispatch.registry import method, public
from ...dispatch.remembered import remembers
from ...dispatch.rule.view_operation import sizes_of, strided_view, view_operation
from .shape import reshape


@view_operation("Expand")
def expand_(x: Any, shape: tuple[int, ...]) -> Any:
    """Spread over larger dimensions without a copy."""
    lead = len(shape) - x.ndim
    if shape[lead:] == x.shape and (not lead or set(shape[:lead]) == {1}):
        return x[(None,) * lead + (Ellipsis,)]
    strides = [
        0 if n == 1 and m != 1 else step for n, m, step in zip(x.shape, shape[lead:], x.strides)
    ]
    return strided_view(x, shape, (*(0,) * lead, *strides))


@expand_.gradient
def _(g: Tensor, shape_x: tuple[int, ...]) -> Tensor:
    return sum_to_size(g, shape_x)


@method()
@remembers("self")
def expand(self: Tensor, *sizes: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """Dimensions of size 1 spread to larger sizes, without a copy; -1 keeps a size.

    Raises:
        RuntimeError: A size does not fit.

    Source: torch.Tensor.expand

    Example:
        >>> import flambeau as torch
        >>> torch.tensor([[1], [2]]).expand(-1, 3)
        tensor([[1, 1, 1],
                [2, 2, 2]])
    """
    shape = list(sizes_of(sizes if size is None else (size,)))
    own = self._array.shape
    lead = len(shape) - len(own)
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.{self.dtype.legacy}Tensor{{{list(own)}}}, size={shape}): the number of "
            f"sizes provided ({len(shape)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({len(own)})"
        )
    wanted = list(shape)
    for i, n in enumerate(shape):
        if i < lead:
            if n < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({n}) isn't allowed in a leading, "
                    f"non-existing dimension {i}"
                )
        elif n == -1:
            wanted[i] = own[i - lead]
        elif n < 0 or own[i - lead] not in (1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size "
                f"({own[i - lead]}) at non-singleton dimension {i}.  Target sizes: {shape}.  "
                f"Tensor sizes: {list(own)}"
            )
    return expand_(self, tuple(wanted))


@method()
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """`expand` to another tensor's shape."""
    return expand(self, other._array.shape)


@public(method=True)
@remembers("input")
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """`expand` to a shape.

    Source: torch.broadcast_to
    """
    return expand(input, size)


@method()
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The sum over what broadcasting from `size` would have spread.

    Raises:
        RuntimeError: `size` does not broadcast to this tensor's shape.

    Source: torch.Tensor.sum_to_size
    """
    shape, own = sizes_of(size), self._array.shape
    if not shape:
        return self.sum()
    dims = _dims_spread(shape, own)
    return self if dims is None else reshape(self.sum(dims, keepdim=True), shape)


@lru_cache(1024)
def _dims_spread(shape: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, ...] | None:
    """The dimensions in which broadcasting would have spread; None if there are none."""
    extra = len(own) - len(shape)
    if extra < 0 or any(n not in (1, m) for n, m in zip(shape, own[extra:])):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(own)}}}.")
    dims = [*range(extra)]
    dims += [i + extra for i, n in enumerate(shape) if n == 1 and own[i + extra] != 1]
    return tuple(dims) or None


@method()
def _fit(self: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A gradient in the shape of what it belongs to: summed where that was spread, spread where summed."""
    result, own = self, self._array.shape
    lead = len(own) - len(shape)
    if lead > 0 or any(m == 1 != n for n, m in zip(own, shape[-lead:] if lead else shape)):
        result = sum_to_size(
            result, [n if m != 1 else 1 for n, m in zip(own[lead:] if lead > 0 else own, shape)]
        )
    return result if result._array.shape == tuple(shape) else expand(result, *shape)
