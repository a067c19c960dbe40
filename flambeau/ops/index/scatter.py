"""Along a dimension: gather, scatter, index_select, index_add and their kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ..._caller import warn
from ...core.number import number_for
from ...core.tensor import Tensor, wrap, wrap_dim, wrap_numpy
from ...dispatch.inplace import Write, writing
from ...dispatch.registry import public
from ...dispatch.remembered import remembers
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import broadcast, write_out
from ...kernels.gather.plan import Unsigned
from .advanced import along, gathered, index_advanced, put_advanced, sibling, write_few
from .scatter_place import check_key, check_range, finished, located, scatter_place
from .take import check_device, vector

_FULL = slice(None)
_gather, _index_select = sibling(index_advanced, "Gather"), sibling(index_advanced, "IndexSelect")
_scatter, _scatter_add = sibling(put_advanced, "Scatter"), sibling(put_advanced, "ScatterAdd")


@operation(operands="x index", label="Gather")
def _sparse_gather(x: Any, index: Any, dim: int) -> Any:
    return kernels.gather.indexed.take(x, along(index, dim))


@_sparse_gather.gradient
def _(g: Tensor, index: Tensor, dim: int, shape_x: tuple[int, ...]) -> tuple:
    from ...core.sparse import of_coordinates  # with the first sparse gradient

    places = [np.broadcast_to(at, index.shape).reshape(-1) for at in along(index._array, dim)]
    places[dim] = np.where(places[dim] < 0, places[dim] + shape_x[dim], places[dim])
    return of_coordinates(np.stack(places), g.reshape(-1), shape_x), None


@public(method=True)
@remembers("input", at="index")
def gather(
    input: Tensor,
    dim: int,
    index: Tensor,
    *,
    sparse_grad: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The elements at indices along a dimension.

    Args:
        input: The tensor.
        dim: The dimension along which indices count.
        index: int64 or int32, no larger than `input` in the other dimensions.
        sparse_grad: Make the gradient a sparse tensor, of the elements that were picked.
        out: Where to write the result.

    Raises:
        RuntimeError: An index is out of range, or the shapes do not go together.

    Source: torch.gather

    Example:
        >>> import flambeau as torch
        >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0, 0], [1, 0]]))
        tensor([[1, 1],
                [4, 3]])
    """
    x, array, at = located("gather", input, dim, index)
    own = x._array.shape
    if any(n > m for i, (n, m) in enumerate(zip(array.shape, own)) if i != at):
        raise RuntimeError(
            f"Size does not match at dimension {_larger(array.shape, own, at)} expected index "
            f"{list(array.shape)} to be no larger than self {list(own)} apart from dimension {at}"
        )
    try:
        result = (
            _sparse_gather(x, wrap_numpy(array), at)
            if sparse_grad
            else gathered(x, along(array, at), _gather)
        )
    except IndexError:
        check_range(array, at, own[at])  # says it in PyTorch's words
        raise
    if result._array.shape != index._array.shape:
        result = result.reshape(index._array.shape)
    return result if out is None else write_out(out, result, "gather", (input, index))


def _larger(index: tuple[int, ...], own: tuple[int, ...], dim: int) -> int:
    return next(i for i, (n, m) in enumerate(zip(index, own)) if i != dim and n > m)


_REDUCE_DEPRECATED = (
    "The reduce argument of torch.scatter with Tensor src is deprecated and will be removed in a "
    "future PyTorch release. Use torch.scatter_reduce instead for more reduction options."
)


@writing(
    out=True,
    few=lambda input, dim, index, src, value, reduce: (
        reduce is None and write_few("put", True, input, dim, index, value if src is None else src)
    ),
)
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Write:
    """A copy with values written at indices along a dimension.

    Args:
        input: The tensor.
        dim: The dimension along which indices count.
        index: int64 or int32.
        src: The values, at least as large as `index`; or one number.
        value: One number, by name.
        reduce: "add" or "multiply": what to do with the old value, instead of replacing it.

    Raises:
        RuntimeError: An index is out of range, or shapes or dtypes do not go together.

    Source: torch.scatter

    Example:
        >>> import flambeau as torch
        >>> torch.zeros(3).scatter(0, torch.tensor([2, 0]), torch.tensor([5., 6.]))
        tensor([6., 0., 5.])
    """
    if isinstance(src, Tensor):
        values = src
        if reduce is not None:
            warn(_REDUCE_DEPRECATED, UserWarning)
        if src._array.ndim == 0 and index._array.ndim:
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    else:
        number = value if src is None else src
        if number is None:
            raise TypeError("scatter() missing 1 required argument: src or value")
        values = number if isinstance(number, Tensor) else number_for(number, input._kind)
        if isinstance(number, Tensor) and number._kind.dtype is not input._kind.dtype:
            values = number.to(input.dtype)
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    x, key, values = scatter_place("scatter", input, dim, index, values)
    if reduce == "multiply":
        from .combine import combined  # few programs need it

        spread = values.expand(index._array.shape) if values._array.ndim == 0 else values
        return Write(combined, input, x, spread, key, ("prod", True), lambda: check_key(x, key))
    add = reduce == "add"
    return Write(_scatter, input, x, values, key, (add,), lambda: check_key(x, key))


@writing(
    out=True,
    few=lambda input, dim, index, src: write_few("add", True, input, dim, index, src),
)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Write:
    """A copy with values added at indices along a dimension.

    Raises:
        RuntimeError: An index is out of range, or shapes or dtypes do not go together.

    Source: torch.scatter_add

    Example:
        >>> import flambeau as torch
        >>> torch.zeros(2).scatter_add(0, torch.tensor([0, 0, 1]), torch.tensor([1., 2., 3.]))
        tensor([3., 3.])
    """
    x, key, values = scatter_place("scatter_add", input, dim, index, src)
    return Write(_scatter_add, input, x, values, key, (True,), lambda: check_key(x, key))


@public(method=True)
@remembers("input", at="index")
def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The slices of a dimension at indices.

    Raises:
        IndexError: An index is out of range, or the index is not a vector.
        RuntimeError: The index is not int32 or int64.

    Source: torch.index_select

    Example:
        >>> import flambeau as torch
        >>> torch.index_select(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([1, 1]))
        tensor([[2, 2],
                [4, 4]])
    """
    check_device("index_select", input, index)
    at, array = wrap_dim(dim, input._array.ndim), index._array
    if array.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if array.dtype != np.int64 and array.dtype != np.int32:
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    x = vector(input)
    if x is not input and array.size != 1:
        raise RuntimeError(
            f"index_select(): Index to scalar can have only 1 value, got {array.size} value(s)"
        )
    try:
        result = gathered(x, Unsigned((*(_FULL,) * at, array.reshape(-1))), _index_select)
    except IndexError:
        raise IndexError("index out of range in self") from None
    return finished(result, input, out, "index_select", (input, index))


@public(method=True)
@remembers("input", at="indices")
def take_along_dim(
    input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The elements at indices along a dimension, the other dimensions broadcast; of all, without one.

    Raises:
        RuntimeError: The indices are not int64, out of range, or do not broadcast.

    Source: torch.take_along_dim

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([[10, 30, 20], [60, 40, 50]])
        >>> torch.take_along_dim(x, torch.argsort(x, 1), 1)
        tensor([[10, 20, 30],
                [40, 50, 60]])
    """
    if indices._array.dtype != np.int64:
        raise RuntimeError(
            "torch.take_along_dim(): dtype of indices should be Long but got "
            f"{indices.dtype.legacy}"
        )
    if dim is None:
        result = gather(input.reshape(-1), 0, indices.reshape(-1))
        return result if out is None else write_out(out, result, "take_along_dim")
    if input._array.ndim != indices._array.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input._array.ndim} dimensions for input, and {indices._array.ndim} "
            "dimensions for indices"
        )
    at = wrap_dim(dim, input._array.ndim)
    if not input._array.ndim:
        result = gather(input, 0, indices)
        return result if out is None else write_out(out, result, "take_along_dim")
    own, wanted = list(input._array.shape), list(indices._array.shape)
    size, count = own[at], wanted[at]
    own[at] = wanted[at] = 1
    common = list(broadcast([tuple(own), tuple(wanted)]))
    common[at] = size
    x = input.expand(common)
    common[at] = count
    places = indices._array
    if places.size and places.min() < 0:  # here indices may count from the end
        indices = wrap(np.where(places < 0, places + size, places), indices._kind)
    result = gather(x, at, indices.expand(common))
    return result if out is None else write_out(out, result, "take_along_dim")
