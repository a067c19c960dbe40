"""torch.cpu.amp: mixed precision under its old names, which mean device_type "cpu".

Source: torch.cpu.amp
"""

from .autocast_mode import autocast
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast"]
