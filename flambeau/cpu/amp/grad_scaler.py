"""GradScaler for "cpu", under its old name.

Source: torch.cpu.amp.GradScaler
"""

from __future__ import annotations

from ... import amp
from ..._caller import warn


class GradScaler(amp.GradScaler):
    """`torch.amp.GradScaler` with the device "cpu".

    Source: torch.cpu.amp.GradScaler
    """

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        warn(
            "`torch.cpu.amp.GradScaler(args...)` is deprecated. Please use `torch.amp.GradScaler('cpu', args...)` "
            "instead.",
            FutureWarning,
        )
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
