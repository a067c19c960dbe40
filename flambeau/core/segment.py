"""Memory that two processes map: a file without a name, handed over as an open file.

No name means nothing to remove: the memory ends with the last process that has it mapped, however that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import secrets
import weakref
from functools import cache
from typing import Any

import numpy as np

from .memory import owner

POSSIBLE = os.name == "posix"
"""Can processes hand over open files here?"""
_POPULATE = getattr(mmap, "MAP_POPULATE", 0)
_FAILED = ctypes.c_void_p(-1).value


def create(size: int) -> int:
    """A new file of `size` bytes, which are there: a write to them cannot fail.

    Raises:
        OSError: The system has no such memory, or not as much.
    """
    handle = _open()
    try:
        os.ftruncate(handle, size)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size)
    except OSError:
        os.close(handle)
        raise
    return handle


def _open() -> int:
    """A file in memory: without a name from the beginning, or with one for a moment."""
    if hasattr(os, "memfd_create"):
        try:
            return os.memfd_create("flambeau", os.MFD_CLOEXEC)
        except OSError:  # forbidden, as in some containers
            pass
    return _named()


def _named() -> int:
    """A file of /dev/shm, or what the system has instead."""
    from _posixshmem import shm_open, shm_unlink  # type: ignore[import-not-found]

    name = f"/flambeau-{secrets.token_hex(8)}"
    handle = shm_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    shm_unlink(name)
    return handle


class Mapping:
    """A file of `create` in this process's memory, as long as this object lives.

    `mmap.mmap` would keep a file open for each, of which a process may have about a thousand.
    """

    __slots__ = ("address", "size")

    def __init__(self, handle: int, size: int) -> None:
        self.size = 0
        flags = mmap.MAP_SHARED | _POPULATE
        address = _libc().mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, handle, 0)
        if address == _FAILED:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        self.address, self.size = address, size

    def __del__(self) -> None:
        if self.size and _libc is not None:  # the interpreter may be ending
            _libc().munmap(self.address, self.size)


@cache
def _libc() -> Any:
    library = ctypes.CDLL(None, use_errno=True)
    size, number, pointer = ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p
    library.mmap.argtypes = (pointer, size, number, number, number, ctypes.c_int64)
    library.mmap.restype = pointer
    library.munmap.argtypes = (pointer, size)
    return library


def content(handle: int, size: int) -> np.ndarray:
    """A copy of a file's bytes, where a process may have no more mappings."""
    copy = np.empty(size, np.uint8)
    done = 0
    while done < size:
        done += os.preadv(handle, [copy[done:]], done)  # type: ignore[list-item]
    return copy


class SharedMemory:
    """A segment of tensors that this process has mapped, as long as an array looks at it.

    Attributes:
        handle: The open file, or None.
        name: Its path, or None; removed with the segment.
    """

    __slots__ = ("__array_interface__", "__weakref__", "_mapping", "handle", "name")

    def __init__(self, handle: int, size: int, name: str | None = None) -> None:
        self._mapping = Mapping(handle, size)
        self.handle: int | None = handle if name is None else None
        self.name: str | None = name
        self.__array_interface__ = {
            "version": 3,
            "shape": (size,),
            "typestr": "|u1",
            "data": (self._mapping.address, False),
        }
        if name is None:
            weakref.finalize(self, os.close, handle)
        else:
            os.close(handle)
            weakref.finalize(self, remove, name, os.getpid())


_mapped: weakref.WeakValueDictionary[tuple[int, int], np.ndarray] = weakref.WeakValueDictionary()
"""By the file system's and the file's number, which tell two segments apart while they exist."""


def mapped(handle: int, size: int, name: str | None = None) -> np.ndarray:
    """The bytes of an open file, which it takes over; the same array for the same file."""
    status = os.fstat(handle)
    key = status.st_dev, status.st_ino
    found = _mapped.get(key)
    if found is None:
        found = _mapped[key] = np.asarray(SharedMemory(handle, size, name))
        return found
    os.close(handle)
    if name is not None:
        remove(name, os.getpid())
    return found


def remove(name: str, process: int) -> None:
    """Remove what `process` has named, if this is it: a forked child leaves its parent's names."""
    if os.getpid() == process:
        with contextlib.suppress(OSError):
            os.unlink(name)


def behind(array: np.ndarray) -> SharedMemory | None:
    """The segment that an array looks at."""
    base = owner(array).base
    return base if isinstance(base, SharedMemory) else None


class _Setting:
    """How segments of tensors that are made from now on travel: as open files, or by names."""

    by_name = False


setting = _Setting()
FOLDER = "/dev/shm"


def new_name() -> str:
    """A path that nothing has yet."""
    return f"{FOLDER}/torch_{os.getpid()}_{secrets.token_hex(8)}"


def copied(held: np.ndarray) -> np.ndarray:
    """A copy of bytes in a new segment.

    Raises:
        OSError: There is no room for it.
    """
    size, name = held.nbytes, None
    if setting.by_name:
        name = new_name()
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.posix_fallocate(handle, 0, size)
    else:
        handle = create(size)
    memory = mapped(handle, size, name)
    memory[:] = held
    return memory
