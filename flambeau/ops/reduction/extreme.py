"""The largest and the smallest: of dimensions and of all elements, and where they stand."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import int64
from ...core.result import named_result
from ...core.tensor import Tensor, wrap
from ...dispatch.formula.rowwise import one_dim, rowwise, wrap_dims
from ...dispatch.registry import public
from ...dispatch.write import write_out
from ...formula import primitive as p
from ...formula.expression import Expression

Dims = Any


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
    if input.__class__ is Tensor:
        not_empty("amax", input, dim)
    return amax_(input, dim=dim, keepdim=keepdim, out=out)


@public(method=True)
def amin(
    input: Tensor, dim: Dims = (), keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The smallest over dimensions; ties share the gradient.

    Raises:
        IndexError: There is no such dimension, or it is empty.

    Source: torch.amin
    """
    if input.__class__ is Tensor:
        not_empty("amin", input, dim)
    return amin_(input, dim=dim, keepdim=keepdim, out=out)


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
    one_dim("aminmax", dim)
    if input._array.size == 0 and dim is None:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    not_empty("aminmax", input, dim)
    result = aminmax_(input, dim=dim, keepdim=keepdim)
    return MinMax(result if out is None else write_out(out, result, "aminmax"))


def _extreme(name: str, largest: bool) -> Any:
    def function(
        input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None
    ) -> Tensor:
        one_dim(name, dim)
        array, asarray = input._array, input._kind.xp.asarray
        if input.dtype.category in (0, 3):
            raise RuntimeError(
                f"{name}(): does not support {'complex' if input.dtype.is_complex else 'bool'} input"
            )
        not_empty(name, input, dim, IndexError)
        if dim is None:
            values = asarray(kernels.array.argmax.place(array.reshape(-1), 0, largest))
            values = values.reshape((1,) * array.ndim) if keepdim else values
        else:
            axis = wrap_dims(dim, array.ndim)[0]
            places = kernels.array.argmax.place(array, axis, largest) if array.ndim else 0
            values = np.expand_dims(places, axis) if keepdim and array.ndim else asarray(places)
        result = wrap(values.astype(np.int64, copy=False), input._kind.with_dtype(int64))
        return result if out is None else write_out(out, result, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The index of the {'largest' if name == 'argmax' else 'smallest'} element, over one "
        f"dimension or of all elements.\n\n    Source: torch.{name}\n    "
    )
    return public(name, method=name)(function)


argmax, argmin = _extreme("argmax", True), _extreme("argmin", False)
