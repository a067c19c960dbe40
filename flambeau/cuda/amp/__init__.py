"""torch.cuda.amp: mixed precision under its old names, which mean device_type "cuda".

Source: torch.cuda.amp
"""

from .autocast_mode import autocast, custom_bwd, custom_fwd
from .common import amp_definitely_not_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]
