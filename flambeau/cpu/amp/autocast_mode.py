"""autocast for "cpu", under its old name.

Source: torch.cpu.amp.autocast_mode
"""

from __future__ import annotations

from typing import Any

from ... import amp
from ..._caller import warn
from ...core.dtype import DTYPES


class autocast(amp.autocast):
    """`torch.autocast` with the device "cpu".

    Source: torch.cpu.amp.autocast
    """

    def __init__(
        self, enabled: bool = True, dtype: Any = DTYPES["bfloat16"], cache_enabled: bool = True
    ) -> None:
        warn(
            "`torch.cpu.amp.autocast(args...)` is deprecated. Please use `torch.amp.autocast('cpu', args...)` "
            "instead.",
            FutureWarning,
        )
        super().__init__("cpu", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)
