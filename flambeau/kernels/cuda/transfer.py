"""Arrays on their way between the host and a GPU, and from one GPU to another; all of it in the current streams."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import driver, pinned, report
from .allocator import allocator


def to_device(array: np.ndarray, non_blocking: bool = False) -> Any:
    """An array of the host on the current device.

    Args:
        array: What is copied.
        non_blocking: Do not wait until page-locked memory is read; it lives until then. Other memory is read at once.
    """
    cupy = driver.cupy()
    made = cupy.empty(array.shape, array.dtype)
    whole = np.ascontiguousarray(array).reshape(array.shape)
    made.set(whole)
    if pinned.is_pinned(whole):
        if non_blocking:
            pinned.hold(whole)
        else:
            cupy.cuda.get_current_stream().synchronize()
    return made


def to_host(array: Any, non_blocking: bool = False) -> np.ndarray:
    """An array of the current device on the host.

    Args:
        array: What is copied.
        non_blocking: Do not wait; the result is in page-locked memory, and is not right before the stream is synchronized.
    """
    if not non_blocking:
        copy: np.ndarray = array.get()
        report.ask()
        return copy
    out = pinned.empty(array.shape, array.dtype)
    array.get(out=out, blocking=False)
    pinned.hold(out)
    return out


def moved(array: Any) -> Any:
    """An array of another device on the current one, when that one has computed it."""
    cupy = driver.cupy()
    cuda = cupy.cuda
    with array.device:
        whole = cupy.ascontiguousarray(array)
        computed = cuda.get_current_stream().record(cuda.Event(disable_timing=True))
    made = cupy.empty(array.shape, array.dtype)
    stream = cuda.get_current_stream()
    stream.wait_event(computed)
    made.data.copy_from_device_async(whole.data, whole.nbytes, stream)
    allocator().record(whole, stream)
    return made


__all__ = ["moved", "to_device", "to_host"]
