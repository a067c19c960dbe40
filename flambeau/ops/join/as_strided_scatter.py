"""A copy of a tensor in which what lies at a place of its memory is replaced."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ... import kernels
from ...core.memory import may_overlap
from ...core.tensor import Tensor, element_strides
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import OVERLAPS, repeats
from ..view.as_strided import at_strides, checked_place, storage_of
from .view_copies import check_same_shape


@public(method=True)
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """A copy in which the elements that `as_strided` shows are `src`; what it shows beside `input` is not written.

    Raises:
        RuntimeError: `src` has another shape, the view reaches outside the memory, or it shows one place at
            several indices because a stride is 0.

    Source: torch.as_strided_scatter

    Example:
        >>> import flambeau as torch
        >>> torch.as_strided_scatter(torch.zeros(2, 3), torch.ones(2), (2,), (3,), 1)
        tensor([[0., 1., 0.],
                [0., 1., 0.]])
    """
    own = input._array.shape, element_strides(input._array), input.storage_offset()
    if _may_overlap(*own[:2]):  # then strides speak of the memory of its copy
        return as_strided_scatter(input.contiguous(), src, size, stride, storage_offset)
    flat = storage_of(input)
    wanted = checked_place(flat, size, stride, own[2] if storage_offset is None else storage_offset)
    check_same_shape(src, wanted[0])
    if _repeats(*wanted[:2]):
        raise RuntimeError(OVERLAPS)
    if 0 in wanted[0]:
        return input.clone()
    if src._kind is not input._kind:
        src = src.to(input.device, input.dtype)
    return as_strided_scattered(input, src, flat.size, wanted, own)


_may_overlap, _repeats = lru_cache(1024)(may_overlap), lru_cache(1024)(repeats)


@operation(operands="x src", label="AsStridedScatter")
def as_strided_scattered(x: Any, src: Any, size: int, wanted: tuple, own: tuple) -> Any:
    """x, laid in memory as `own` says, with `src` at `wanted`; both are (shape, strides, offset) in elements."""
    whole = kernels.array.zeros.fresh((size,), x.dtype)
    in_order = x.size == size and x.flags.c_contiguous
    shown = whole.reshape(x.shape) if in_order else at_strides(whole, *own)
    kernels.array.copy.copy_into(shown, x)
    kernels.array.copy.copy_into(at_strides(whole, *wanted), src)
    return shown if in_order else shown.copy()


@as_strided_scattered.gradient
def _(g: Tensor, size: int, wanted: tuple, own: tuple, needs: tuple[bool, bool]) -> tuple:
    nothing = g.new_zeros(wanted[0])
    return (
        as_strided_scattered(g, nothing, size, wanted, own) if needs[0] else None,
        as_strided_gathered(g, size, wanted, own) if needs[1] else None,
    )


@operation(label="AsStridedScatter")
def as_strided_gathered(g: Any, size: int, wanted: tuple, own: tuple) -> Any:
    """What lies at `wanted` where g is laid as `own` says; of several elements at one place the last has all."""
    whole = kernels.array.zeros.zeros((size,), g.dtype)
    kernels.array.copy.copy_into(at_strides(whole, *own), g)
    found = at_strides(whole, *wanted).copy()
    if may_overlap(*wanted[:2]):
        places = at_strides(np.arange(size), *wanted).reshape(-1)
        last = np.zeros(size, np.int64)
        number = np.arange(places.size)
        last[places] = number
        found *= (last[places] == number).reshape(found.shape)
    return found


@as_strided_gathered.gradient
def _(g: Tensor, size: int, wanted: tuple, own: tuple) -> Tensor:
    return as_strided_scattered(g.new_zeros(own[0]), g, size, wanted, own)
