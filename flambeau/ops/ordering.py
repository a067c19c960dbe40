"""Largest and smallest, sorting, running sums, masks and tables of rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.dtype import bool_, int64, uint8
from ..core.tensor import Tensor, wrap, wrap_dim
from .comparison import choose, maximum, minimum
from .extremum import argmax, argmin, max_, min_, not_empty
from .registry import method, public
from .row import one_dim
from .rule import operation
from .view import view_as_real
from .write import write_out


class ValuesIndices(NamedTuple):
    """Values, and where along the dimension they stood."""

    values: Tensor
    indices: Tensor


@operation(operands="x index", label="Gather")
def take_along(x: Any, index: Any, dim: int) -> Any:
    """The elements of x at the indices along a dimension, of which each is taken at most once."""
    return np.take_along_axis(x, index, dim)


@take_along.gradient
def _(g: Tensor, index: Tensor, dim: int, shape_x: tuple[int, ...]) -> tuple:
    return put_along(g, index, dim, shape_x), None


@operation(operands="g index", label="Scatter")
def put_along(g: Any, index: Any, dim: int, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` at the indices along a dimension."""
    whole = np.zeros(shape, g.dtype)
    np.put_along_axis(whole, index, g, dim)
    return whole


@put_along.gradient
def _(g: Tensor, index: Tensor, dim: int) -> tuple:
    return take_along(g, index, dim), None


def _at_zero(input: Tensor) -> Tensor:
    """Where the element of a 0-d tensor stands."""
    return wrap(np.zeros((), np.int64), input._kind.with_dtype(int64))


def _extreme(name: str, of_all: Any, where: Any, of_two: Any) -> Any:
    def function(
        input: Tensor,
        dim: Any = None,
        keepdim: bool = False,
        *,
        other: Tensor | None = None,
        out: Any = None,
    ) -> Any:
        if isinstance(dim, Tensor) or other is not None:
            return of_two(input, other if other is not None else dim, out=out)
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
            )
        if dim is None:
            not_empty(name, input, ())
            return of_all(input, out=out)
        result = along(input, dim, keepdim)
        return result if out is None else ValuesIndices(*write_out(out, result, name))

    def along(input: Tensor, dim: int, keepdim: bool) -> ValuesIndices:
        one_dim(name, dim)
        if input.dtype.is_complex:
            raise RuntimeError(f"{name}(): does not support complex input")
        not_empty(name, input, dim)
        at = wrap_dim(dim, input.ndim)
        if input.ndim == 0:
            return ValuesIndices(input.clone(), _at_zero(input))
        index = where(input.to(uint8) if input.dtype is bool_ else input, at, True)
        values = take_along(input, index, at)
        if keepdim:
            return ValuesIndices(values, index)
        return ValuesIndices(values.squeeze(at), index.squeeze(at))

    function.__name__ = function.__qualname__ = name
    size = "largest" if name == "max" else "smallest"
    function.__doc__ = (
        f"The {size} element; with a dimension, (values, indices) along it; of two tensors, element by element.\n\n"
        f"    Source: torch.{name}\n    "
    )
    return public(name, method=name)(function)


max = _extreme("max", max_, argmax, maximum)
min = _extreme("min", min_, argmin, minimum)


def _order(input: Tensor, dim: int, descending: bool) -> Tensor:
    """Indices that sort a dimension, equal elements in their order."""
    array = input._array
    if descending:  # reversing twice keeps equal elements in their order
        back = np.flip(np.argsort(np.flip(array, dim), dim, kind="stable"), dim)
        index = array.shape[dim] - 1 - back
    else:
        index = np.argsort(array, dim, kind="stable")
    from .creation import from_numpy  # creation stands beside this module

    return from_numpy(np.ascontiguousarray(index, np.int64))


@public(method=True)
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False
) -> ValuesIndices:
    """A dimension's elements in order, and where they stood; nan is the largest.

    Source: torch.sort

    Example:
        >>> import flambeau as torch
        >>> torch.sort(torch.tensor([3., 1., 2.])).indices
        tensor([1, 2, 0])
    """
    if input.ndim == 0:
        return ValuesIndices(input.clone(), _at_zero(input))
    at = wrap_dim(dim, input.ndim)
    index = _order(input, at, descending)
    return ValuesIndices(take_along(input, index, at), index)


@public(method=True)
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort a dimension.

    Source: torch.argsort
    """
    return sort(input, dim, descending, stable).indices


@public(method=True)
def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesIndices:
    """The k largest (or smallest) of a dimension, in order, and where they stood.

    Raises:
        RuntimeError: The dimension has fewer elements.

    Source: torch.topk
    """
    at = wrap_dim(dim, input.ndim)
    if not 0 <= k <= (input.shape[at] if input.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if input.ndim == 0:
        return ValuesIndices(input.clone(), _at_zero(input))
    index = _order(input, at, largest).narrow(at, 0, k)
    return ValuesIndices(take_along(input, index, at), index.contiguous())


@operation(label="Cumsum")
def cumsum_(x: Any, dim: int) -> Any:
    """Running sums."""
    return np.cumsum(x, dim, dtype=x.dtype if x.dtype.kind in "fcV" else np.int64)


@cumsum_.gradient
def _(g: Tensor, dim: int) -> Tensor:
    return cumsum_(g.flip(dim), dim).flip(dim)


@public(method=True)
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running sums along a dimension.

    Source: torch.cumsum
    """
    x = input if dtype is None else input.to(dtype)
    return x.clone() if x.ndim == 0 else cumsum_(x, wrap_dim(dim, x.ndim))


def _number_for(input: Tensor, value: Any) -> Tensor:
    """The value of masked_fill in the input's dtype."""
    from .creation import full

    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s)."
            )
        return value.to(input.dtype)
    return full((), value, dtype=input.dtype)


@public(method=True)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` where the mask is true, else the input.

    Raises:
        RuntimeError: The mask is not bool.

    Source: torch.masked_fill
    """
    if mask.dtype.name != "bool":
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype}"
        )
    return choose(mask, _number_for(input, value), input)


@method()
def masked_fill_(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """The in-place form of `masked_fill`."""
    return self.copy_(masked_fill(self, mask, value))


@public("nn.functional.one_hot")
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Ones at the classes, as a new last dimension.

    Source: torch.nn.functional.one_hot
    """
    if tensor.dtype.name != "int64":
        raise RuntimeError("one_hot is only applicable to index tensor.")
    array = tensor._array
    if array.size and array.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    count = int(array.max()) + 1 if num_classes == -1 else num_classes
    if array.size and array.max() >= count:
        raise RuntimeError("Class values must be smaller than num_classes.")
    from .creation import from_numpy

    return from_numpy((array[..., None] == np.arange(count)).astype(np.int64))


def _part(name: str, label: str) -> None:
    def get(self: Tensor) -> Tensor:
        if not self.dtype.is_complex:
            if name == "imag":
                raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
            return self
        return self.view_as_real_part(name == "imag")

    get.__doc__ = f"The {label} part, a view.\n\n    Source: torch.{name}\n    "
    get.__name__ = get.__qualname__ = name
    public(name)(get)
    setattr(Tensor, name, property(get))


@method()
def view_as_real_part(self: Tensor, imaginary: bool) -> Tensor:
    """One part of complex numbers, as a view."""
    return view_as_real(self).select(-1, int(imaginary))


_part("real", "real")
_part("imag", "imaginary")
