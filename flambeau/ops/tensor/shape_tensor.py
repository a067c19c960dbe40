"""Shapes as tensors, which traced programs compute with."""

from __future__ import annotations

import numpy as np

from ...core import tensor as handle
from ...core.device import CPU
from ...core.dtype import int64
from ...core.kind import kind_of
from ...core.tensor import Tensor, wrap_numpy
from ...core.twin import host
from ...dispatch.registry import public
from ...dispatch.remembered import Finding


@host
def _sizes(shape: tuple[int, ...]) -> np.ndarray:
    """They are on the CPU, wherever the elements are."""
    return np.array(shape, np.int64)


@public("_shape_as_tensor", tensors="input")
def _shape_as_tensor(input: Tensor) -> Tensor:
    """The sizes as a tensor of integers.

    Source: torch._shape_as_tensor

    Example:
        >>> import flambeau as torch
        >>> torch._shape_as_tensor(torch.ones(2, 3))
        tensor([2, 3])
    """
    make = _KNOWN.find(_KNOWN.token, input)
    if make is not None:
        return handle.make(make(), _INT64, None, [0], None)
    sizes = _sizes(tuple(input.shape))
    if input.__class__ is Tensor:
        _KNOWN.learn(lambda: sizes.copy().copy, input)
    return wrap_numpy(sizes)


_KNOWN, _INT64 = Finding(), kind_of(int64, CPU)


@public("_reshape_from_tensor", tensors="input shape")
def _reshape_from_tensor(input: Tensor, shape: Tensor) -> Tensor:
    """The same elements in the sizes that a tensor says.

    Source: torch._reshape_from_tensor
    """
    return input.reshape(shape.tolist())  # type: ignore[attr-defined]
