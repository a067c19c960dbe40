"""Ways in which DistributedDataParallel adds up gradients.

Source: torch.distributed.algorithms.ddp_comm_hooks
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Any

from . import default_hooks as default
from . import powerSGD_hook as powerSGD

__all__ = ["DDPCommHookType", "register_ddp_comm_hook"]


class DDPCommHookType(Enum):
    """The hooks by name.

    Source: torch.distributed.algorithms.ddp_comm_hooks.DDPCommHookType
    """

    ALLREDUCE = partial(default.allreduce_hook)
    FP16_COMPRESS = partial(default.fp16_compress_hook)
    BF16_COMPRESS = partial(default.bf16_compress_hook)
    POWER_SGD = partial(powerSGD.powerSGD_hook)
    BATCHED_POWER_SGD = partial(powerSGD.batched_powerSGD_hook)


def register_ddp_comm_hook(comm_hook_type: DDPCommHookType, model: Any, state: Any = None) -> None:
    """Let a model add up its gradients by one of the hooks.

    Source: torch.distributed.algorithms.ddp_comm_hooks.register_ddp_comm_hook
    """
    model.register_comm_hook(state, comm_hook_type.value)
