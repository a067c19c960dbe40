"""Numbers as operands of kernels: each one lies on a device once."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import driver

MOST = 4096
"""Numbers of a device that are kept."""
_kept: dict[tuple[int, bytes, np.dtype], Any] = {}


def number(value: Any, dtype: Any) -> Any:
    """An array without dimensions on the current device, which nobody writes to.

    While a graph is recorded, nothing can be copied from the host: then a kernel writes it, in each replay again.
    """
    cupy = driver.cupy()
    host = np.asarray(value, dtype)
    key = cupy.cuda.runtime.getDevice(), host.tobytes(), host.dtype
    found = _kept.get(key)
    if found is not None:
        return found
    stream = cupy.cuda.get_current_stream()
    if stream.is_capturing():
        made = cupy.empty((), host.dtype)
        made.fill(host[()])
        return made
    made = cupy.asarray(host)
    if len(_kept) < MOST:
        stream.synchronize()  # others find it from now on, in whatever stream
        _kept[key] = made
    return made


__all__ = ["number"]
