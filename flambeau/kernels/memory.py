"""Memory of large arrays is kept for the next ones instead of being returned to the system.

A page that comes fresh from the system costs more than the arithmetic on it. The C library's allocator can keep
what is freed; by default it gives back blocks of 128 kB and more at once, or soon. This raises its bounds, where it is
GNU's: blocks of up to 32 MB are reused, and at most `KEPT` bytes of free memory are held at the end of the heap.
"""

from __future__ import annotations

import ctypes
import sys

KEPT = 256 << 20
_LARGEST = 32 << 20  # the most that the allocator accepts
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # the numbers of mallopt's options


def keep() -> bool:
    """Reuse memory from now on; False where the allocator has no such bounds."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt") or not hasattr(libc, "gnu_get_libc_version"):
        return False
    return bool(libc.mallopt(_MMAP_THRESHOLD, _LARGEST) and libc.mallopt(_TRIM_THRESHOLD, KEPT))


def release() -> None:
    """Give what is free back to the system now."""
    libc = ctypes.CDLL(None)
    if sys.platform.startswith("linux") and hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
