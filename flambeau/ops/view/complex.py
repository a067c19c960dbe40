"""Real and imaginary parts of complex tensors as views of their memory."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...core import tensor as handle
from ...core.dtype import BY_NUMPY
from ...core.tensor import Tensor, element_strides
from ...dispatch.registry import public
from ...dispatch.remembered import Finding, remembers
from ...dispatch.rule.view_operation import strided_view, view_operation
from .slice import select_


@view_operation("ViewAsReal", retyping=True)
def view_as_real_(x: Any) -> Any:
    """Real and imaginary parts as a last dimension of size 2."""
    part = BY_NUMPY[x.dtype].to_real().numpy
    pairs = strided_view(x, (*x.shape, 1), (*x.strides, x.itemsize)).view(part)
    return strided_view(pairs, (*x.shape, 2), (*x.strides, part.itemsize))


@view_as_real_.gradient
def _(g: Tensor) -> Tensor:
    return view_as_complex(g.contiguous())


@view_operation("ViewAsComplex", retyping=True)
def view_as_complex_(x: Any) -> Any:
    """A last dimension of size 2 as complex numbers."""
    target = BY_NUMPY[x.dtype].to_complex().numpy
    if x.size == 0:
        return np.zeros(x.shape[:-1], target)
    pair = strided_view(x, (2,), (x.itemsize,)).view(target)
    return strided_view(pair, x.shape[:-1], x.strides[:-1])


@view_as_complex_.gradient
def _(g: Tensor) -> Tensor:
    return view_as_real(g)


@public()
@remembers("input")
def view_as_real(input: Tensor) -> Tensor:
    """Real and imaginary parts as a last dimension of size 2.

    Raises:
        RuntimeError: It is not complex.

    Source: torch.view_as_real

    Example:
        >>> import flambeau as torch
        >>> torch.view_as_real(torch.tensor([1 + 2j]))
        tensor([[1., 2.]])
    """
    if not input._kind.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return view_as_real_(input)


@public()
def view_as_complex(input: Tensor) -> Tensor:
    """A last dimension of size 2 as complex numbers.

    Raises:
        RuntimeError: It is not float16, float32 or float64, or its memory is not made of pairs.

    Source: torch.view_as_complex

    Example:
        >>> import flambeau as torch
        >>> torch.view_as_complex(torch.tensor([[1., 2.]]))
        tensor([1.+2.j])
    """
    if input.storage_offset() % 2 == 0:
        case = _PAIRS.find(_PAIRS.token, input)
        if case is not None:
            return case(input)  # type: ignore[no-any-return]
    if not input.dtype.is_floating_point or input.dtype.is_extension:
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor "
            f"of scalar type: {input.dtype.legacy}"
        )
    shape, strides = input._array.shape, element_strides(input._array)
    if not shape:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if strides[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(n % 2 for n in strides[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if input.storage_offset() % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    result = view_as_complex_(input)
    array = result._array
    if array.__class__ is np.ndarray and array.size and handle.views is not None:
        facts = array.shape, array.strides, 0, view_as_complex_, result._kind, array.dtype
        _PAIRS.learn(partial(handle.views.view, *facts), input)
    return result


_PAIRS = Finding()


def _part(name: str, index: int, label: str) -> None:
    @remembers("input")
    def get(input: Tensor) -> Tensor:
        if input._kind.dtype.is_complex:
            return select_(view_as_real(input), input._array.ndim, index)
        if index:
            raise RuntimeError(f"{name} is not implemented for tensors with non-complex dtypes.")
        return input

    get.__doc__ = f"The {label} part, a view.\n\n    Source: torch.{name}\n    "
    get.__name__ = get.__qualname__ = name
    public(name)(get)
    setattr(Tensor, name, property(get))


_part("real", 0, "real")
_part("imag", 1, "imaginary")
