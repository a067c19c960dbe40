"""Indexing: reading and writing by integers, slices, masks and index tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.mode import mode
from ..core.quiet import quiet
from ..core.tensor import Tensor, wrap, wrap_view
from .index_key import index_array, snapshot, split_key
from .part import index_basic, select_
from .registry import method, public
from .rule import operation
from .write import check_writable, finish_write, inplace_form, number_for, write_out, write_result

_FULL = slice(None)


def taken(x: Any, key: tuple) -> Any:
    """The elements at index arrays, in row-major order."""
    found = x[key]
    return found if found.flags.c_contiguous else np.ascontiguousarray(found)


def add_at(whole: Any, key: tuple, values: Any) -> None:
    """Add values at index arrays, again and again where an index repeats."""
    if len(key) == 1 and whole.ndim == 1:
        np.add.at(whole, key[0], values)
    elif whole.flags.c_contiguous and values.size * 4 > whole.size:
        # NumPy adds several times faster by positions in one dimension.
        places = np.arange(whole.size).reshape(whole.shape)[key]
        np.add.at(
            whole.reshape(-1), places.reshape(-1), np.broadcast_to(values, places.shape).reshape(-1)
        )
    else:
        np.add.at(whole, key, values)


def put_at(whole: Any, key: tuple, values: Any, accumulate: bool) -> None:
    """Write values at index arrays, or add them."""
    if accumulate:
        add_at(whole, key, values)
    else:
        whole[key] = values


@operation(operands="x", label="Index")
def index_advanced(x: Any, key: tuple) -> Any:
    """The elements at index arrays and masks: a copy."""
    return taken(x, key)


@index_advanced.gradient
def _(g: Tensor, key: tuple, shape_x: tuple[int, ...]) -> Tensor:
    return add_advanced(g, key, shape_x)


@operation
def add_advanced(g: Any, key: tuple, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` added where `index_advanced` looked."""
    whole = np.zeros(shape, g.dtype)
    add_at(whole, key, g)
    return whole


@add_advanced.gradient
def _(g: Tensor, key: tuple) -> Tensor:
    return index_advanced(g, key)


@operation(operands="x values", label="IndexPut")
def put_advanced(x: Any, values: Any, key: tuple, accumulate: bool) -> Any:
    """`x` with values written, or added, at index arrays and masks."""
    whole = x.copy()
    put_at(whole, key, values, accumulate)
    return whole


@put_advanced.gradient
def _(
    g: Tensor,
    key: tuple,
    accumulate: bool,
    needs: tuple[bool, ...],
    shape_values: tuple[int, ...],
) -> list[Any]:
    own = g if accumulate or not needs[0] else put_advanced(g, _zero_like(g), key, False)
    given = index_advanced(g, key)._fit(shape_values) if needs[1] else None
    return [own if needs[0] else None, given]


@operation(operands="x values", label="Copy")
def overwrite(x: Any, values: Any) -> Any:
    """`values` in the shape and dtype of `x`."""
    return np.broadcast_to(values, x.shape).astype(x.dtype)


@overwrite.gradient
def _(g: Tensor) -> list[Any]:
    return [None, g]


def _zero_like(x: Tensor) -> Tensor:
    return wrap(x._kind.xp.zeros((), x._kind.numpy), x._kind)


def gathered(x: Tensor, key: tuple) -> Tensor:
    """`index_advanced` by arrays that may be the user's: a recorded one keeps its own copies."""
    if x._node is None:
        return wrap(taken(x._array, key), x._kind)
    return index_advanced(x, snapshot(key) if mode.recording else key)


@method()
def __getitem__(self: Tensor, key: Any) -> Tensor:
    """The elements at a key: a view for integers, slices, None and Ellipsis, else a copy.

    Raises:
        IndexError: An index is out of range, or no index.
        ValueError: A slice's step is not positive.
    """
    if self._node is None:
        cls = key.__class__
        if cls is tuple:
            for item in key:
                cls = item.__class__
                if (
                    cls is not int
                    and (cls is not slice or item.step is not None)
                    and item is not None
                    and item is not Ellipsis
                ):
                    break
            else:
                cls = int
        if cls is int or (cls is slice and key.step is None and self._array.ndim) or key is None:
            try:
                array = self._array[key]
                if array.__class__ is not np.ndarray:
                    array = self._array[(*key, ...) if key.__class__ is tuple else (key, ...)]
                return wrap_view(array, self)
            except IndexError:
                pass  # the general way below says it in PyTorch's words
    basic, arrays = split_key(key, self._array.shape)
    if arrays is None:
        if basic[0].__class__ is int and all(item == _FULL for item in basic[1:-1]):
            return select_(self, 0, basic[0])
        return index_basic(self, basic)
    plain = all(item == _FULL for item in basic[:-1])
    return gathered(self if plain else index_basic(self, basic), arrays)


@method()
def __setitem__(self: Tensor, key: Any, value: Any) -> None:
    """Write at a key, in place; broadcast, cast to this tensor's dtype, recorded where wanted.

    Raises:
        IndexError: An index is out of range, or no index.
        RuntimeError: Shapes do not broadcast, or the write would break history.
        TypeError: The value is neither a tensor nor a number.
    """
    if not isinstance(value, Tensor):
        if not isinstance(value, (int, float, complex, np.generic)):
            raise TypeError(
                f"can't assign a {type(value).__name__} to a torch.{self.dtype.legacy}Tensor: "
                "make it a tensor first"
            )
        value = number_for(value, self._kind)
    basic, arrays = split_key(key, self._array.shape)
    target = index_basic(self, basic)
    if arrays is None:
        target.copy_(_without_leading_ones(value, target._array.ndim))
        return
    if all(item == _FULL for item in basic[:-1]):
        target = self
    if value._array.ndim and value._kind is not target._kind:
        _same_dtype(target, value)
    ndim = target._array[arrays].ndim
    _put(target, arrays, _without_leading_ones(value, ndim), False)


Tensor.__delitem__ = None  # type: ignore[attr-defined]  # "doesn't support item deletion"


def _without_leading_ones(value: Tensor, ndim: int) -> Tensor:
    """`value` without leading dimensions of size 1, where it has more than `ndim`."""
    shape = value._array.shape
    extra = len(shape) - ndim
    if extra > 0 and shape[:extra] == (1,) * extra:
        return value.reshape(shape[extra:])
    return value


def _same_dtype(target: Tensor, source: Tensor) -> None:
    if target._kind.dtype is not source._kind.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{target.dtype.legacy} for the destination and {source.dtype.legacy} for the source."
        )


def _fits(target: Tensor, key: tuple, values: Tensor) -> Tensor:
    """`values` in the target's dtype.

    Raises:
        RuntimeError: They do not broadcast to what the key reads.
    """
    shape, own = target._array[key].shape, values._array.shape
    pairs = zip(own[::-1], shape[::-1])
    if len(own) > len(shape) or any(n not in (1, m) for n, m in pairs):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(own)} cannot be broadcast to "
            f"indexing result of shape {list(shape)}"
        )
    return values if values._kind is target._kind else values.to(target.dtype)


def _put(target: Tensor, key: tuple, values: Tensor, accumulate: bool) -> Tensor:
    """Write in place at index arrays."""
    values = _fits(target, key, values)
    if mode.recording and (target._node is not None or values._node is not None):
        return write_result(
            target, lambda x: put_advanced(x, values, snapshot(key), accumulate), (values,)
        )
    check_writable(target, (values,))
    with quiet():
        put_at(target._array, key, values._array, accumulate)
    finish_write(target, None)
    return target


def _keys(input: Tensor, indices: Any, values: Tensor) -> tuple:
    if len(indices) > input._array.ndim and not any(
        isinstance(item, Tensor) and item._array.dtype == bool for item in indices
    ):
        raise IndexError(
            f"too many indices for tensor of dimension {input._array.ndim} (got {len(indices)})"
        )
    if values._array.ndim or values._kind.dtype is not input._kind.dtype:
        _same_dtype(input, values)
    key = tuple(_FULL if item is None else index_array(item) for item in indices)
    arrays = split_key(key, input._array.shape, False)[1]
    return arrays if arrays is not None else (Ellipsis,)


@public(method=True)
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with values written (or added) at index tensors.

    Raises:
        IndexError: An index is out of range, or no index.
        RuntimeError: The values do not broadcast, or have another dtype.

    Source: torch.index_put

    Example:
        >>> import flambeau as torch
        >>> i = torch.tensor([0, 0, 1])
        >>> torch.index_put(torch.zeros(2), (i,), torch.ones(3), accumulate=True)
        tensor([2., 1.])
    """
    key = _keys(input, indices, values)
    return put_advanced(input, _fits(input, key, values), snapshot(key), accumulate)


@public(method=True)
def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """Values written (or added) at index tensors, in place.

    Source: torch.Tensor.index_put_
    """
    return _put(input, _keys(input, indices, values), values, accumulate)


def flat_key(name: str, input: Tensor, index: Tensor) -> tuple:
    """The key of an index into all elements in row-major order.

    Raises:
        RuntimeError: The index is not int64.
        IndexError: It is out of range.
    """
    array, size = index._array, input._array.size
    if array.dtype != np.int64:
        raise RuntimeError(
            f"{name}: Expected a long tensor for index, but got {index.dtype.legacy}"
        )
    if array.size and not size:
        raise IndexError(f"{name}: tried to take from an empty tensor")
    if array.size:
        low, high = int(array.min()), int(array.max())
        if low < -size or high >= size:
            raise IndexError(
                f"out of range: tried to access index {high if high >= size else low} on a tensor "
                f"of {size} elements."
            )
    return np.unravel_index(np.where(array < 0, array + size, array), input._array.shape or (1,))


def _vector(input: Tensor) -> Tensor:
    return input if input._array.ndim else input.reshape(1)


@public(method=True)
def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements at indices into the flattened tensor.

    Raises:
        IndexError: An index is out of range.
        RuntimeError: The index is not int64.

    Source: torch.take

    Example:
        >>> import flambeau as torch
        >>> torch.take(torch.tensor([[4, 3], [2, 1]]), torch.tensor([0, -1]))
        tensor([4, 1])
    """
    result = index_advanced(_vector(input), flat_key("take()", input, index))
    return result if out is None else write_out(out, result, "take")


@inplace_form
@public(method=True)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with values written (or added) at indices into the flattened tensor.

    Raises:
        IndexError: An index is out of range, or there are not as many values.
        RuntimeError: The dtypes are not right.

    Source: torch.Tensor.put
    """
    if source._kind.dtype is not input._kind.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{input.dtype.legacy} and source.dtype = {source.dtype.legacy}"
        )
    key = flat_key("put_()", input, index)
    if source._array.size != index._array.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source._array.size}, index.numel() = {index._array.size}"
        )
    values = source.reshape(index._array.shape)
    result = put_advanced(_vector(input), values, key, accumulate)
    return result if input._array.ndim else result.reshape(())
