"""What masks choose: masked_fill, masked_scatter, masked_select, nonzero."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ... import kernels
from ...autograd.mode import mode
from ...core.dtype import int64
from ...core.kind import kind_of
from ...core.layout import is_contiguous
from ...core.number import is_held, number_for
from ...core.tensor import UNVERSIONED, Tensor, class_name, wrap
from ...dispatch.inplace import Write, copied
from ...dispatch.registry import method, public
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import broadcast, finish_write, write_out
from .advanced import gathered, index_advanced, put_advanced, sibling


def _mask_value(input: Tensor, value: Any) -> Tensor:
    """The value of masked_fill in the input's dtype."""
    if not isinstance(value, Tensor):
        if not isinstance(value, (int, float, complex, np.generic)):
            raise TypeError(
                "masked_fill() received an invalid combination of arguments: value must be a number "
                f"or a 0-d Tensor, not {type(value).__name__}"
            )
        return number_for(value, input._kind)
    if value._array.ndim:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value._array.ndim} dimension(s)."
        )
    if value.dtype.is_complex and not input.dtype.is_complex:
        number_for(value.item(), input._kind)
    return value.to(input.dtype)


@operation(operands="x value", label="MaskedFill", writes=True)
def filled(x: Any, value: Any, mask: Any) -> None:
    """The value where the mask is true."""
    kernels.array.masked_fill.fill(x, mask, value)


@filled.afresh
def _(x: Any, value: Any, mask: Any) -> Any:
    return kernels.array.masked_fill.filled(x, mask, value)


@filled.gradient
def _(
    g: Tensor, mask: Any, shape_value: tuple[int, ...], needs: tuple[bool, bool]
) -> list[Tensor | None]:
    nothing = wrap(np.zeros((), g._kind.numpy), g._kind)
    return [
        filled(g, nothing, mask) if needs[0] else None,
        filled(g, nothing, ~mask)._fit(shape_value) if needs[1] else None,
    ]


_masked_scatter = sibling(put_advanced, "MaskedScatter")
_masked_select = sibling(index_advanced, "MaskedSelect")


@public(method=True)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` where the mask is true, else the input.

    Args:
        input: The tensor.
        mask: A bool tensor that broadcasts with it.
        value: A number, or a tensor without dimensions.

    Raises:
        RuntimeError: The mask is not bool, or the value does not fit the dtype.

    Source: torch.masked_fill

    Example:
        >>> import flambeau as torch
        >>> torch.tensor([1, 2, 3]).masked_fill(torch.tensor([True, False, True]), 0)
        tensor([0, 2, 0])
    """
    _check_mask(mask)
    kind, cls = input._kind, value.__class__
    if (
        input._node is None
        and (cls is float or cls is int)
        and cls in kind.numbers
        and is_held(value)
        and kind.numpy is kind.compute
    ):
        try:
            return wrap(
                kernels.array.masked_fill.filled(input._array, mask._array, kind.scalar(value)),
                kind,
            )
        except (ValueError, OverflowError):
            pass  # said below in PyTorch's words
    if _is_one(input, value):
        try:
            filled_ = kernels.array.masked_fill.filled(input._array, mask._array, value._array)
            return wrap(filled_, kind)
        except ValueError:
            pass
    return _fill(input, mask, value).made()


def _is_one(input: Tensor, value: Any) -> bool:
    """Is it a 0-d tensor of the input's kind, and has neither a history?"""
    return (
        isinstance(value, Tensor)
        and value._kind is input._kind
        and value._array.ndim == 0
        and value._node is None
        and input._node is None
    )


@method()
def masked_fill_(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """The in-place form of `masked_fill`."""
    _check_mask(mask)
    kind, cls, array, base = input._kind, value.__class__, input._array, input._base
    number = cls is float or cls is int
    if (
        input._node is None
        and (
            cls in kind.numbers and is_held(value) and kind.numpy is kind.compute
            if number
            else _is_one(input, value)
        )
        and (base is None or base._node is None)
        and input._cell[0] is not UNVERSIONED
        and array.__class__ is ndarray
        and array.flags.carray
        and array.shape == mask._array.shape
    ):
        given = kind.scalar(value) if number else value._array.copy()
        kernels.array.masked_fill.fill(array, mask._array, given)
        finish_write(input, None)
        return input
    return _in_shape(input, _fill(input, mask, value)).into()


def _in_shape(input: Tensor, write: Write) -> Write:
    """Raises RuntimeError where a mask makes more of the input than there is."""
    if write.input is not input:
        raise RuntimeError(
            f"output with shape {list(input._array.shape)} doesn't match the broadcast shape "
            f"{list(write.input._array.shape)}"
        )
    return write


def _check_mask(mask: Any) -> None:
    if not isinstance(mask, Tensor):
        raise TypeError(f"masked_fill(): argument 'mask' must be Tensor, not {class_name(mask)}")
    if mask._array.dtype != bool:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.c_name}"
        )


def _fill(input: Tensor, mask: Tensor, value: Any) -> Write:
    shape = broadcast([mask._array.shape, input._array.shape])
    whole = input if input._array.shape == shape else input.expand(shape)
    return Write(filled, whole, whole, _mask_value(input, value), mask._array)


@public(method=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The input where the mask is false; where it is true, the elements of `source` in their order.

    Raises:
        RuntimeError: The mask is not bool, `source` has too few elements or another dtype.

    Source: torch.masked_scatter

    Example:
        >>> import flambeau as torch
        >>> mask = torch.tensor([True, False, True])
        >>> torch.zeros(3).masked_scatter(mask, torch.tensor([1., 2.]))
        tensor([1., 0., 2.])
    """
    made = copied(input) if is_contiguous(input._array) else None
    if made is not None and _scatter_few(made, mask, source):
        made._cell[0] = 0
        return made
    return _scatter(input, mask, source).made()


@method()
def masked_scatter_(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The in-place form of `masked_scatter`."""
    if _scatter_few(input, mask, source):
        return input
    return _in_shape(input, _scatter(input, mask, source)).into()


_FEW = 1 << 12
"""Elements that NumPy writes without further question."""


def _scatter_few(input: Tensor, mask: Tensor, source: Tensor) -> bool:
    """Write to few elements in order where no history is involved; False, and nothing done, for all else."""
    array, where, values, base = input._array, mask._array, source._array, input._base
    if (
        input._kind is not source._kind or where.__class__ is not ndarray
        or array.__class__ is not ndarray or array.size > _FEW or not array.flags.carray
        or where.dtype != bool or where.shape != array.shape or input._cell[0] is UNVERSIONED
        or np.may_share_memory(values, array) or np.may_share_memory(where, array)
    ):  # fmt: skip
        return False
    if mode.recording:
        nodes = input._node, source._node, None if base is None else base._node
        if nodes != (None, None, None):
            return False
    if int(np.count_nonzero(where)) > values.size:
        return False
    if values.size:
        np.place(array, where, values)
    finish_write(input, None)
    return True


def _scatter(input: Tensor, mask: Tensor, source: Tensor) -> Write:
    if mask._array.dtype != bool:
        raise RuntimeError(
            "masked_scatter_ only supports boolean masks, but got mask with dtype "
            f"{mask.dtype.legacy}"
        )
    if source._kind.dtype is not input._kind.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got "
            f"{input.dtype.legacy} and {source.dtype.legacy}"
        )
    shape = broadcast([mask._array.shape, input._array.shape])
    where = np.broadcast_to(mask._array, shape).copy()  # others may write to it
    count = int(np.count_nonzero(where))
    if count > source._array.size:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    whole = input if input._array.shape == shape else input.expand(shape)
    return Write(_masked_scatter, whole, whole, source.reshape(-1)[:count], (where,), (False,))


@public(method=True)
def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where a mask is true, in one dimension.

    Raises:
        RuntimeError: The mask is not bool.

    Source: torch.masked_select

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([1, 2, 3])
        >>> torch.masked_select(x, x > 1)
        tensor([2, 3])
    """
    if mask._array.dtype != bool:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, not {mask.dtype}")
    where = mask._array
    shape = broadcast([where.shape, input._array.shape])
    whole = input if input._array.shape == shape else input.expand(shape)
    key = where if where.shape == shape else np.broadcast_to(where, shape)
    result = gathered(whole, (key,), _masked_select)
    return result if out is None else write_out(out, result, "masked_select", (input, mask))


def _rows_of_places(x: Any) -> Any:
    """The indices of elements that are not zero, a row for each, with NumPy."""
    return np.array(x.nonzero()).T


_places = kernels.Native("array.compress", "places", _rows_of_places)


@public(method=True)
def nonzero(input: Tensor, *, as_tuple: bool = False, out: Tensor | None = None) -> Any:
    """The indices of the elements that are not zero: a row for each, or a tensor for each dimension.

    Raises:
        RuntimeError: ``out=`` is given for several tensors.

    Source: torch.nonzero

    Example:
        >>> import flambeau as torch
        >>> torch.nonzero(torch.tensor([0, 3, 4]))
        tensor([[1],
                [2]])
    """
    input._kind.check_elements("nonzero")
    array, kind = input._array, kind_of(int64, input.device)
    if as_tuple:
        if out is not None:
            raise RuntimeError(
                "nonzero does not support the out kwarg when as_tuple is True: leave one of them out"
            )
        return tuple(wrap(part, kind) for part in _places(np.atleast_1d(array)).T)
    found = _places(array) if array.ndim else np.empty((int(bool(array)), 0), np.int64)
    result = wrap(found, kind)
    return result if out is None else write_out(out, result, "nonzero", (input,))


@public(method=True)
def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not zero, a row for each.

    Source: torch.argwhere
    """
    return nonzero(input)


@public(method=True)
def nonzero_static(
    input: Tensor, *, size: int, fill_value: int = -1, out: Tensor | None = None
) -> Tensor:
    """`nonzero` with a given number of rows: the first ones, or filled up with `fill_value`.

    Raises:
        RuntimeError: The size is negative.

    Source: torch.nonzero_static
    """
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    rows = nonzero(input)._array[:size]
    table = np.full((size, input._array.ndim), fill_value, np.int64)
    table[: len(rows)] = rows
    result = wrap(table, kind_of(int64, input.device))
    return result if out is None else write_out(out, result, "nonzero_static")


@public("_unsafe_masked_index")
def _unsafe_masked_index(input: Tensor, mask: Tensor, indices: Any, fill: Any) -> Tensor:
    """The elements at indices, which count where the mask is true only, and `fill` elsewhere."""
    return masked_fill(index_advanced(input, _clamped(input, indices)), ~mask, fill)


@public("_unsafe_masked_index_put_accumulate")
def _unsafe_masked_index_put(input: Tensor, mask: Tensor, indices: Any, values: Tensor) -> Tensor:
    """Values added at indices where the mask is true."""
    return put_advanced(input, masked_fill(values, ~mask, 0), _clamped(input, indices), True)


def _clamped(input: Tensor, indices: Any) -> tuple:
    return tuple(
        slice(None) if i is None else np.clip(i._array, -n, max(n - 1, 0))
        for i, n in zip(indices, input._array.shape)
    )
