"""Values combined where indices say: scatter_reduce, index_reduce, index_add, index_copy, index_fill."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._caller import warn
from ...core.number import number_for
from ...core.tensor import Tensor, wrap_dim
from ...dispatch.inplace import Write, writing
from ...kernels.gather.plan import Unsigned
from .advanced import put_advanced, sibling, write_few
from .combine import START, check_reduction, combined, summed
from .scatter_place import check_key, check_range, scatter_place
from .take import check_device, vector

_FULL = slice(None)


_index_add, _index_copy = sibling(put_advanced, "IndexAdd"), sibling(put_advanced, "IndexCopy")
_index_fill = sibling(put_advanced, "IndexFill")
_index_reduce = {True: sibling(summed, "IndexReduce"), False: sibling(combined, "IndexReduce")}


@writing(
    out=True,
    few=lambda input, dim, index, src, reduce, include_self: (
        reduce == "sum" and include_self and write_few("add", True, input, dim, index, src)
    ),
)
def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Write:
    """A copy in which the values for each place along a dimension are combined.

    Args:
        input: The tensor.
        dim: The dimension along which indices count.
        index: int64 or int32.
        src: The values, at least as large as `index`.
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: Does the old value take part?

    Raises:
        RuntimeError: There is no such reduction, an index is out of range, or shapes do not fit.

    Source: torch.scatter_reduce

    Example:
        >>> import flambeau as torch
        >>> i, x = torch.tensor([0, 0, 1]), torch.tensor([1., 5., 2.])
        >>> torch.zeros(2).scatter_reduce(0, i, x, "amax")
        tensor([5., 2.])
    """
    if reduce not in START:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    check_reduction("scatter_reduce", input.dtype, reduce)
    x, key, values = scatter_place("scatter_reduce", input, dim, index, src)
    if values._array.ndim == 0 and index._array.ndim:
        values = values.expand(index._array.shape)
    by = summed if reduce in ("sum", "mean") else combined
    options = reduce, include_self
    return Write(by, input, x, values, key, options, lambda: check_key(x, key))


def _vectors(
    name: str, input: Tensor, dim: int, index: Tensor, source: Tensor
) -> tuple[Tensor, tuple, Tensor, int]:
    """The input, the key of slices, the source, and the dimension, of index_add and index_reduce.

    Raises:
        RuntimeError, IndexError: Shapes, dtypes or indices are not right.
    """
    check_device(name, input, index)
    at, array = wrap_dim(dim, input._array.ndim), index._array
    if array.ndim > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector, but got dim: {array.ndim} with type: "
            f"{index.dtype.legacy} and size: {list(array.shape)}"
        )
    if array.dtype != np.int64 and array.dtype != np.int32:
        raise RuntimeError(
            f"{name}(): Expected dtype int32/int64 for index but got: {index.dtype.legacy}"
        )
    if source._kind.dtype is not input._kind.dtype:
        raise RuntimeError(
            f"{name}(): self ({input.dtype.legacy}) and source ({source.dtype.legacy}) must have "
            "the same scalar type"
        )
    x, values, array = vector(input), vector(source), array.reshape(-1)
    own, given = x._array.shape, values._array.shape
    count = given[at] if at < len(given) else 1
    if array.size != count:
        raise RuntimeError(
            f"{name}(): Number of indices ({array.size}) should be equal to source.size(dim): "
            f"({count}), for dim: {at}"
        )
    if own[:at] + own[at + 1 :] != given[:at] + given[at + 1 :]:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(input.shape)} source.shape = {list(source.shape)}"
        )
    return x, Unsigned((*(_FULL,) * at, array)), values, at


@writing(
    out=True,
    few=lambda input, dim, index, source, alpha: (
        alpha == 1
        and getattr(source, "ndim", 0) > 0
        and write_few("add", False, input, dim, index, source)
    ),
)
def index_add(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    *,
    alpha: Any = 1,
) -> Write:
    """A copy in which slices of `source`, times alpha, are added at indices of a dimension.

    Raises:
        RuntimeError: An index is out of range, or shapes or dtypes do not go together.

    Source: torch.index_add

    Example:
        >>> import flambeau as torch
        >>> torch.zeros(2).index_add(0, torch.tensor([1, 1]), torch.tensor([1., 2.]))
        tensor([0., 3.])
    """
    x, key, values, at = _vectors("index_add_", input, dim, index, source)
    if alpha != 1:
        values = values * number_for(alpha, input._kind)
    return Write(
        _index_add, input, x, values, key, (True,),
        lambda: check_range(index._array, at, x._array.shape[at]),
    )  # fmt: skip


@writing(out=True)
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Write:
    """A copy in which slices of `source` are combined at indices of a dimension.

    Args:
        input: The tensor.
        dim: The dimension.
        index: A vector of int64 or int32.
        source: As large as `input`, but for the dimension.
        reduce: "prod", "mean", "amax" or "amin".
        include_self: Do the old values take part?

    Raises:
        RuntimeError: There is no such reduction, or the arguments do not go together.

    Source: torch.index_reduce
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    warn("index_reduce() is in beta and the API may change at any time.", UserWarning)
    check_reduction("index_reduce", input.dtype, reduce)
    x, key, values, at = _vectors("index_reduce", input, dim, index, source)
    return Write(
        _index_reduce[reduce == "mean"], input, x, values, key, (reduce, include_self),
        lambda: check_range(index._array, at, x._array.shape[at]),
    )  # fmt: skip


def _out_of_bounds(start: str, index: Tensor, at: int, low: int, size: int) -> None:
    """Raises IndexError, in PyTorch's words, where an index is not from `low` to below `size`."""
    array = index._array
    if array.size and (array.min() < low or array.max() >= size):
        bad = int(array.max() if array.max() >= size else array.min())
        raise IndexError(f"{start}index {bad} is out of bounds for dimension {at} with size {size}")


@writing(
    out=True,
    few=lambda input, dim, index, source: (
        getattr(source, "ndim", 0) > 0 and write_few("put", False, input, dim, index, source)
    ),
)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Write:
    """A copy in which slices of a dimension are those of `source`.

    Raises:
        IndexError: An index is out of range, or sizes do not go together.
        RuntimeError: The dtypes are not right.

    Source: torch.index_copy

    Example:
        >>> import flambeau as torch
        >>> torch.zeros(3).index_copy(0, torch.tensor([2, 0]), torch.tensor([1., 2.]))
        tensor([2., 0., 1.])
    """
    check_device("index_copy", input, index)
    at, count = wrap_dim(dim, input._array.ndim), index._array.size
    if index._array.ndim > 1:
        raise IndexError(
            f"index_copy_(): Index should have dimension 1 or 0 (got {index._array.ndim})"
        )
    _check_copy(input, index, source, at, count)
    x, key = vector(input), Unsigned((*(_FULL,) * at, index._array.reshape(-1)))
    return Write(
        _index_copy, input, x, vector(source), key, (False,),
        lambda: _out_of_bounds("index_copy_(): ", index, at, 0, x._array.shape[at]),
    )  # fmt: skip


def _check_copy(input: Tensor, index: Tensor, source: Tensor, at: int, count: int) -> None:
    own, given = input._array.shape, source._array.shape
    if not given and count != 1:
        raise IndexError(
            f"index_copy_(): When source is scalar, index should have one element (got {count})"
        )
    if given and own and len(given) != len(own):
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must "
            f"match. Source dimensionality ({len(given)}), destination dimensionality ({len(own)})"
        )
    if index._array.dtype != np.int64:
        raise RuntimeError(
            f"index_copy_(): Expected a long tensor for index, but got {index.dtype.legacy}"
        )
    if input._kind.dtype is not source._kind.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{input.dtype.legacy} and (source) {source.dtype.legacy}"
        )
    if own[:at] + own[at + 1 :] != given[:at] + given[at + 1 :] and given:
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination "
            f"slice shape: {list(own[:at] + own[at + 1 :])} at dimension {at} and source slice "
            f"shape: {list(given[:at] + given[at + 1 :])} at dimension {at}."
        )
    if given and count != given[at]:
        raise IndexError(
            f"index_copy_(): Number of indices ({count}) should be equal to source.size(dim) "
            f"({given[at]})"
        )


@writing(
    few=lambda input, dim, index, value: (
        getattr(value, "ndim", 0) == 0 and write_few("put", False, input, dim, index, value)
    )
)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Write:
    """A copy in which slices of a dimension are filled with one value.

    Raises:
        IndexError: An index is out of range, or not int64.
        RuntimeError: The value has dimensions, or is complex for a real tensor.

    Source: torch.index_fill

    Example:
        >>> import flambeau as torch
        >>> torch.zeros(2, 2).index_fill(1, torch.tensor([0]), 7)
        tensor([[7., 0.],
                [7., 0.]])
    """
    check_device("index_fill", input, index)
    at = wrap_dim(dim, input._array.ndim)
    if index._array.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if isinstance(value, Tensor):
        if value._array.ndim:
            raise RuntimeError(
                "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value._array.ndim} dimension(s)."
            )
        filling = value.to(input.dtype)
    else:
        if isinstance(value, complex) and not input.dtype.is_complex:
            raise RuntimeError(
                "index_fill_(): Converting complex Scalar to non-complex type is not supported"
            )
        filling = number_for(value, input._kind)
    x = vector(input)
    size = x._array.shape[at]
    _out_of_bounds("", index, at, -size, size)
    places = index._array % max(size, 1)
    if index._kind.has_elements:
        places = np.unique(places)  # each place counts once in the gradient
    return Write(_index_fill, input, x, filling, (*(_FULL,) * at, places), (False,))
