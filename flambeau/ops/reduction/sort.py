"""What sorting answers: sort, argsort, topk, kthvalue, median, mode. nan is the largest."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.dtype import BOOL, COMPLEX, int64
from ...core.kind import kind_of
from ...core.result import named_result
from ...core.tensor import Tensor, wrap, wrap_dim
from ...dispatch.out import write_results
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import write_out
from .selection import in_order, middle, most_frequent, nan_count, selection, sortable

Sorted: Any = named_result("sort", "values indices")
FEW = 64
"""Elements up to which it is quicker to sort them than to look for the middle."""
TopK: Any = named_result("topk", "values indices")


@selection("Sort")
def sort_(x: Any, dim: int, count: int, descending: bool) -> tuple[Any, Any]:
    """The elements of each row in order."""
    return in_order(x, dim, 0, count, descending)  # type: ignore[no-any-return]


@selection("Topk")
def topk_(x: Any, dim: int, count: int, descending: bool) -> tuple[Any, Any]:
    """The first few of each row's order."""
    return in_order(x, dim, 0, count, descending)  # type: ignore[no-any-return]


@selection("Kthvalue")
def kthvalue_(x: Any, dim: int, first: int, drop: bool) -> tuple[Any, Any]:
    """One element of each row's order."""
    return in_order(x, dim, first, 1, False, drop)  # type: ignore[no-any-return]


@selection("MedianBackward1")
def median_of_rows(x: Any, dim: int, ignore: bool, drop: bool) -> tuple[Any, Any]:
    """The lower median of each row."""
    return middle(x, dim, ignore, drop)  # type: ignore[no-any-return]


@selection("NanmedianBackward1")
def nanmedian_of_rows(x: Any, dim: int, ignore: bool, drop: bool) -> tuple[Any, Any]:
    """The lower median of what is not nan of each row."""
    return middle(x, dim, ignore, drop)  # type: ignore[no-any-return]


@selection("Mode")
def mode_(x: Any, dim: int, drop: bool) -> tuple[Any, Any]:
    """The most frequent element of each row."""
    return most_frequent(x, dim, drop)  # type: ignore[no-any-return]


def located(input: Tensor, dim: int) -> tuple[Tensor, int]:
    """The tensor with at least one dimension, and the dimension counted from the front."""
    at = wrap_dim(dim, input._array.ndim)
    return (input if input._array.ndim else input.reshape(1)), at


def _finished(made: Any, input: Tensor, parts: tuple, out: Any, name: str) -> Any:
    """The named result; that of a tensor without dimensions has none either."""
    if not input._array.ndim:
        parts = tuple(part.reshape(()) for part in parts)
    if out is None:
        return made.of(parts)
    return write_results(out, made.of(parts), name)


def _no_complex(name: str, input: Tensor) -> None:
    if input._kind.dtype.category == COMPLEX:
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
    parts = sort_(x, at, x._array.shape[at], bool(descending))
    return _finished(Sorted, input, parts, out, "sort")


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
    k, shape, category = operator.index(k), x._array.shape, input._kind.dtype.category
    if not 0 <= k <= shape[at]:
        raise RuntimeError(
            f"selected index k out of range: k is {k}, the dimension has {shape[at]}"
        )
    if category == COMPLEX:
        _no_complex("topk", input)
    elif category == BOOL:
        raise RuntimeError("topk does not support bool dtypes on CPU")
    if not input._array.ndim:
        index = wrap(np.zeros((), np.int64), kind_of(int64, input.device))
        result = TopK((input.clone(), index))
        return result if out is None else write_results(out, result, "topk")
    return _finished(TopK, input, topk_(x, at, k, bool(largest)), out, "topk")


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
    parts = kthvalue_(x, at, k - 1, not keepdim)
    return _finished(_KthValue, input, parts, out, "kthvalue")


def _not_empty(name: str, x: Tensor, at: int) -> None:
    if x._array.shape[at] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {at} to have non-zero size.")


def _numbers(name: str, input: Tensor) -> None:
    if input._kind.dtype.category in (BOOL, COMPLEX):
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


def _median_of_all(input: Tensor, ignore: bool) -> Tensor:
    array = input._array
    if 0 < array.size <= FEW and input._node is None:
        return wrap(middle(array.reshape(-1), 0, ignore, True)[0], input._kind)
    return median_(input, ignore)  # type: ignore[no-any-return]


def _median(name: str, ignore: bool, run: Any) -> Any:
    made: Any = named_result(name, "values indices")

    def function(
        input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None
    ) -> Any:
        if dim is None:
            _numbers("median", input)
            value = _median_of_all(input, ignore)
            return value if out is None else write_out(out, value, name)
        x, at = located(input, dim)
        if x._array.size or x._array.shape[at] == 0:
            _not_empty(name, x, at)
        _numbers("median", input)
        return _finished(made, input, run(x, at, ignore, not keepdim), out, name)

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


median, nanmedian = (
    _median("median", False, median_of_rows),
    _median("nanmedian", True, nanmedian_of_rows),
)
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
    return _finished(_Mode, input, mode_(x, at, not keepdim), out, "mode")
