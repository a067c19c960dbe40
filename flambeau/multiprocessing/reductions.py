"""How tensors and storages travel between processes: their memory moves into a segment, which is handed over.

Source: torch.multiprocessing.reductions
"""

from __future__ import annotations

import threading
import time
import weakref
from multiprocessing import reduction, resource_sharer, util
from multiprocessing.reduction import ForkingPickler as ForkingPickler
from typing import Any

from ..core import shared, tensor
from ..core.device import CPU
from ..core.memory import owner
from ..core.storage import UntypedStorage
from ..core.tensor import Tensor


class StorageWeakRef:
    """A reference to a storage's memory that does not keep it alive; equal for storages of the same memory.

    Source: torch.multiprocessing.reductions.StorageWeakRef
    """

    def __init__(self, storage: Any) -> None:
        memory = owner(storage.untyped()._bytes)
        self.cdata, self._memory = id(memory), weakref.ref(memory)

    def expired(self) -> bool:
        """Is the memory gone?"""
        return self._memory() is None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StorageWeakRef) and (
            self is other or (self.cdata == other.cdata and not self.expired())
        )

    def __hash__(self) -> int:
        return self.cdata


def reduce_storage(storage: UntypedStorage) -> tuple:
    """A storage as its segment."""
    size = storage.nbytes()
    if storage.device is not CPU:
        raise RuntimeError(
            f"memory on {storage.device} cannot be handed to another process, as handles for it (CUDA's IPC) are not "
            "supported: send x.cpu(), and move it with .to(device) where it arrives"
        )
    if not size:
        return UntypedStorage, (0,)
    storage.share_memory_()
    by = shared.sent(storage)
    if isinstance(by, int):
        return _of_file, (reduction.DupFd(by), size)
    if by is not None:
        return shared.received, (by, size)
    if storage.filename is not None:
        return UntypedStorage.from_file, (storage.filename, True, size)
    return storage.__reduce__()  # a file of the user's, whose changes stay in this process


STAY = 3.0
"""Seconds that a process waits at its end for others to take the memory that it has sent them."""
LAST = 0.02
"""Seconds for the last file, which is on its way when nothing waits."""
BETWEEN = 5
"""When in the order of ends: queues are closed at 10, and the address where files are handed over goes at 0."""


def _stay(_: Any = None) -> None:
    """Let this process end only when what it has sent was received, or after a while."""
    util.Finalize(None, _wait, exitpriority=BETWEEN)


def _wait() -> None:
    deadline = time.monotonic() + STAY
    for thread in threading.enumerate():
        if thread.name == "QueueFeederThread":  # writes what a queue holds
            thread.join(max(0.0, deadline - time.monotonic()))
    sharer = resource_sharer._resource_sharer  # type: ignore[attr-defined]
    while time.monotonic() < deadline and (sharer._cache or shared.under_way()):
        time.sleep(0.005)
    if sharer._listener is not None:
        time.sleep(LAST)


def _of_file(file: Any, size: int) -> UntypedStorage:
    return shared.received(file.detach(), size)


def reduce_tensor(x: Tensor) -> Any:
    """A tensor as its storage and its place there.

    Raises:
        RuntimeError: It has a history, which cannot leave its process, or is on a GPU.
    """
    if x.requires_grad and not x.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
            "crossing process boundaries.  If you just want to transfer the data, call detach() on the tensor before "
            "serializing (e.g., putting it on the queue)."
        )
    shared.share(x)
    return x.__reduce_ex__(2)


def _register(cls: type) -> None:
    reduction.ForkingPickler.register(cls, reduce_tensor)


def init_reductions() -> None:
    """Let all pickles of multiprocessing share memory; importing `torch.multiprocessing` does it.

    Source: torch.multiprocessing.reductions.init_reductions
    """
    if _register in tensor.class_hooks:
        return
    reduction.ForkingPickler.register(UntypedStorage, reduce_storage)
    for cls in tuple(tensor._met):
        _register(cls)
    tensor.class_hooks.append(_register)
    _stay()
    util.register_after_fork(_register, _stay)
