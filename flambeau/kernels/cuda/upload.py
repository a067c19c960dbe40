"""Tables that kernels read, from the host: made once, and kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import driver


def uploaded(values: Any, dtype: Any = None) -> Any:
    """A host array on the current device, contiguous, there for kernels of every stream: it is waited for."""
    xp = driver.cupy()
    made = xp.asarray(np.ascontiguousarray(values, dtype))
    xp.cuda.get_current_stream().synchronize()
    return made


__all__ = ["uploaded"]
