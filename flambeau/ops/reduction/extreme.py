"""The largest and the smallest: of dimensions and of all elements, and where they stand."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import BOOL, COMPLEX, int64
from ...core.result import named_result
from ...core.tensor import Tensor, wrap, wrap_dim
from ...dispatch.formula.rowwise import one_dim, rowwise, wrap_dims
from ...dispatch.registry import public
from ...dispatch.write import write_out
from ...formula import primitive as p
from ...formula.expression import Expression

Dims = Any


def _place(x: Any, dim: int, largest: bool, drop: bool) -> Any:
    index = np.asarray(kernels.array.argmax.place(x, dim, largest), np.int64)
    return index if drop else np.expand_dims(index, dim)


place = kernels.Native("array.few", "place", _place)
"""Where the largest or smallest element along a dimension stands."""


@rowwise(label="Amax", unsupported="complex")
def amax_(x: Expression) -> Expression:
    """The largest of a row."""
    return p.amax(x)


@rowwise(label="Amin", unsupported="complex")
def amin_(x: Expression) -> Expression:
    """The smallest of a row."""
    return p.amin(x)


@rowwise(label="MaxBackward1", unsupported="complex")
def max_(x: Expression) -> Expression:
    """The largest of all; nan receives the gradient where it is the largest."""
    return p.amax(x)


@rowwise(label="MinBackward1", unsupported="complex")
def min_(x: Expression) -> Expression:
    """The smallest of all."""
    return p.amin(x)


def _shared(g: Expression, x: Expression, y: Expression) -> Expression:
    chosen = p.where(p.logical_or(p.equal(x, y), p.isnan(x)), 1.0, 0.0)
    return chosen * (g / p.sum(chosen))


max_.gradient(_shared)
min_.gradient(_shared)


@rowwise(label="Aminmax", unsupported="complex")
def aminmax_(x: Expression) -> tuple[Expression, Expression]:
    """The smallest and the largest of a row."""
    return p.amin(x), p.amax(x)


def not_empty(name: str, input: Tensor, dim: Dims, error: type[Exception] = RuntimeError) -> None:
    """Raises where a largest or smallest element is asked of nothing."""
    array = input._array
    if array.size:
        return
    if dim is None or dim == ():
        raise error(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        )
    for d in wrap_dims(dim, array.ndim):
        if array.ndim and array.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


@public(method=True)
def amax(
    input: Tensor, dim: Dims = (), keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The largest over dimensions; ties share the gradient.

    Raises:
        IndexError: There is no such dimension, or it is empty.

    Source: torch.amax

    Example:
        >>> import flambeau as torch
        >>> torch.amax(torch.tensor([[1., 4.], [3., 2.]]), 1)
        tensor([4., 3.])
    """
    if input.__class__ is Tensor and not input._array.size:
        not_empty("amax", input, dim)
    return amax_.over(input, dim, keepdim, None, out)


@public(method=True)
def amin(
    input: Tensor, dim: Dims = (), keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The smallest over dimensions; ties share the gradient.

    Raises:
        IndexError: There is no such dimension, or it is empty.

    Source: torch.amin
    """
    if input.__class__ is Tensor and not input._array.size:
        not_empty("amin", input, dim)
    return amin_.over(input, dim, keepdim, None, out)


MinMax: Any = named_result("aminmax", "min max")


@public(method=True)
def aminmax(
    input: Tensor, *, dim: int | None = None, keepdim: bool = False, out: Any = None
) -> MinMax:
    """The smallest and the largest, over a dimension or of all elements.

    Raises:
        RuntimeError: There are no elements.

    Source: torch.aminmax

    Example:
        >>> import flambeau as torch
        >>> torch.aminmax(torch.tensor([3., 1., 2.])).max
        tensor(3.)
    """
    if dim is not None and dim.__class__ is not int:
        one_dim("aminmax", dim)
    if not input._array.size:
        if dim is None:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
            )
        not_empty("aminmax", input, dim)
    result = aminmax_.over(input, dim, keepdim)
    return MinMax.of(result if out is None else write_out(out, result, "aminmax"))


def _extreme(name: str, largest: bool) -> Any:
    def function(
        input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None
    ) -> Tensor:
        if dim is not None and dim.__class__ is not int:
            one_dim(name, dim)
        array, kind = input._array, input._kind
        if kind.dtype.category in (BOOL, COMPLEX):
            raise RuntimeError(
                f"{name}(): does not support {'complex' if input.dtype.is_complex else 'bool'} input"
            )
        if not array.size:
            not_empty(name, input, dim, IndexError)
        ndim = array.ndim
        if dim is None:
            values = place(array.reshape(-1), 0, largest, True)
            values = values.reshape((1,) * ndim) if keepdim else values
        else:
            at = dim if 0 <= dim < ndim else wrap_dim(dim, ndim)
            values = place(array if ndim else array.reshape(1), at, largest, not (keepdim and ndim))
        result = wrap(values, kind.with_dtype(int64))
        return result if out is None else write_out(out, result, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The index of the {'largest' if name == 'argmax' else 'smallest'} element, over one "
        f"dimension or of all elements.\n\n    Source: torch.{name}\n    "
    )
    return public(name, method=name)(function)


argmax, argmin = _extreme("argmax", True), _extreme("argmin", False)
