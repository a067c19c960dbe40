"""autocast for "cuda", under its old names.

Source: torch.cuda.amp.autocast_mode
"""

from __future__ import annotations

import functools
from typing import Any

from ... import amp
from ..._caller import warn
from ...core.dtype import DTYPES


class autocast(amp.autocast):
    """`torch.autocast` with the device "cuda", which warns and does nothing where there is none.

    Source: torch.cuda.amp.autocast
    """

    def __init__(
        self, enabled: bool = True, dtype: Any = DTYPES["float16"], cache_enabled: bool = True
    ) -> None:
        warn(
            "`torch.cuda.amp.autocast(args...)` is deprecated. Please use `torch.amp.autocast('cuda', args...)` "
            "instead.",
            FutureWarning,
        )
        super().__init__("cuda", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


custom_fwd = functools.partial(amp.custom_fwd, device_type="cuda")
custom_bwd = functools.partial(amp.custom_bwd, device_type="cuda")
