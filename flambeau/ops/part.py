"""Parts of a tensor as views: select, narrow, split, chunk, unbind, diagonal, unfold."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap_dim
from .registry import method, public
from .rule import operation
from .view import reshape
from .viewing import sizes_of, view_operation

_FULL = slice(None)


@view_operation("Slice")
def index_basic(x: Any, key: Any) -> Any:
    """Integers, slices, None and Ellipsis: a view."""
    return x[key]


@index_basic.gradient
def _(g: Tensor, key: Any, shape_x: tuple[int, ...]) -> Tensor:
    return put_basic(g, key, shape_x)


@operation
def put_basic(g: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` where `index_basic` looked."""
    whole = np.zeros(shape, g.dtype)
    whole[key] = g
    return whole


@put_basic.gradient
def _(g: Tensor, key: Any) -> Tensor:
    return index_basic(g, key)


@view_operation("Select")
def select_(x: Any, dim: int, index: int) -> Any:
    """One slice of a dimension."""
    return x[(*(_FULL,) * dim, index, Ellipsis)]


@select_.gradient
def _(g: Tensor, dim: int, index: int, shape_x: tuple[int, ...]) -> Tensor:
    return put_basic(g, (*(_FULL,) * dim, index, Ellipsis), shape_x)


@public(method=True)
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One slice of a dimension, which goes away.

    Raises:
        IndexError: Out of range.

    Source: torch.select

    Example:
        >>> import flambeau as torch
        >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 1, 0)
        tensor([1, 3])
    """
    shape = input._array.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    at, index = wrap_dim(dim, len(shape)), operator.index(index)
    size = shape[at]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(shape)} at dimension "
            f"{dim}"
        )
    return select_(input, at, index)


@public(method=True)
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` elements of a dimension from `start` on.

    Raises:
        IndexError: `start` is out of range.
        RuntimeError: They reach over the end.

    Source: torch.narrow

    Example:
        >>> import flambeau as torch
        >>> torch.narrow(torch.arange(5), 0, 1, 2)
        tensor([1, 2])
    """
    shape = input._array.shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Tensor) and (start.ndim or start._array.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    at, first, length = wrap_dim(dim, len(shape)), operator.index(start), operator.index(length)
    size = shape[at]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= first <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [-{size}, {size}], but got {first})"
        )
    first = first + size if first < 0 else first
    if first + length > size:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({size}).")
    return index_basic(input, (*(_FULL,) * at, slice(first, first + length)))


@view_operation("Unbind")
def unbind_(x: Any, dim: int) -> Any:
    """Every slice of a dimension."""
    lead = (_FULL,) * dim
    return tuple(x[(*lead, i, Ellipsis)] for i in range(x.shape[dim]))


@unbind_.gradient
def _(g: list[Tensor], dim: int) -> Tensor:
    from .structure import stack

    return stack(g if isinstance(g, list) else [g], dim)


@public(method=True)
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
    from .structure import cat_

    return cat_(g if isinstance(g, list) else [g], dim)


def _dimension(name: str, input: Tensor, dim: int) -> tuple[int, int]:
    """The dimension counted from the front, and its size."""
    shape = input._array.shape
    if not shape:
        raise RuntimeError(f"{name} expects at least a 1-dimensional tensor")
    at = wrap_dim(dim, len(shape))
    return at, shape[at]


@public("split")
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
def _split(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of a given size, or of given sizes."""
    return split(self, split_size, dim)


@public(method=True)
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


@public(method=True)
def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` into copies, which may be written in place freely.

    Source: torch.unsafe_split
    """
    return tuple(part.clone() for part in split(tensor, split_size, dim))


@public(method=True)
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk` into copies, which may be written in place freely.

    Source: torch.unsafe_chunk
    """
    return tuple(part.clone() for part in chunk(input, chunks, dim))


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


@view_operation("Diagonal")
def diagonal_(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    """The elements at equal indices of two dimensions, as the last dimension."""
    view = x.diagonal(offset, dim1, dim2)
    if x.flags.writeable:
        view.flags.writeable = True
    return view


@diagonal_.gradient
def _(g: Tensor, offset: int, dim1: int, dim2: int, shape_x: tuple[int, ...]) -> Tensor:
    return put_diagonal(g, offset, dim1, dim2, shape_x)


@operation
def put_diagonal(g: Any, offset: int, dim1: int, dim2: int, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` on a diagonal."""
    whole = np.zeros(shape, g.dtype)
    part = whole.diagonal(offset, dim1, dim2)
    part.flags.writeable = True
    part[...] = g
    return whole


@put_diagonal.gradient
def _(g: Tensor, offset: int, dim1: int, dim2: int) -> Tensor:
    return diagonal_(g, offset, dim1, dim2)


@public(method=True)
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements at equal indices of two dimensions, as the last dimension.

    Raises:
        RuntimeError: The two dimensions are one.

    Source: torch.diagonal

    Example:
        >>> import flambeau as torch
        >>> torch.diagonal(torch.tensor([[1, 2], [3, 4]]))
        tensor([1, 4])
    """
    ndim = input._array.ndim
    a, b = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return diagonal_(input, operator.index(offset), a, b)


@public("linalg.diagonal")
def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """`diagonal` of the last two dimensions.

    Source: torch.linalg.diagonal
    """
    return diagonal(A, offset, dim1, dim2)


@view_operation("Unfold")
def unfold_(x: Any, dim: int, size: int, step: int) -> Any:
    """Windows of a dimension, as a new last dimension."""
    windows = np.lib.stride_tricks.sliding_window_view(x, size, dim, writeable=x.flags.writeable)
    return windows[(*(_FULL,) * dim, slice(None, None, step))]


@unfold_.gradient
def _(g: Tensor, dim: int, size: int, step: int, shape_x: tuple[int, ...]) -> Tensor:
    return fold_back(g, dim, size, step, shape_x)


@operation
def fold_back(g: Any, dim: int, size: int, step: int, shape: tuple[int, ...]) -> Any:
    """Windows added up where they came from."""
    whole = np.zeros(shape, g.dtype)
    for i in range(size):
        part = (*(_FULL,) * dim, slice(i, i + (g.shape[dim] - 1) * step + 1, step))
        whole[part] += g[..., i]
    return whole


@fold_back.gradient
def _(g: Tensor, dim: int, size: int, step: int) -> Tensor:
    return unfold_(g, dim, size, step)


@method()
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements every `step`, as a new last dimension.

    Raises:
        RuntimeError: The dimension is smaller, or `step` is not positive.

    Source: torch.Tensor.unfold

    Example:
        >>> import flambeau as torch
        >>> torch.arange(4).unfold(0, 2, 1)
        tensor([[0, 1],
                [1, 2],
                [2, 3]])
    """
    shape = self._array.shape
    dim = wrap_dim(dimension, len(shape))
    limit = shape[dim] if shape else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > limit:
        raise RuntimeError(
            f"maximum size for tensor at dimension {dimension} is {limit} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not shape:
        return index_basic(reshape(self, (1,)), slice(0, size))
    return unfold_(self, dim, size, step)
