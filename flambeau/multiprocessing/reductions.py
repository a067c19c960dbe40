"""How tensors and storages travel between processes: their memory moves into a segment, which is handed over.

Source: torch.multiprocessing.reductions
"""

from __future__ import annotations

from multiprocessing import reduction
from typing import Any

from ..core import shared, tensor
from ..core.device import CPU
from ..core.storage import UntypedStorage
from ..core.tensor import Tensor


def reduce_storage(storage: UntypedStorage) -> tuple:
    """A storage as its segment."""
    size = storage.nbytes()
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


def _of_file(file: Any, size: int) -> UntypedStorage:
    return shared.received(file.detach(), size)


def reduce_tensor(x: Tensor) -> Any:
    """A tensor as its storage and its place there.

    Raises:
        RuntimeError: It has a history, which cannot leave its process.
    """
    if x.requires_grad and not x.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
            "crossing process boundaries.  If you just want to transfer the data, call detach() on the tensor before "
            "serializing (e.g., putting it on the queue)."
        )
    if x._kind.device is CPU:
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
