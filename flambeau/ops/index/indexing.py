"""Indexing: reading and writing by integers, slices, masks and index tensors."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from ... import kernels
from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.device import CPU
from ...core.dtype import int64
from ...core.kind import kind_of
from ...core.number import assigned, is_held
from ...core.tensor import UNVERSIONED, Tensor, wrap
from ...dispatch.inplace import Write, copied
from ...dispatch.registry import method, public
from ...dispatch.remembered import Finding, kept, study, study_pick
from ...dispatch.write import finish_write
from ..view.expansion import expand
from ..view.slice import index_basic, select_
from .advanced import gathered, put_advanced, write_few, write_together
from .key import index_array, shape_at, split_key

_FULL = slice(None)
_FEW = 1024
"""Elements of an array and of an index below which NumPy reads without further question."""


def is_plain(key: tuple) -> bool:
    """Is it a key of the items that NumPy reads as PyTorch does?"""
    for item in key:
        cls = item.__class__
        if (
            cls is not int
            and (cls is not slice or not _goes_on(item))
            and item is not None
            and item is not Ellipsis
        ):
            return False
    return True


def _lists(key: tuple) -> bool:
    """Are lists its only indices? What these hold is known, as what tensors hold is not."""
    found = False
    for item in key:
        cls = item.__class__
        if cls is list:
            found = True
        elif cls is not int and cls is not slice and item is not None and item is not Ellipsis:
            return False
    return found


def _goes_on(item: slice) -> bool:
    """Is the step one that both know? NumPy takes negative ones too."""
    step = item.step
    return step is None or (step.__class__ is int and step > 0)


def _whole(key: Any) -> tuple:
    """A plain key with an Ellipsis, so that a view comes of it and never a number."""
    items = key if key.__class__ is tuple else (key,)
    return items if any(item is Ellipsis for item in items) else (*items, Ellipsis)


def simple_key(key: Any) -> Any:
    """An index tensor, or a tuple of them and whole slices, for NumPy; None for any other key."""
    if isinstance(key, Tensor):
        array = key._array
        return array if array.ndim and array.dtype.char in "lq?i" else None
    if key.__class__ is slice and _goes_on(key):
        return key
    if key.__class__ is not tuple:
        return None
    items = []
    for item in key:
        if isinstance(item, Tensor):
            array = item._array
            if not array.ndim or array.dtype.char not in "lqi":
                return None
            items.append(array)
        elif item.__class__ is slice and _goes_on(item):
            items.append(item)
        else:
            return None
    return tuple(items)


def _is_wrong_mask(array: Any, key: Any) -> bool:
    """A mask without elements, of which NumPy takes any shape."""
    return key.__class__ is np.ndarray and key.size == 0 and key.shape != array.shape[: key.ndim]


def _simple(array: Any, key: Any) -> Any:
    """What a simple key reads; None where it is not one, or reads nothing."""
    key = simple_key(key)
    if key is None or not array.ndim or _is_wrong_mask(array, key):
        return None
    try:
        cls = key.__class__
        if cls is slice:
            return array[key]
        if cls is ndarray and array.__class__ is cls and array.size <= _FEW and key.size <= _FEW:
            found = array[key.copy()]  # others may write to it
            return found if found.flags.c_contiguous else np.ascontiguousarray(found)
        return kernels.gather.indexed.take(array, key if key.__class__ is tuple else (key,))
    except IndexError:
        return None  # the general way says it in PyTorch's words


def _index_key(key: Any) -> tuple | None:
    """A key of index tensors that are no masks, and of whole slices; None for any other."""
    found = simple_key(key)
    items = found if found.__class__ is tuple else (found,)
    arrays = 0
    for item in items:
        if item.__class__ is ndarray and item.dtype.char in "lqi":
            arrays += 1
        elif item.__class__ is not slice or item != _FULL:
            return None
    return items if arrays else None


_PICKS, _LISTS = Finding(), Finding()


def _study(x: Tensor, key: Any, result: Tensor) -> None:
    """Let `__getitem__` remember what it picks at index tensors."""
    items = key if key.__class__ is tuple else (key,)
    places = [i for i, item in enumerate(items) if isinstance(item, Tensor)]
    indices = tuple([items[i] for i in places])
    if any(index._array.dtype.char not in "lqi" for index in indices):
        return
    single = key.__class__ is not tuple

    def call(x: Tensor, *indices: Tensor) -> Tensor:
        given = list(items)
        for i, index in zip(places, indices):
            given[i] = index
        return x[given[0] if single else tuple(given)]

    def case_of(pick: Any) -> Any:
        if single:
            return pick
        return lambda x, key: pick(x, *[key[i] for i in places])

    study_pick(call, _PICKS.token, (x, key), x, indices, result, case_of)


@method()
def __getitem__(self: Tensor, key: Any) -> Tensor:
    """The elements at a key: a view for integers, slices, None and Ellipsis, else a copy.

    Raises:
        IndexError: An index is out of range, or no index.
        ValueError: A slice's step is not positive.
    """
    cls = key.__class__
    plain = cls is int or key is None or key is Ellipsis or (cls is tuple and is_plain(key))
    if plain or (cls is slice and self._node is not None and _goes_on(key)):
        try:
            if self._node is not None:
                return select_(self, 0, key) if cls is int else index_basic(self, _whole(key))
            array = self._array[key]
            if array.__class__ is not np.ndarray:
                array = self._array[(*key, ...) if cls is tuple else (key, ...)]
            return handle.wrap_view(array, self)
        except IndexError:
            pass  # the general way below says it in PyTorch's words
    elif self._node is None and (cls is list or (cls is tuple and _lists(key))):
        case = _LISTS.find(_LISTS.token, self, key)
        if case is not None:
            return case(self)
        key = kept(key)
        return study(lambda x: _at(x, key), _LISTS.token, (self, key), self)
    elif self._node is None:
        case = _PICKS.find(_PICKS.token, self, key)
        if case is not None:
            picked = case(self, key)
            if picked is not None:
                return picked
        found = _simple(self._array, key)
        if found is not None:
            if cls is slice:
                return handle.wrap_view(found, self)
            picked = wrap(found, self._kind)
            if case is None and cls is not list and found.size <= _FEW:
                _study(self, key, picked)
            return picked
    elif (whole := _index_key(key)) is not None:
        try:
            return gathered(self, whole)
        except IndexError:
            pass
    result = _at(self, key)
    if self._node is None and key.__class__ is tuple and result._cell is not self._cell:
        _study(self, key, result)
    return result


def _at(self: Tensor, key: Any) -> Tensor:
    """The elements at any key, by what it comes to."""
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
    if self._node is None and (
        (key.__class__ is Tensor and write_few("put", False, self, 0, key, value))
        or _set_simply(self, key, value)
    ):
        return
    if not isinstance(value, Tensor):
        if not isinstance(value, (int, float, complex, np.generic)):
            name = "numpy.ndarray" if isinstance(value, np.ndarray) else type(value).__name__
            raise TypeError(
                f"can't assign a {name} to a torch.{self.dtype.legacy}Tensor: "
                "make it a tensor first"
            )
        value = assigned(value, self._kind)
    basic, arrays = split_key(key, self._array.shape)
    whole = arrays is not None and all(item == _FULL for item in basic[:-1])
    target = self if whole else index_basic(self, basic)
    if arrays is None:
        value = _without_leading_ones(value, target._array.ndim)
        target.copy_(value if value._array.ndim == 0 else expand(value, target._array.shape))
        return
    ndim = len(shape_at(target._array.shape, arrays))
    fitting = _without_leading_ones(value, ndim)
    _put(target, arrays, fitting, False, value._array.ndim > 0)


def _set_simply(x: Tensor, key: Any, value: Any) -> bool:
    """Write to a tensor without history what NumPy writes as PyTorch does; False for all else."""
    kind, array, cls = x._kind, x._array, value.__class__
    if cls is bool:
        if array.dtype.kind != "b":
            return False
    elif cls is float or cls is int:
        held = is_held(value) if cls is float else -(1 << 63) < value < 1 << 63
        if cls not in kind.numbers or not held or kind.numpy is not kind.compute:
            return False
    elif not isinstance(value, Tensor) or value._kind is not kind or value._node is not None:
        return False
    else:
        value = value._array
        if np.may_share_memory(value, array):
            return False
    base = x._base
    if (base is not None and base._node is not None) or 0 in array.strides:
        return False
    if mode.inference or x._cell[0] is UNVERSIONED:
        return False
    plain = key.__class__ is int or key is Ellipsis or (key.__class__ is tuple and is_plain(key))
    if not plain:
        key = simple_key(key)
        if key is None or not array.ndim or _is_wrong_mask(array, key):
            return False
    try:
        _write(array, key, value)
    except (IndexError, ValueError, OverflowError, TypeError):
        return False
    finish_write(x, None)
    return True


def _write(array: Any, key: Any, value: Any) -> None:
    """``array[key] = value`` for one number or an array of the same dtype, in other memory.

    Indices may be on the host where the array is not: then `ndarray` is their class, and `np.ndarray` the array's.
    """
    cls, own = key.__class__, array.__class__
    if cls is ndarray or cls is np.ndarray:
        few = key.size * (array.size // max(array.shape[0], 1)) <= _FEW
        if few and own is ndarray and key.dtype != bool:
            array[key.copy()] = value  # others may write to it
            return
        if key.shape == array.shape and key.dtype == bool and cls is own is not value.__class__:
            kernels.array.masked_fill.fill(array, key, value)
            return
        key = (key,)
    elif cls is not tuple or all(item.__class__ not in (ndarray, np.ndarray) for item in key):
        array[key] = value
        return
    kernels.gather.indexed.put_at(array, key, np.asarray(value, array.dtype))


@method()
def __delitem__(self: Tensor, key: Any) -> None:
    """Elements cannot be deleted.

    Raises:
        TypeError: Always.
    """
    raise TypeError("Tensor does not support deleting items")


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


def _fits(target: Tensor, key: tuple, values: Tensor, strict: bool = True) -> Tensor:
    """`values` in the target's dtype.

    Raises:
        RuntimeError: They do not broadcast to what the key reads.
    """
    shape, own = shape_at(target._array.shape, key), values._array.shape
    pairs = zip(own[::-1], shape[::-1])
    if len(own) > len(shape) or any(n not in (1, m) for n, m in pairs):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(own)} cannot be broadcast to "
            f"indexing result of shape {list(shape)}"
        )
    if strict:
        _same_dtype(target, values)
    return values if values._kind is target._kind else values.to(target.dtype)


def _put(
    target: Tensor, key: tuple, values: Tensor, accumulate: bool, strict: bool = True
) -> Tensor:
    """Write in place at index arrays."""
    values = _fits(target, key, values, strict)
    return Write(put_advanced, target, target, values, key, (accumulate,)).into()


def _keys(input: Tensor, indices: Any, values: Tensor) -> tuple:
    if len(indices) > input._array.ndim and not any(
        isinstance(item, Tensor) and item._array.dtype == bool for item in indices
    ):
        raise IndexError(
            f"too many indices for tensor of dimension {input._array.ndim} (got {len(indices)})"
        )
    for i, item in enumerate(indices):
        if item is None:
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got NoneType")
    key = tuple(index_array(item) for item in indices)
    arrays = split_key(key, input._array.shape, False)[1]
    return arrays if arrays is not None else (Ellipsis,)


def _are_few(input: Any, indices: Any, values: Any) -> bool:
    """Are these vectors of indices, and values that PyTorch too takes for what they read?"""
    return (
        indices.__class__ in (tuple, list)
        and isinstance(values, Tensor)
        and isinstance(input, Tensor)
        and values._array.ndim <= input._array.ndim - len(indices) + 1
        and all(isinstance(i, Tensor) and i._array.ndim == 1 for i in indices)
        and all(i._array.dtype == np.int64 for i in indices)
    )


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
    if not accumulate and _are_few(input, indices, values):
        made = copied(input)
        if made is not None and _set_simply(made, tuple(indices), values):
            made._cell[0] = 0
            return made
    key, explain = _leading(input, indices), None
    if key is None:
        key = _keys(input, indices, values)
    else:
        explain = partial(_keys, input, indices, values)
    fitting = _fits(input, key, values)
    return Write(put_advanced, input, input, fitting, key, (accumulate,), explain).made()


def _leading(input: Tensor, indices: Any) -> tuple | None:
    """The arrays of index tensors of one shape for the first dimensions, whose places the kernel looks at; None for
    other indices."""
    if not 0 < len(indices) <= input._array.ndim or input._array.__class__ is not ndarray:
        return None
    key = []
    for item in indices:
        if item.__class__ is not Tensor or item._kind is not _INT64 or not item._array.ndim:
            return None
        if item._array.shape != indices[0]._array.shape or not item._array.size:
            return None
        key.append(item._array)
    return tuple(key)


_INT64 = kind_of(int64, CPU)


@public(method=True)
def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """Values written (or added) at index tensors, in place.

    Source: torch.Tensor.index_put_
    """
    how = "add" if accumulate else "put"
    if len(indices) == 1:
        if write_few(how, False, input, 0, indices[0], values):
            return input
    elif write_together(how, input, indices, values):
        return input
    return _put(input, _keys(input, indices, values), values, accumulate)
