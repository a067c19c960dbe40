"""Indexing: reading and writing by integers, slices, masks and index tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.mode import mode
from ..core.kind import kind_of
from ..core.tensor import Tensor, wrap, wrap_numpy, wrap_view
from .registry import method, public
from .rule import operation
from .view import index_basic, select_
from .write import check_writable, finish_write, store

_BASIC = frozenset((int, slice, type(None), type(Ellipsis)))
_FULL = slice(None)


@operation(operands="x", label="Index")
def index_advanced(x: Any, key: tuple) -> Any:
    """The elements at index arrays and masks: a copy."""
    return x[key]


@index_advanced.gradient
def _(g: Tensor, key: tuple, shape_x: tuple[int, ...]) -> Tensor:
    return add_advanced(g, key, shape_x)


@operation
def add_advanced(g: Any, key: tuple, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` added where `index_advanced` looked."""
    whole = np.zeros(shape, g.dtype)
    np.add.at(whole, key, g)
    return whole


@add_advanced.gradient
def _(g: Tensor, key: tuple) -> Tensor:
    return index_advanced(g, key)


@operation(operands="x values", label="IndexPut")
def put_advanced(x: Any, values: Any, key: tuple, accumulate: bool) -> Any:
    """`x` with values written, or added, at index arrays and masks."""
    whole = x.copy()
    if accumulate:
        np.add.at(whole, key, values)
    else:
        whole[key] = values
    return whole


@put_advanced.gradient
def _(g: Tensor, key: tuple, accumulate: bool, needs: tuple[bool, ...]) -> list[Any]:
    own = g if accumulate else put_advanced(g, _zero_like(g), key, False)
    return [own if needs[0] else None, index_advanced(g, key) if needs[1] else None]


@operation(operands="x values", label="Copy")
def overwrite(x: Any, values: Any) -> Any:
    """`values` in the shape and dtype of `x`."""
    return np.broadcast_to(values, x.shape).astype(x.dtype)


@overwrite.gradient
def _(g: Tensor) -> list[Any]:
    return [None, g]


def _zero_like(x: Tensor) -> Tensor:
    return wrap(x._kind.xp.zeros((), x._kind.numpy), x._kind)


def index_array(item: Any) -> np.ndarray:
    """An item of a key as an array of integers or booleans.

    Raises:
        IndexError: It is neither.
    """
    if isinstance(item, Tensor):
        array = item._array
    else:
        array = np.asarray(
            [np.asarray(i) for i in item] if isinstance(item, (list, tuple)) else item
        )
        if array.size == 0 and isinstance(item, (list, tuple)):
            array = array.astype(np.int64)
    if array.dtype == np.uint8:
        import warnings  # only old programs index by bytes

        warnings.warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype "
            "torch.bool instead.",
            UserWarning,
            stacklevel=4,
        )
        return array.astype(bool)
    if array.dtype not in (np.int64, np.int32, bool) and (
        isinstance(item, Tensor) or array.dtype.kind not in "iu"
    ):
        raise IndexError(
            "tensors used as indices must be long, int, byte or bool tensors, "
            f"not {array.dtype}: convert with .long() or .bool()"
        )
    return array


def split_key(key: Any, shape: tuple[int, ...]) -> tuple[tuple, tuple | None]:
    """`key` as a basic one and one of arrays for its result (None: there are no arrays).

    Integers are taken first, so that they do not count among the arrays, as they do in NumPy.
    """
    items = [_item(item) for item in (key if isinstance(key, tuple) else (key,))]
    used = sum(_uses(item) for item in items)
    if used > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    if not any(item is Ellipsis for item in items):
        items.append(Ellipsis)
    basic: list[Any] = []
    arrays: list[Any] = []
    dim, found = 0, False
    for item in items:
        if item is Ellipsis:
            rest = len(shape) - used
            basic += [_FULL] * rest
            arrays += [_FULL] * rest
            dim += rest
        elif isinstance(item, np.ndarray):
            _check(item, dim, shape)
            found = True
            basic += [_FULL] * _uses(item)
            arrays.append(item)
            dim += _uses(item)
        else:
            _check_basic(item, dim, shape)
            basic.append(item)
            arrays += [] if item.__class__ is int else [_FULL]
            dim += item is not None
    return (*basic, Ellipsis), tuple(arrays) if found else None


def _item(item: Any) -> Any:
    if item.__class__ in _BASIC:
        return item
    if isinstance(item, slice):
        return item
    if isinstance(item, (bool, np.bool_)):
        return np.asarray(item)
    if isinstance(item, (int, np.integer)):
        return int(item)
    if isinstance(item, (float, complex, str)):
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte "
            f"Variables are valid indices (got {type(item).__name__})"
        )
    array = index_array(item)
    return int(array) if array.ndim == 0 and array.dtype != bool else array


def _uses(item: Any) -> int:
    if isinstance(item, np.ndarray):
        return item.ndim if item.dtype == bool else 1
    return 0 if item is None or item is Ellipsis else 1


def _check_basic(item: Any, dim: int, shape: tuple[int, ...]) -> None:
    if isinstance(item, slice):
        if item.step is not None and int(item.step) <= 0:
            raise ValueError("step must be greater than zero: use flip() to reverse a dimension")
    elif item is not None and not -shape[dim] <= item < shape[dim]:
        raise IndexError(
            f"index {item} is out of bounds for dimension {dim} with size {shape[dim]}"
        )


def _check(item: np.ndarray, dim: int, shape: tuple[int, ...]) -> None:
    if item.dtype == bool:
        if item.shape != shape[dim : dim + item.ndim]:
            raise IndexError(
                f"The shape of the mask {list(item.shape)} at index {dim} does not match "
                f"the shape of the indexed tensor {list(shape)} at index {dim}"
            )
    elif item.size and (item.min() < -shape[dim] or item.max() >= shape[dim]):
        bad = int(item.max() if item.max() >= shape[dim] else item.min())
        raise IndexError(f"index {bad} is out of bounds for dimension {dim} with size {shape[dim]}")


def _is_basic(key: Any) -> bool:
    """Is it one of the plain keys that NumPy reads as PyTorch does?"""
    if key.__class__ is tuple:
        return all(
            not (
                item.__class__ not in _BASIC or (item.__class__ is slice and item.step is not None)
            )
            for item in key
        )
    return key.__class__ in _BASIC and (key.__class__ is not slice or key.step is None)


@method()
def __getitem__(self: Tensor, key: Any) -> Tensor:
    """The elements at a key: a view for integers, slices, None and Ellipsis, else a copy.

    Raises:
        IndexError: An index is out of range, or no index.
        ValueError: A slice's step is not positive.
    """
    if self._node is None and _is_basic(key):
        try:
            array = self._array[key]
            if array.__class__ is not np.ndarray:
                array = self._array[(*key, Ellipsis) if key.__class__ is tuple else (key, Ellipsis)]
            return wrap_view(array, self)
        except IndexError:
            pass  # the general way below says it in PyTorch's words
    basic, arrays = split_key(key, self._array.shape)
    if arrays is None:
        return _view(self, basic)
    plain = all(item == _FULL for item in basic[:-1])
    return _gathered(self if plain else _view(self, basic), arrays)


def _view(x: Tensor, basic: tuple) -> Tensor:
    if basic[0].__class__ is int and all(item == _FULL for item in basic[1:-1]):
        return select_(x, 0, basic[0])
    return index_basic(x, basic)


def _gathered(x: Tensor, arrays: tuple) -> Tensor:
    return index_advanced(x, arrays)


@method()
def __setitem__(self: Tensor, key: Any, value: Any) -> None:
    """Write at a key, in place; broadcast, cast to this tensor's dtype, recorded where wanted.

    Raises:
        IndexError: An index is out of range, or no index.
        RuntimeError: Shapes do not broadcast, or the write would break history.
    """
    basic, arrays = split_key(key, self._array.shape)
    given = (
        value
        if isinstance(value, Tensor)
        else wrap_numpy(np.asarray(value).astype(self._kind.numpy))
    )
    with_view = index_basic(self, basic)
    shape = with_view._array.shape if arrays is None else with_view._array[arrays].shape
    given = _squeezed(given, shape)
    if arrays is None:
        write(with_view, (given,), lambda: overwrite(with_view, given))
    else:
        target = self if all(item == _FULL for item in basic[:-1]) else with_view
        _put(target, arrays, given, False)


def _squeezed(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`value` without leading dimensions of size 1 that `shape` does not have."""
    own = value._array.shape
    extra = len(own) - len(shape)
    if extra > 0 and own[:extra] == (1,) * extra:
        value = value.reshape(own[extra:])  # type: ignore[attr-defined]
        own = own[extra:]
    try:
        fits = np.broadcast_shapes(own, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(own)} cannot be broadcast to "
            f"indexing result of shape {list(shape)}"
        )
    return value


def write(target: Tensor, operands: tuple, make: Any) -> Tensor:
    """Store what `make` gives into `target`, in place, as its history."""
    check_writable(target, (target, *operands))
    result = make()
    store(target, result._array)
    finish_write(target, result._node)
    return target


def _put(target: Tensor, arrays: tuple, values: Tensor, accumulate: bool) -> Tensor:
    if not mode.recording or (target._node is None and values._node is None):
        check_writable(target, (values,))
        if accumulate:
            np.add.at(target._array, arrays, values._array)
        else:
            target._array[arrays] = values._array
        finish_write(target, None)
        return target
    return write(target, (values,), lambda: put_advanced(target, values, arrays, accumulate))


def _keys(input: Tensor, indices: Any) -> tuple:
    key = tuple(_FULL if item is None else index_array(item) for item in indices)
    arrays = split_key(key, input._array.shape)[1]
    return arrays if arrays is not None else (Ellipsis,)


@public(method=True)
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with values written (or added) at index tensors.

    Source: torch.index_put
    """
    return put_advanced(input, values, _keys(input, indices), accumulate)


@public(method=True)
def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """Values written (or added) at index tensors, in place.

    Source: torch.Tensor.index_put_
    """
    return _put(input, _keys(input, indices), values, accumulate)


@public(method=True)
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where a mask is true, in one dimension.

    Source: torch.masked_select

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([1, 2, 3])
        >>> torch.masked_select(x, x > 1)
        tensor([2, 3])
    """
    if mask._array.dtype != bool:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, not {mask.dtype}")
    shape = np.broadcast_shapes(input._array.shape, mask._array.shape)
    spread = input if shape == input._array.shape else input.expand(shape)  # type: ignore[attr-defined]
    return index_advanced(spread, (np.broadcast_to(mask._array, shape),))


@public(method=True)
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at indices into the flattened tensor.

    Source: torch.take
    """
    flat = input.reshape(-1)  # type: ignore[attr-defined]
    _check(index._array, 0, flat._array.shape)
    return index_advanced(flat, (index._array,))


@public(method=True)
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of a dimension at indices.

    Source: torch.index_select
    """
    from ..core.tensor import wrap_dim

    at = wrap_dim(dim, input.ndim)
    x = input if input.ndim else input.reshape(1)  # type: ignore[attr-defined]
    array = index._array.reshape(-1)
    _check(array, at, x._array.shape)
    result = index_advanced(x, (*(_FULL,) * at, array))
    return result if input.ndim else result.reshape(())  # type: ignore[attr-defined]


@public(method=True)
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero.

    Source: torch.nonzero
    """
    array = input._array
    kind = kind_of(_int64(), input.device)
    if as_tuple:
        return tuple(wrap(part, kind) for part in np.atleast_1d(array).nonzero())
    found = np.argwhere(array) if array.ndim else np.empty((int(bool(array)), 0), np.int64)
    return wrap(found, kind)


public("argwhere", method="argwhere")(lambda input: nonzero(input))


def _int64() -> Any:
    from ..core.dtype import DTYPES

    return DTYPES["int64"]
