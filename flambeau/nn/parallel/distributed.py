"""DistributedDataParallel: a module whose gradients a group of processes adds up. There are no groups yet.

Source: torch.nn.parallel.distributed
"""

from __future__ import annotations

from typing import Any

from ...distributed.rendezvous import NO_GROUPS
from ..module import Module


class DistributedDataParallel(Module):
    """A module in each process of a group, with gradients that are the same in all.

    Args:
        module: What runs.
        device_ids, output_device, dim, process_group: As in PyTorch.

    Raises:
        ValueError: Always; this process belongs to no group.

    Source: torch.nn.parallel.DistributedDataParallel
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        process_group: Any = None,
        **options: Any,
    ) -> None:
        super().__init__()
        raise ValueError(
            "Default process group has not been initialized, please make sure to call init_process_group. "
            f"({NO_GROUPS})"
        )
