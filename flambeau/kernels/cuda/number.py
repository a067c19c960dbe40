"""Numbers as operands of kernels: each one lies on a device once."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import driver
from .allocator import allocator

MOST = 4096
"""Numbers that are kept, on all devices."""
_kept: dict[tuple[int, bytes, np.dtype], Any] = {}


def number(value: Any, dtype: Any, device: int) -> Any:
    """An array without dimensions on a device, which nobody writes to; all streams can read it at once."""
    host = np.asarray(value, dtype)
    key = device, host.tobytes(), host.dtype
    found = _kept.get(key)
    if found is None:
        cuda = driver.cupy().cuda
        with cuda.Device(device):
            stream = cuda.get_current_stream()
            if stream.is_capturing():
                found = _kept[key] = _beside(host)  # the graph will read it
            else:
                found = driver.cupy().asarray(host)
                stream.synchronize()
        if len(_kept) < MOST:
            _kept[key] = found
    return found


def _beside(host: np.ndarray) -> Any:
    """The array, now, while the current stream is recorded into a graph, which has no part in it."""
    cupy = driver.cupy()
    with allocator().default.used(), cupy.cuda.Stream(non_blocking=True) as stream:
        made = cupy.asarray(host)
        stream.synchronize()
    return made


__all__ = ["number"]
