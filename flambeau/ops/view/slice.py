"""Parts of a tensor as views: select, narrow, split, chunk, unbind, diagonal, unfold."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import BY_NUMPY
from ...core.memory import is_writable, set_writable
from ...core.tensor import Tensor, wrap_dim
from ...dispatch.registry import method, public
from ...dispatch.remembered import remembers
from ...dispatch.rule.rule_operation import operation
from ...dispatch.rule.view_operation import view_operation
from .shape import reshape

_FULL = slice(None)


@view_operation("Slice", shows_part=True)
def index_basic(x: Any, key: Any) -> Any:
    """Integers, slices, None and Ellipsis: a view."""
    return x[key]


@index_basic.gradient
def _(g: Tensor, key: Any, shape_x: tuple[int, ...]) -> Tensor:
    return put_basic(g, key, shape_x)


@operation(moves=True)
def put_basic(g: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` where `index_basic` looked."""
    whole = kernels.array.zeros.zeros(shape, g.dtype)
    kernels.array.copy.copy_into(whole[key], g)
    return whole


@put_basic.gradient
def _(g: Tensor, key: Any) -> Tensor:
    return index_basic(g, key)


@view_operation("Select", shows_part=True)
def select_(x: Any, dim: int, index: int) -> Any:
    """One slice of a dimension."""
    return x[(*(_FULL,) * dim, index, Ellipsis)]


@select_.gradient
def _(g: Tensor, dim: int, index: int, shape_x: tuple[int, ...]) -> Tensor:
    return put_basic(g, (*(_FULL,) * dim, index, Ellipsis), shape_x)


@public(method=True)
@remembers("input")
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
@remembers("input")
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


@view_operation("Diagonal", shows_part=True)
def diagonal_(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    """The elements at equal indices of two dimensions, as the last dimension."""
    view = x.diagonal(offset, dim1, dim2)
    if is_writable(x):
        set_writable(view, True)
    return view


@diagonal_.gradient
def _(g: Tensor, offset: int, dim1: int, dim2: int, shape_x: tuple[int, ...]) -> Tensor:
    return put_diagonal(g, offset, dim1, dim2, shape_x)


@operation(moves=True)
def put_diagonal(g: Any, offset: int, dim1: int, dim2: int, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` on a diagonal."""
    whole = kernels.array.zeros.zeros(shape, g.dtype)
    part = whole.diagonal(offset, dim1, dim2)
    set_writable(part, True)
    part[...] = g
    return whole


@put_diagonal.gradient
def _(g: Tensor, offset: int, dim1: int, dim2: int) -> Tensor:
    return diagonal_(g, offset, dim1, dim2)


@public(method=True)
@remembers("input")
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
    windows = np.lib.stride_tricks.sliding_window_view(x, size, dim, writeable=is_writable(x))
    return windows[(*(_FULL,) * dim, slice(None, None, step))]


@unfold_.gradient
def _(g: Tensor, dim: int, size: int, step: int, shape_x: tuple[int, ...]) -> Tensor:
    return fold_back(g, dim, size, step, shape_x)


@operation
def fold_back(g: Any, dim: int, size: int, step: int, shape: tuple[int, ...]) -> Any:
    """Windows added up where they came from."""
    lead, behind = shape[:dim], shape[dim + 1 :]
    count, rest = g.shape[dim], (_FULL,) * dim
    rows = max(count - 1 + -(-size // step), -(-shape[dim] // step))
    whole = kernels.array.zeros.zeros((*lead, rows, step, *behind), BY_NUMPY[g.dtype].compute)
    parts = np.moveaxis(g, -1, dim + 1)
    for i, first in enumerate(range(0, size, step)):
        width = min(step, size - first)
        part = (*rest, slice(i, i + count), slice(width))
        whole[part] += parts[(*rest, _FULL, slice(first, first + width))]
    whole = whole.reshape((*lead, rows * step, *behind))[(*rest, slice(shape[dim]))]
    return np.ascontiguousarray(whole.astype(g.dtype, copy=False))


@fold_back.gradient
def _(g: Tensor, dim: int, size: int, step: int) -> Tensor:
    return unfold_(g, dim, size, step)


@method()
@remembers("self")
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
