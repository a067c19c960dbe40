"""The mean of gradients, also of half their bytes.

Source: torch.distributed.algorithms.ddp_comm_hooks.default_hooks
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....core.dtype import bfloat16, float16
from ....core.tensor import Tensor
from ....futures import Future
from ...collective import all_reduce
from ...process_group import world
from ...reducer import GradBucket


def _mean(group: Any, tensor: Any) -> Future[Any]:
    chosen = world() if group is None else group
    tensor.div_(chosen.size())
    return all_reduce(tensor, group=chosen, async_op=True).get_future().then(lambda f: f.value()[0])  # type: ignore[union-attr]


def allreduce_hook(process_group: Any, bucket: GradBucket) -> Future[Tensor]:
    """The mean over all processes.

    Source: torch.distributed.algorithms.ddp_comm_hooks.default_hooks.allreduce_hook
    """
    return _mean(process_group, bucket.buffer())


def _compressed(dtype: Any, process_group: Any, bucket: GradBucket) -> Future[Tensor]:
    buffer: Any = bucket.buffer()
    found = _mean(process_group, buffer.to(dtype))

    def back(future: Any) -> Tensor:
        buffer.copy_(future.value())
        return buffer

    return found.then(back)


def fp16_compress_hook(process_group: Any, bucket: GradBucket) -> Future[Tensor]:
    """The mean over all processes, in float16.

    Source: torch.distributed.algorithms.ddp_comm_hooks.default_hooks.fp16_compress_hook
    """
    return _compressed(float16, process_group, bucket)


def bf16_compress_hook(process_group: Any, bucket: GradBucket) -> Future[Tensor]:
    """The mean over all processes, in bfloat16.

    Source: torch.distributed.algorithms.ddp_comm_hooks.default_hooks.bf16_compress_hook
    """
    return _compressed(bfloat16, process_group, bucket)


def _wrapper(dtype: Any, hook: Callable) -> Callable:
    def wrapped(state: Any, bucket: GradBucket) -> Future[Tensor]:
        buffer: Any = bucket.buffer()
        bucket.set_buffer(buffer.to(dtype))

        def back(future: Any) -> Tensor:
            value = future.value()
            buffer.copy_(value[0] if isinstance(value, (list, tuple)) else value)
            return buffer

        return hook(state, bucket).then(back)

    return wrapped


def fp16_compress_wrapper(hook: Callable) -> Callable:
    """A hook whose gradients are float16.

    Source: torch.distributed.algorithms.ddp_comm_hooks.default_hooks.fp16_compress_wrapper
    """
    return _wrapper(float16, hook)


def bf16_compress_wrapper(hook: Callable) -> Callable:
    """A hook whose gradients are bfloat16.

    Source: torch.distributed.algorithms.ddp_comm_hooks.default_hooks.bf16_compress_wrapper
    """
    return _wrapper(bfloat16, hook)
