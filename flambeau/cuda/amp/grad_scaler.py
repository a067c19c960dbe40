"""GradScaler for "cuda", under its old name.

Source: torch.cuda.amp.GradScaler
"""

from __future__ import annotations

from ... import amp
from ..._caller import warn
from ...amp.grad_scaler import OptState


class GradScaler(amp.GradScaler):
    """`torch.amp.GradScaler` with the device "cuda", which warns and is disabled where there is none.

    Source: torch.cuda.amp.GradScaler
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
            "`torch.cuda.amp.GradScaler(args...)` is deprecated. Please use `torch.amp.GradScaler('cuda', args...)` "
            "instead.",
            FutureWarning,
        )
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )


__all__ = ["GradScaler", "OptState"]
