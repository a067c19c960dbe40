"""Memory of tensors that processes share: making it so, and handing it over.

A segment (core/segment.py) travels as an open file, or by a name in /dev/shm. Who gets one that it has already
mapped gets the same memory again, so that tensors share theirs in every process.
"""

from __future__ import annotations

import atexit
import os

import numpy as np

from .device import CPU
from .memory import address, memory_of, owner
from .segment import behind, copied, mapped, new_name, remove
from .storage import UntypedStorage, rehouse, storage_of
from .tensor import Tensor


def is_shared(x: Tensor) -> bool:
    """Is the tensor's memory shared between processes?"""
    if x._kind.device is not CPU:
        return x._kind.has_elements  # as in PyTorch
    array = x._array
    return not array.size or storage_of(array).is_shared()


def share(x: Tensor) -> None:
    """Move a tensor's memory into a segment, and all its views with it.

    Raises:
        OSError: There is no room for it.
    """
    if is_shared(x) or x._kind.device is not CPU:
        return
    before = owner(x._array)
    held = memory_of(before)
    memory = copied(held)
    root = x._root()
    views = (reference() for reference in x._cell[1:])
    for tensor in {id(t): t for t in (x, root, *views) if t is not None}.values():
        array = tensor._array
        if owner(array) is before:
            place = address(array) - address(held)
            tensor._array = np.ndarray(array.shape, array.dtype, memory, place, array.strides)
    rehouse(before, memory)


# ------------------------------------------------------------------------------- handing it over


_sent: list[str] = []


def sent(storage: UntypedStorage) -> int | str | None:
    """What another process finds a storage's segment by: an open file, or a name that is for it alone.

    None for a storage that has no segment: a file of the user's is mapped.
    """
    found = behind(storage._bytes)
    if found is None or found.name is None:
        return None if found is None else found.handle
    name = new_name()
    os.link(found.name, name)
    if not _sent:
        atexit.register(_remove_unreceived, os.getpid())
    _sent.append(name)
    return name


def under_way() -> bool:
    """Is there a name that nobody has taken yet?"""
    return any(map(os.path.exists, _sent))


def _remove_unreceived(process: int) -> None:
    for name in _sent:
        remove(name, process)


def received(by: int | str, size: int) -> UntypedStorage:
    """The storage in another process's segment, found by what `sent` gave."""
    if isinstance(by, int):
        return storage_of(mapped(by, size))
    name = new_name()
    os.rename(by, name)  # the sender no longer removes it
    return storage_of(mapped(os.open(name, os.O_RDWR), size, name))
