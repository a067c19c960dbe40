"""Convolution with a window of one element that sees each place once: products of matrices, by cuBLAS."""

from __future__ import annotations

import math
from typing import Any

from .. import driver
from ..array.copy import copy_into
from ..matmul.matmul import multiply


def computed(name: str, a: Any, b: Any, bias: Any, shape: tuple[int, ...], groups: int) -> Any:
    """A map's result; NotImplemented for the one to the weight, whose sums are over images too.

    Args:
        name: "forward" or "transposed".
        a, b: The weight, and the other factor (N, channels, places), both in order.
        bias: For the result's channels, or None.
        shape: The result's.
    """
    if name == "weight":
        return NotImplemented
    images, places = b.shape[0], math.prod(b.shape[2:])
    w = a.reshape(groups, a.shape[0] // groups, a.shape[1])
    if name == "transposed":
        w = w.swapaxes(1, 2)
    c = driver.cupy().empty(shape, b.dtype)
    if bias is not None:
        copy_into(c, bias.reshape(-1, *(1,) * (len(shape) - 2)))
    split = images, groups, -1, places
    multiply(w, b.reshape(split), c.reshape(split), add=bias is not None)
    return c


__all__ = ["computed"]
