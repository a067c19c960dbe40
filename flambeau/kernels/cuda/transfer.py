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
        non_blocking: Do not wait until page-locked memory is read; it lives until then. Other memory is waited for.

    Raises:
        RuntimeError: It has to be waited for, while the current stream is recorded into a graph.
    """
    cupy = driver.cupy()
    whole = np.ascontiguousarray(array).reshape(array.shape)
    is_apart = non_blocking and pinned.is_pinned(whole)
    stream = cupy.cuda.get_current_stream()
    if not is_apart and stream.is_capturing():
        raise RuntimeError(
            "Cannot copy from the CPU to a CUDA device during CUDA graph capture unless the tensor is pinned: copy it "
            "before, or use tensor.pin_memory() and non_blocking=True"
        )
    made = cupy.empty(array.shape, array.dtype)
    made.set(whole)
    if is_apart:
        pinned.hold(whole)
    else:
        stream.synchronize()  # some GPUs read any memory by themselves, and CuPy does not wait
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
