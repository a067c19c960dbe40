"""What kernels are compiled with, and where they are kept: for programs that look after the cache.

``machine.disk.folder`` is the cache's folder, ``machine.disk.files()`` what is in it.
"""

from .runtime.disk import Disk, disk
from .runtime.jit import Machine

__all__ = ["Disk", "Machine", "disk"]
