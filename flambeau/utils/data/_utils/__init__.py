"""PyTorch's names of what a loader is made of.

Source: torch.utils.data._utils
"""

from __future__ import annotations

from ...._lazy import attach as _attach
from ...._utils import ExceptionWrapper as ExceptionWrapper
from ..pool import GRACE as MP_STATUS_CHECK_INTERVAL

HAS_NUMPY, IS_WINDOWS, python_exit_status = True, False, False
__getattr__, __dir__ = _attach(
    __name__, ("collate", "fetch", "pin_memory", "worker"), title="torch.utils.data._utils"
)
