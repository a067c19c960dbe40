"""What sorting answers: sort, argsort, topk, kthvalue, median, mode. nan is the largest."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import BY_NUMPY, int64
from ...core.kind import kind_of
from ...core.result import named_result
from ...core.tensor import Tensor, wrap, wrap_dim
from ...core.twin import of_arrays
from ...dispatch.out import write_results
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import write_out
from ..index.advanced import along, sibling

Sorted: Any = named_result("sort", "values indices")
TopK: Any = named_result("topk", "values indices")


@operation(operands="x index", label="Gather")
def take_along(x: Any, index: Any, dim: int) -> Any:
    """The elements of x at the indices along a dimension, of which each is taken at most once."""
    return kernels.gather.indexed.take(x, along(index, dim))


@take_along.gradient
def _(g: Tensor, index: Tensor, dim: int, shape_x: tuple[int, ...]) -> tuple:
    return put_along(g, index, dim, shape_x), None


@operation(operands="g index", label="Scatter")
def put_along(g: Any, index: Any, dim: int, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` at the indices along a dimension."""
    whole = kernels.array.zeros.zeros(shape, g.dtype)
    kernels.gather.indexed.put_at(whole, along(index, dim), g)
    return whole


@put_along.gradient
def _(g: Tensor, index: Tensor, dim: int) -> tuple:
    return take_along(g, index, dim), None


_sort, _topk = sibling(take_along, "Sort"), sibling(take_along, "Topk")


def sortable(array: Any) -> Any:
    """An array that NumPy sorts with nan at the end."""
    return array.astype(np.float32) if BY_NUMPY[array.dtype].is_extension else array


def order(array: Any, dim: int, descending: bool = False) -> Any:
    """Indices that sort a dimension, equal elements in their order."""
    return kernels.array.sort.order(array, dim, descending)


@of_arrays
def nan_count(array: Any, dim: int) -> Any:
    """How many nan there are along a dimension (which stays, with size 1)."""
    if array.dtype.kind in "iub":
        return np.zeros((*array.shape[:dim], 1, *array.shape[dim + 1 :]), np.int64)
    return np.count_nonzero(array != array, dim, keepdims=True)


def located(input: Tensor, dim: int) -> tuple[Tensor, int]:
    """The tensor with at least one dimension, and the dimension counted from the front."""
    at = wrap_dim(dim, input._array.ndim)
    return (input if input._array.ndim else input.reshape(1)), at


def chosen(made: Any, input: Tensor, x: Tensor, at: int, index: Any, keepdim: bool) -> Any:
    """The values at one index a row (a dimension of size 1), with the indices."""
    places = wrap(input._kind.xp.ascontiguousarray(index, np.int64), kind_of(int64, input.device))
    values = take_along(x, places, at)
    if not keepdim or not input._array.ndim:
        values, places = values.squeeze(at), places.squeeze(at)
    return made((values, places))


def _no_complex(name: str, input: Tensor) -> None:
    if input.dtype.is_complex:
        raise RuntimeError(f" {name} does not support complex dtypes on CPU")


@public(method=True)
def sort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    stable: bool = False,
    *,
    out: Any = None,
) -> Any:
    """A dimension's elements in order, and where they stood; nan is the largest.

    Args:
        input: The tensor.
        dim: The dimension.
        descending: Largest first?
        stable: Must equal elements keep their order? Here they always do.
        out: Where to write (values, indices).

    Raises:
        RuntimeError: The numbers are complex.

    Source: torch.sort

    Example:
        >>> import flambeau as torch
        >>> torch.sort(torch.tensor([3., 1., 2.])).indices
        tensor([1, 2, 0])
    """
    _no_complex("Sort", input)
    x, at = located(input, dim)
    index = wrap(
        input._kind.xp.asarray(order(x._array, at, bool(descending)), np.int64),
        kind_of(int64, input.device),
    )
    values = _sort(x, index, at)
    if not input._array.ndim:
        values, index = values.reshape(()), index.reshape(())
    result = Sorted((values, index))
    return result if out is None else write_results(out, result, "sort")


@public(method=True)
def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements of the first dimension in order.

    Source: torch.msort

    Example:
        >>> import flambeau as torch
        >>> torch.msort(torch.tensor([3, 1, 2]))
        tensor([1, 2, 3])
    """
    result = sort(input, 0).values
    return result if out is None else write_out(out, result, "msort")


@public(method=True)
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort a dimension.

    Source: torch.argsort

    Example:
        >>> import flambeau as torch
        >>> torch.argsort(torch.tensor([3., 1., 2.]), descending=True)
        tensor([0, 2, 1])
    """
    return sort(input.detach(), dim, descending, stable).indices


@public(method=True)
def topk(
    input: Tensor,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    *,
    out: Any = None,
) -> Any:
    """The k largest (or smallest) of a dimension, and where they stood.

    Args:
        input: The tensor.
        k: How many.
        dim: The dimension.
        largest: The largest? Else the smallest.
        sorted: Must they be in order? Here they always are.
        out: Where to write (values, indices).

    Raises:
        RuntimeError: The dimension has fewer elements, or they are complex or bool.

    Source: torch.topk

    Example:
        >>> import flambeau as torch
        >>> torch.topk(torch.tensor([3., 1., 2.]), 2).values
        tensor([3., 2.])
    """
    x, at = located(input, dim)
    k = operator.index(k)
    if not 0 <= k <= x._array.shape[at]:
        raise RuntimeError(
            f"selected index k out of range: k is {k}, the dimension has {x._array.shape[at]}"
        )
    _no_complex("topk", input)
    if input.dtype.name == "bool":
        raise RuntimeError("topk does not support bool dtypes on CPU")
    if not input._array.ndim:
        index = wrap(np.zeros((), np.int64), kind_of(int64, input.device))
        result = TopK((input.clone(), index))
    else:
        places = kernels.array.sort.first(x._array, k, at, bool(largest))
        index = wrap(places, kind_of(int64, input.device))
        result = TopK((_topk(x, index, at), index))
    return result if out is None else write_results(out, result, "topk")


_KthValue: Any = named_result("kthvalue", "values indices")


@public(method=True)
def kthvalue(
    input: Tensor, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None
) -> Any:
    """The k-th smallest element of a dimension (counted from 1), and where it stood.

    Raises:
        RuntimeError: The dimension has fewer elements.
        IndexError: The dimension is empty.

    Source: torch.kthvalue

    Example:
        >>> import flambeau as torch
        >>> torch.kthvalue(torch.tensor([3., 1., 2.]), 2).values
        tensor(2.)
    """
    x, at = located(input, dim)
    _not_empty("kthvalue", x, at)
    if not 1 <= k <= x._array.shape[at]:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {at}")
    _numbers("kthvalue", input)
    index = np.take(order(x._array, at), [k - 1], at)
    result = chosen(_KthValue, input, x, at, index, keepdim)
    return result if out is None else write_results(out, result, "kthvalue")


def _not_empty(name: str, x: Tensor, at: int) -> None:
    if x._array.shape[at] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {at} to have non-zero size.")


def _numbers(name: str, input: Tensor) -> None:
    if input.dtype.is_complex or input.dtype.name == "bool":
        raise NotImplementedError(f'"{name}_cpu" not implemented for {input.dtype.legacy!r}')


@operation(label="Median")
def median_(x: Any, ignore: bool) -> Any:
    """The lower median of all elements; nan if there is one, unless they are passed over."""
    flat = sortable(x).reshape(-1)
    count = int(nan_count(flat, 0)[0]) if flat.size else 0
    rest = flat.size - count
    if flat.size == 0 or rest == 0 or (count and not ignore):
        if x.dtype.kind in "fV":
            return np.asarray(np.nan, x.dtype)
        # What nan becomes on x86: the smallest of int32 and int64, and 0 for what is cut out of them.
        return np.asarray(np.iinfo(x.dtype).min if x.dtype.itemsize >= 4 else 0, x.dtype)
    return np.asarray(np.partition(flat, (rest - 1) // 2)[(rest - 1) // 2], x.dtype)


@median_.gradient
def _(g: Tensor, x: Tensor, y: Tensor) -> Tensor:
    mask = (x.isnan() if bool(y.isnan()._array) else x == y).to(x.dtype)
    return mask * (g / mask.sum())


def _median(name: str, ignore: bool) -> Any:
    made: Any = named_result(name, "values indices")

    def function(
        input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None
    ) -> Any:
        if dim is None:
            _numbers("median", input)
            value = median_(input, ignore)
            return value if out is None else write_out(out, value, name)
        x, at = located(input, dim)
        if x._array.size or x._array.shape[at] == 0:
            _not_empty(name, x, at)
        _numbers("median", input)
        ranks, lost = order(x._array, at), nan_count(x._array, at)
        count = x._array.shape[at]
        middle = (count - lost - 1) // 2
        # The first nan stands behind all numbers.
        place = (
            np.where(lost == count, 0, middle)
            if ignore
            else np.where(lost > 0, count - lost, middle)
        )
        index = np.take_along_axis(ranks, place, at)
        result = chosen(made, input, x, at, index, keepdim)
        return result if out is None else write_results(out, result, name)

    function.__name__ = function.__qualname__ = name
    passed = "nan passed over" if ignore else "nan if there is one"
    function.__doc__ = f"""The lower median: of all elements, or along a dimension with its place; {passed}.

    Raises:
        IndexError: The dimension is missing, or empty.

    Source: torch.{name}

    Example:
        >>> import flambeau as torch
        >>> torch.{name}(torch.tensor([3., 1., 2., 4.]))
        tensor(2.)
    """
    return public(method=True)(function)


median, nanmedian = _median("median", False), _median("nanmedian", True)
_Mode: Any = named_result("mode", "values indices")


@public(method=True)
def mode(input: Tensor, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """The most frequent element of a dimension, the smallest of several, and where it stood last.

    nan counts as one value that is larger than all others, as it does when sorting.

    Raises:
        IndexError: The dimension is empty.

    Source: torch.mode

    Example:
        >>> import flambeau as torch
        >>> torch.mode(torch.tensor([2, 1, 2])).values
        tensor(2)
    """
    x, at = located(input, dim)
    _not_empty("mode", x, at)
    _no_complex("mode", input)
    ranks = order(x._array, at)
    rows = np.moveaxis(np.take_along_axis(sortable(x._array), ranks, at), at, -1)
    places = np.arange(rows.shape[-1])
    before, after = rows[..., :-1], rows[..., 1:]
    differs = (after != before) & ((after == after) | (before == before))  # two nan do not
    begins = np.concatenate([np.ones((*rows.shape[:-1], 1), bool), differs], -1)
    length = places - np.maximum.accumulate(np.where(begins, places, 0), -1)
    best = np.moveaxis(np.argmax(length, -1, keepdims=True), -1, at)
    index = np.take_along_axis(ranks, best, at)
    result = chosen(_Mode, input, x, at, index, keepdim)
    return result if out is None else write_results(out, result, "mode")
