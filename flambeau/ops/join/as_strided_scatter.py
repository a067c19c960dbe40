"""A copy of a tensor in which what lies at a place of its memory is replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.memory import may_overlap
from ...core.tensor import Tensor, element_strides, wrap_numpy
from ...dispatch.registry import public
from ...dispatch.write import OVERLAPS, repeats
from ..elementwise.comparison import where
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
    if may_overlap(*own[:2]):  # then strides speak of the memory of its copy
        return as_strided_scatter(input.contiguous(), src, size, stride, storage_offset)
    flat = storage_of(input)
    wanted = checked_place(flat, size, stride, own[2] if storage_offset is None else storage_offset)
    check_same_shape(src, wanted[0])
    if repeats(*wanted[:2]):
        raise RuntimeError(OVERLAPS)
    if 0 in wanted[0]:
        return input.clone()
    taken = wrap_numpy(_elements_at(flat.size, wanted, own)).to(input.device)
    return where(taken > 0, src.to(input.dtype).reshape(-1)[(taken - 1).clamp(min=0)], input)


def _elements_at(size: int, source: tuple, target: tuple) -> np.ndarray:
    """Which element lies where `target` looks, if they are laid where `source` does: from 1 on; 0 if none does."""
    places = at_strides(np.arange(size), *source).reshape(-1)
    elements = np.zeros(size, np.int64)
    elements[places] = np.arange(1, places.size + 1)  # of several at one place the last counts
    return at_strides(elements, *target).copy()
