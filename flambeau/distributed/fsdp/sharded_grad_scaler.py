"""GradScaler whose processes skip a step together.

Source: torch.distributed.fsdp.sharded_grad_scaler
"""

from __future__ import annotations

from typing import Any

from ...amp.grad_scaler import GradScaler
from ..collective import all_reduce
from ..kinds import ReduceOp
from ..process_group import is_initialized


class ShardedGradScaler(GradScaler):
    """A GradScaler for gradients of which each process has a part: where one finds an infinity, all skip the step.

    Args:
        process_group: Whose processes; None for all. The others are GradScaler's.

    Source: torch.distributed.fsdp.sharded_grad_scaler.ShardedGradScaler
    """

    def __init__(
        self, device: str = "cpu", *args: Any, process_group: Any = None, **options: Any
    ) -> None:
        super().__init__(device, *args, **options)
        self.process_group = process_group

    def unscale_(self, optimizer: Any) -> None:
        super().unscale_(optimizer)
        if self.is_enabled() and is_initialized():
            for found in self._per_optimizer_states[id(optimizer)]["found_inf_per_device"].values():
                all_reduce(found, ReduceOp.MAX, self.process_group)
