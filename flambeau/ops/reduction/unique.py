"""Sets of elements: unique, unique_consecutive, isin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import bool_, int64
from ...core.kind import kind_of
from ...core.promotion import promote_types
from ...core.tensor import Tensor, wrap, wrap_dim
from ...dispatch.registry import public
from ...dispatch.write import write_out
from .selection import in_order, sortable


def _results(
    values: Any, inverse: Any, counts: Any, input: Tensor, wants: tuple[bool, bool]
) -> Any:
    kind = input._kind.with_dtype(int64)
    parts = [wrap(np.asarray(values, input._kind.numpy), input._kind)]
    if wants[0]:
        parts.append(wrap(np.asarray(inverse, np.int64), kind))
    if wants[1]:
        parts.append(wrap(np.asarray(counts, np.int64), kind))
    return parts[0] if len(parts) == 1 else tuple(parts)


def _rows_of(input: Tensor, dim: int) -> tuple[Any, int]:
    if not input._array.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    at = wrap_dim(dim, input._array.ndim)
    shape = input._array.shape
    if 0 in shape and (shape[at] or shape.count(0) > 1):
        raise RuntimeError(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
        )
    return np.moveaxis(sortable(input._array), at, 0), at


@public(method=True)
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements (or slices of a dimension), in order.

    Args:
        input: The tensor.
        sorted: Must they be in order? Here they always are.
        return_inverse: Also where among them each element of the input is found?
        return_counts: Also how often each occurs?
        dim: The dimension whose slices are compared; None for single elements.

    Source: torch.unique

    Example:
        >>> import flambeau as torch
        >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    input._kind.check_elements("_unique2")
    wants = (return_inverse, return_counts)
    if input.dtype.is_complex:
        raise NotImplementedError(f'"unique" not implemented for {input.dtype.legacy!r}')
    if dim is None:
        flat = input._array.reshape(-1)
        ordered, ranks = in_order(flat, 0, 0, len(flat), False)
        begins = _begins(ordered)
        inverse = _inverse(ranks, begins).reshape(input._array.shape) if return_inverse else None
        counts = _lengths(begins) if return_counts else None
        return _results(_chosen(ordered, begins), inverse, counts, input, wants)
    rows, at = _rows_of(input, dim)
    flat = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    ranks = _row_order(flat)
    begins = _begins(flat[ranks])
    values = np.moveaxis(rows[ranks[begins]], 0, at)
    return _results(values, _inverse(ranks, begins), _lengths(begins), input, wants)


_COLUMNS = 8
"""Columns that are compared before it is asked whether that was enough."""


def _row_order(rows: Any) -> Any:
    """The order of rows by their columns, the first one first, equal rows as they come."""
    n, columns = rows.shape
    ranks, group = np.arange(n), np.zeros(n, np.int64)
    for first in range(0, columns, _COLUMNS):
        part = rows[:, first : first + _COLUMNS]
        ranks = np.lexsort((*part.T[::-1], group))
        begins = _begins(part[ranks])
        begins[1:] |= group[ranks[1:]] != group[ranks[:-1]]
        group[ranks] = np.cumsum(begins) - 1
        ordered = rows[ranks, first + _COLUMNS :]
        if not (~begins[1:] & (ordered[1:] != ordered[:-1]).any(1)).any():
            break  # rows of one group are equal
    return ranks


def _inverse(ranks: Any, begins: Any) -> Any:
    """Which of the different ones each element is."""
    inverse = np.empty(len(ranks), np.int64)
    inverse[ranks] = np.cumsum(begins) - 1
    return inverse


def _chosen(flat: Any, begins: Any) -> Any:
    return kernels.gather.indexed.take(flat, (begins,))


def _begins(rows: Any) -> Any:
    """Where in a list of rows another one than before begins."""
    if rows.ndim == 1:
        begins = np.empty(len(rows), bool)
        begins[:1] = True
        np.not_equal(rows[1:], rows[:-1], begins[1:])
        return begins
    begins = np.ones(len(rows), bool)
    begins[1:] = (rows[1:] != rows[:-1]).any(tuple(range(1, rows.ndim)))
    return begins


def _lengths(begins: Any) -> Any:
    return np.diff(np.append(np.flatnonzero(begins), len(begins)))


@public(method=True)
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements (or slices of a dimension), without those equal to the one before.

    Args:
        input: The tensor.
        return_inverse: Also where among them each element of the input is found?
        return_counts: Also how many followed each other?
        dim: The dimension whose slices are compared; None for single elements.

    Source: torch.unique_consecutive

    Example:
        >>> import flambeau as torch
        >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
        tensor([1, 2, 1])
    """
    wants = (return_inverse, return_counts)
    if dim is None:
        flat = input._array.reshape(-1)
        begins = _begins(flat)
        inverse = (np.cumsum(begins) - 1).reshape(input._array.shape) if return_inverse else None
        counts = _lengths(begins) if return_counts else None
        return _results(_chosen(flat, begins), inverse, counts, input, wants)
    at = _rows_of(input, dim)[1]
    rows = np.moveaxis(input._array, at, 0)
    begins = _begins(rows)
    values = np.moveaxis(rows[begins], 0, at)
    return _results(values, np.cumsum(begins) - 1, _lengths(begins), input, wants)


@public()
def isin(
    elements: Any,
    test_elements: Any,
    *,
    assume_unique: bool = False,
    invert: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """For each element, whether it is among the test elements.

    Args:
        elements: A tensor, or a number.
        test_elements: A tensor, or a number (not both numbers).
        assume_unique: No element occurs twice in either: permits a shorter way, which changes nothing.
        invert: Ask for the opposite.
        out: Where to write the result.

    Raises:
        RuntimeError: For complex and bool tensors.
        TypeError: Both are numbers.

    Source: torch.isin

    Example:
        >>> import flambeau as torch
        >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 3]))
        tensor([False,  True,  True])
    """
    tensors = [x for x in (elements, test_elements) if isinstance(x, Tensor)]
    if not tensors:
        raise TypeError(
            "isin() received an invalid combination of arguments - got (int, int): one of them "
            "must be a tensor"
        )
    for x in tensors:
        if x.dtype.is_complex or x.dtype.name == "bool":
            raise RuntimeError(f"Unsupported input type encountered for isin(): {x.dtype.legacy}")
    arrays = [
        sortable(x._array if isinstance(x, Tensor) else np.asarray(x))
        for x in (elements, test_elements)
    ]
    if len(tensors) == 2 and tensors[0].dtype is not tensors[1].dtype:
        common = promote_types(tensors[0].dtype, tensors[1].dtype)
        arrays = [sortable(x.to(common)._array) for x in tensors]
    kind = kind_of(bool_, tensors[0].device)
    if kind.has_elements:
        found = np.asarray(np.isin(*arrays, assume_unique=False, invert=invert))
    else:
        found = kind.xp.empty(np.shape(arrays[0]), bool)
    result = wrap(found, kind)
    return result if out is None else write_out(out, result, "isin")
