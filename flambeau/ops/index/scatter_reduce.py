"""Values combined where indices say: scatter_reduce, index_reduce, index_add, index_copy, index_fill."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ..._caller import warn
from ...core.number import number_for
from ...core.tensor import Tensor, wrap_dim
from ...dispatch.inplace import inplace_form
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ..elementwise.comparison import where
from .advanced import add_at, index_advanced, own_key, put_advanced, put_into, sibling
from .scatter_place import check_key, check_range, finished, scatter_place
from .take import _vector

_FULL = slice(None)


def _lowest(dtype: Any) -> Any:
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return False if dtype.kind == "b" else -np.inf


def _highest(dtype: Any) -> Any:
    if dtype.kind in "iu":
        return np.iinfo(dtype).max
    return True if dtype.kind == "b" else np.inf


_index_add, _index_copy = sibling(put_advanced, "IndexAdd"), sibling(put_advanced, "IndexCopy")
_index_fill = sibling(put_advanced, "IndexFill")
_START = {
    "sum": lambda dtype: 0,
    "mean": lambda dtype: 0,
    "prod": lambda dtype: 1,
    "amax": _lowest,
    "amin": _highest,
}
_COMBINE: dict[str, Any] = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


@operation(operands="x src", label="ScatterReduce")
def reduce_at(x: Any, src: Any, key: tuple, how: str, include: bool) -> Any:
    """`x` where the values at each place of the key are combined, with the old one or without it."""
    whole = kernels.array.copy.contiguous(x)
    if not include:
        whole[key] = _START[how](x.dtype)
    if how in _COMBINE:
        _COMBINE[how].at(whole, key, src)
        return whole
    add_at(whole, key, src)
    if how == "mean":
        count = np.full(x.shape, int(include), np.int64)
        add_at(count, key, np.asarray(1))
        np.maximum(count, 1, out=count)
        if x.dtype.kind in "iu":
            whole //= count.astype(x.dtype)
        else:
            whole /= count
    return whole


@reduce_at.gradient
def _(
    g: Tensor, x: Tensor, src: Tensor, y: Tensor, key: tuple, how: str, include: bool
) -> list[Any]:
    if how == "sum":
        own, given = g, index_advanced(g, key)
    elif how == "mean":
        count = (x.new_ones if include else x.new_zeros)(x.shape)
        count = put_advanced(count, x.new_ones(()), key, True).clamp(min=1)
        own, given = g / count, index_advanced(g / count, key)
    elif how == "prod":
        own, given = _product_gradient(g, x, src, y, key, include)
    else:
        at = index_advanced(y, key)
        mine, theirs = (x == y).to(x.dtype), (src == at).to(x.dtype)
        share = g / put_advanced(mine, theirs, key, True)
        own, given = mine * share, theirs * index_advanced(share, key)
    if not include:
        own = put_advanced(own, own.new_zeros(()), key, False)
    return [own, given]


def _product_gradient(
    g: Tensor, x: Tensor, src: Tensor, y: Tensor, key: tuple, include: bool
) -> tuple[Tensor, Tensor]:
    """Products of the others: where one factor is zero it is left out instead of divided by."""
    plain = where(x == 0, 1.0, x)
    own = g * reduce_at(plain, src, key, "prod", include) / plain
    zero = src == 0
    zeros = put_advanced(x.new_zeros(x.shape), zero.to(x.dtype), key, True)
    if include:
        zeros = zeros + (x == 0).to(x.dtype)
    single = zero & (index_advanced(zeros, key) == 1)
    others = reduce_at(x, where(single, 1.0, src), key, "prod", include)
    safe = where(zero, 1.0, src)
    given = where(
        single, index_advanced(g * others, key), where(zero, 0.0, index_advanced(g * y, key) / safe)
    )
    return own, given


_index_reduce = sibling(reduce_at, "IndexReduce")


@inplace_form
@public(method=True)
def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """A copy in which the values for each place along a dimension are combined.

    Args:
        input: The tensor.
        dim: The dimension along which indices count.
        index: int64 or int32.
        src: The values, at least as large as `index`.
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: Does the old value take part?
        out: Where to write the result.

    Raises:
        RuntimeError: There is no such reduction, an index is out of range, or shapes do not fit.

    Source: torch.scatter_reduce

    Example:
        >>> import flambeau as torch
        >>> i, x = torch.tensor([0, 0, 1]), torch.tensor([1., 5., 2.])
        >>> torch.zeros(2).scatter_reduce(0, i, x, "amax")
        tensor([5., 2.])
    """
    if reduce not in _START:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    x, key, values = scatter_place("scatter_reduce", input, dim, index, src)
    check_key(x, key)
    if values._array.ndim == 0 and index._array.ndim:
        values = values.expand(index._array.shape)
    result = reduce_at(x, values, own_key(key), reduce, include_self)
    return finished(result, input, out, "scatter_reduce")


def _vectors(
    name: str, input: Tensor, dim: int, index: Tensor, source: Tensor
) -> tuple[Tensor, tuple, Tensor, int]:
    """The input, the key of slices, the source, and the dimension, of index_add and index_reduce.

    Raises:
        RuntimeError, IndexError: Shapes, dtypes or indices are not right.
    """
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
    x, values, array = _vector(input), _vector(source), array.reshape(-1)
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
    check_range(array, at, own[at])
    return x, (*(_FULL,) * at, array), values, at


@inplace_form
@public(method=True)
def index_add(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    *,
    alpha: Any = 1,
    out: Tensor | None = None,
) -> Tensor:
    """A copy in which slices of `source`, times alpha, are added at indices of a dimension.

    Raises:
        RuntimeError: An index is out of range, or shapes or dtypes do not go together.

    Source: torch.index_add

    Example:
        >>> import flambeau as torch
        >>> torch.zeros(2).index_add(0, torch.tensor([1, 1]), torch.tensor([1., 2.]))
        tensor([0., 3.])
    """
    x, key, values, _ = _vectors("index_add_", input, dim, index, source)
    if alpha != 1:
        values = values * number_for(alpha, input._kind)
    return finished(put_into(x, values, key, True, _index_add), input, out, "index_add")


@inplace_form
@public(method=True)
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """A copy in which slices of `source` are combined at indices of a dimension.

    Args:
        input: The tensor.
        dim: The dimension.
        index: A vector of int64 or int32.
        source: As large as `input`, but for the dimension.
        reduce: "prod", "mean", "amax" or "amin".
        include_self: Do the old values take part?
        out: Where to write the result.

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
    x, key, values, _ = _vectors("index_reduce", input, dim, index, source)
    result = _index_reduce(x, values, own_key(key), reduce, include_self)
    return finished(result, input, out, "index_reduce")


def _slices(name: str, input: Tensor, at: int, index: Tensor) -> tuple:
    """The key of index_copy and index_fill, where indices may be negative.

    Raises:
        IndexError: One is out of range.
    """
    array, size = index._array.reshape(-1), _vector(input)._array.shape[at]
    low = -size if name == "index_fill_" else 0
    if array.size and (array.min() < low or array.max() >= size):
        bad = int(array.max() if array.max() >= size else array.min())
        start = "" if name == "index_fill_" else f"{name}(): "
        raise IndexError(f"{start}index {bad} is out of bounds for dimension {at} with size {size}")
    return (*(_FULL,) * at, array)


@inplace_form
@public(method=True)
def index_copy(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Tensor | None = None
) -> Tensor:
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
    at, count = wrap_dim(dim, input._array.ndim), index._array.size
    if index._array.ndim > 1:
        raise IndexError(
            f"index_copy_(): Index should have dimension 1 or 0 (got {index._array.ndim})"
        )
    _check_copy(input, index, source, at, count)
    key = _slices("index_copy_", input, at, index)
    result = put_into(_vector(input), _vector(source), key, False, _index_copy)
    return finished(result, input, out, "index_copy")


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


@inplace_form
@public(method=True)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
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
    *lead, places = _slices("index_fill_", input, at, index)
    size = _vector(input)._array.shape[at]
    key = (*lead, np.unique(places % max(size, 1)))  # each place counts once in the gradient
    return finished(
        put_into(_vector(input), filling, key, False, _index_fill), input, None, "index_fill"
    )
