"""A tensor taken apart: unbind, split, chunk, tensor_split."""

from __future__ import annotations

import operator
from typing import Any

from ...core import tensor as handle
from ...core.tensor import Tensor, wrap_dim
from ...dispatch.registry import method, public
from ...dispatch.remembered import remembers
from ...dispatch.rule.view_operation import sizes_of, view_operation
from ..view.slice import index_basic
from .cat import cat, stack

_FULL = slice(None)


@view_operation("Unbind")
def unbind_(x: Any, dim: int) -> Any:
    """Every slice of a dimension."""
    lead = (_FULL,) * dim
    return tuple(x[(*lead, i, Ellipsis)] for i in range(x.shape[dim]))


@unbind_.gradient
def _(g: list[Tensor], dim: int) -> Tensor:
    return stack(g, dim)


@public(method=True)
@remembers("input")
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Every slice of a dimension.

    Raises:
        IndexError: There is no such dimension.

    Source: torch.unbind

    Example:
        >>> import flambeau as torch
        >>> torch.unbind(torch.tensor([[1, 2], [3, 4]]), 1)
        (tensor([1, 3]), tensor([2, 4]))
    """
    ndim = input._array.ndim
    if ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return unbind_(input, wrap_dim(dim, ndim))


@view_operation("Split")
def split_(x: Any, sizes: tuple[int, ...], dim: int) -> Any:
    """Parts of a dimension."""
    parts, start, lead = [], 0, (_FULL,) * dim
    for n in sizes:
        parts.append(x[(*lead, slice(start, start + n))])
        start += n
    return tuple(parts)


@split_.gradient
def _(g: list[Tensor], dim: int) -> Tensor:
    return cat(g, dim)


def _dimension(name: str, input: Tensor, dim: int) -> tuple[int, int]:
    """The dimension counted from the front, and its size."""
    shape = input._array.shape
    if not shape:
        raise RuntimeError(f"{name} expects at least a 1-dimensional tensor")
    at = wrap_dim(dim, len(shape))
    return at, shape[at]


@public("split")
@remembers("tensor")
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of a given size, or of given sizes.

    Raises:
        RuntimeError: The sizes do not fit.

    Source: torch.split

    Example:
        >>> import flambeau as torch
        >>> torch.split(torch.arange(5), 2)
        (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    size = split_size_or_sections
    if isinstance(size, (list, tuple)):
        return split_with_sizes(tensor, size, dim)
    at, total = _dimension("split", tensor, dim)
    size = operator.index(size)
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and total:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {total}"
        )
    count = max(1, -(-total // size)) if size else 1
    return split_(tensor, (*(size,) * (count - 1), total - size * (count - 1)), at)


@method("split")
@remembers("self")
def _split(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of a given size, or of given sizes."""
    return split(self, split_size, dim)


@public(method=True)
@remembers("input")
def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of given sizes.

    Raises:
        RuntimeError: They do not add up to the dimension's size.

    Source: torch.split_with_sizes
    """
    at, total = _dimension("split_with_sizes", input, dim)
    sizes = sizes_of((split_sizes,))
    if min(sizes, default=0) < 0:
        raise RuntimeError(
            "split_with_sizes expects split_sizes have only non-negative entries, but got "
            f"split_sizes={list(sizes)}"
        )
    if sum(sizes) != total:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {total} (input tensor's size "
            f"at dimension {at}), but got split_sizes={list(sizes)}"
        )
    return split_(input, sizes, at)


@public(method=True)
@remembers("input")
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` parts of equal size, the last perhaps smaller.

    Raises:
        RuntimeError: `chunks` is not positive.

    Source: torch.chunk

    Example:
        >>> import flambeau as torch
        >>> torch.chunk(torch.arange(5), 2)
        (tensor([0, 1, 2]), tensor([3, 4]))
    """
    at, size = _dimension("chunk", input, dim)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if size == 0:
        return split_(input, (0,) * chunks, at)
    return split(input, -(-size // chunks), at)


@public(method=True)
@remembers("input")
def tensor_split(
    input: Tensor,
    indices_or_sections: Any = None,
    dim: int = 0,
    *,
    indices: Any = None,
    sections: Any = None,
) -> tuple[Tensor, ...]:
    """Parts of nearly equal size, as many as said, or cut at the given places.

    Args:
        indices_or_sections: A number of parts, or places to cut (a sequence, or a 1-d tensor).
        indices, sections: One of the two, by name.

    Raises:
        RuntimeError: There are no sections, or the tensor of places is not as above.

    Source: torch.tensor_split

    Example:
        >>> import flambeau as torch
        >>> torch.tensor_split(torch.arange(5), 3)
        (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    cut = next(c for c in (indices_or_sections, indices, sections, 0) if c is not None)
    shape = input._array.shape
    if not shape:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    at = wrap_dim(dim, len(shape))
    if isinstance(cut, Tensor):
        cut = _places(cut)
    if not isinstance(cut, (list, tuple)):
        count = operator.index(cut)
        if count <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {count}")
        size, more = divmod(shape[at], count)
        return split_(input, tuple(size + (i < more) for i in range(count)), at)
    bounds = [*sizes_of((cut,)), shape[at]]
    starts = [0, *bounds[:-1]]
    lead = (_FULL,) * at
    return tuple(index_basic(input, (*lead, slice(a, b))) for a, b in zip(starts, bounds))


def _places(cut: Tensor) -> Any:
    if cut.dtype.name != "int64":
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
            f"{cut.dtype.legacy}"
        )
    if cut.ndim > 1:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
            f"one-dimensional tensor, but got a tensor with {cut.ndim} dims"
        )
    return cut.tolist()


def _apart(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The same memory and history, but no views to differentiation: their versions are counted on their own."""
    return tuple([handle.make(part._array, part._kind, part._node, [0], None) for part in parts])


@public(method=True)
def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` whose parts share the memory but are no views: nothing notices where both are written to.

    Source: torch.unsafe_split
    """
    return _apart(split(tensor, split_size, dim))


@public(method=True)
def unsafe_split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`split_with_sizes` whose parts share the memory but are no views.

    Source: torch.unsafe_split_with_sizes
    """
    return _apart(split_with_sizes(input, split_sizes, dim))


@public(method=True)
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk` whose parts share the memory but are no views.

    Source: torch.unsafe_chunk
    """
    return _apart(chunk(input, chunks, dim))


def _split_along(name: str, dim: int) -> None:
    def function(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        shape = input._array.shape
        if len(shape) < max(dim, 1):
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {max(dim, 1)} dimension, but got a "
                f"tensor with {len(shape)} dimensions!"
            )
        at = (0 if len(shape) == 1 else 1) if name == "hsplit" else {"vsplit": 0, "dsplit": 2}[name]
        cut = indices_or_sections
        if not isinstance(cut, (list, tuple)) and (cut <= 0 or shape[at] % cut):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {at}, but the size of the "
                f"dimension {shape[at]} is not divisible by the split_size {cut}!"
            )
        return tensor_split(input, cut, at)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""`tensor_split` along one dimension, into parts of equal size.

    Raises:
        RuntimeError: The dimension is missing, or does not divide.

    Source: torch.{name}
    """
    public(method=True)(function)


_split_along("hsplit", 1)
_split_along("vsplit", 2)
_split_along("dsplit", 3)
