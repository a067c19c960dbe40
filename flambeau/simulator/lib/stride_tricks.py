"""Views of memory by shape and strides, as `cupy.lib.stride_tricks`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array import memory_of, ndarray, view
from ..cuda.memory import offset


def as_strided(x: ndarray, shape: Any = None, strides: Any = None) -> ndarray:
    """A view that begins where x does.

    Raises:
        ValueError: It would leave the memory that x lies in. CuPy does not look.
    """
    host = x._host
    memory = memory_of(host)
    shape = host.shape if shape is None else tuple(shape)
    strides = host.strides if strides is None else tuple(strides)
    made = np.ndarray(shape, host.dtype, np.asarray(memory), offset(memory, host), strides)
    return view(made, x)


def sliding_window_view(
    x: ndarray, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> ndarray:
    """Every window of a shape, as a view."""
    host = np.lib.stride_tricks.sliding_window_view(x._host, window_shape, axis)
    return as_strided(x, host.shape, host.strides)


__all__ = [
    "as_strided",
    "sliding_window_view",
]
