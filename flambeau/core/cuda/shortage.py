"""What is said when a GPU has no memory left: who has it, and what to do."""

from __future__ import annotations

import gc
import os

from ...kernels.cuda.allocator import Shortage
from ..error import OutOfMemoryError
from ..tensor import Tensor

_MOST = 5
"""Tensors that are named."""


def size(number: int) -> str:
    """Bytes, as PyTorch writes them."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if number >= 1 << power:
            return f"{number / (1 << power):.2f} {unit}"
    return f"{number} bytes"


def out_of_memory(short: Shortage) -> OutOfMemoryError:
    """The error of memory that a GPU does not have."""
    waits = short.reserved - short.allocated
    allowed = f"; {size(short.limit)} allowed" if short.limit else ""
    lines = [
        f"CUDA out of memory. Tried to allocate {size(short.requested)}. GPU {short.device} has a total capacity of "
        f"{size(short.total)} of which {size(short.free)} is free{allowed}. This process ({os.getpid()}) has "
        f"{size(short.allocated)} in tensors, and {size(waits)} is reserved by flambeau but unallocated."
    ]
    held = largest(short.device)
    if held:
        lines.append(f"The largest of {len(held)} tensors' memory:")
        lines += [f"  {size(bytes_):>12}  {what}" for bytes_, what in held[:_MOST]]
    lines.append(
        "Make batches smaller, compute without gradients where none are needed (torch.no_grad()), keep losses as numbers "
        "(loss.item()), recompute activations (torch.utils.checkpoint), or free what others hold: nvidia-smi lists them."
    )
    return OutOfMemoryError("\n".join(lines))


def largest(index: int) -> list[tuple[int, str]]:
    """The memory of tensors on a GPU, largest first: bytes, and what the tensor is that holds it.

    Slow: it looks at every object of the process.
    """
    found: dict[int, tuple[int, str]] = {}
    for x in gc.get_objects():
        if (
            not isinstance(x, Tensor)
            or x._kind.device.type != "cuda"
            or x._kind.device.index != index
        ):
            continue
        memory = getattr(getattr(x._array, "data", None), "mem", None)
        if memory is not None and (memory.ptr not in found or x._base is None):
            found[memory.ptr] = memory.size, _described(x)
    return sorted(found.values(), reverse=True)


def _described(x: Tensor) -> str:
    made = "" if x._node is None else f", made by {type(x._node).__name__}"
    return f"{type(x).__name__} of shape {tuple(x._array.shape)}, {x._kind.dtype}{made}"


__all__ = ["largest", "out_of_memory"]
