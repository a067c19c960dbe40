"""torch.utils.deterministic: is memory filled that `empty` and its like leave, where determinism is demanded?

Source: torch.utils.deterministic
"""

from __future__ import annotations

import sys
from types import ModuleType

from ..core.unset import unset


class _Deterministic(ModuleType):
    @property
    def fill_uninitialized_memory(self) -> bool:
        """Is it filled, with NaN or the largest integer, while `use_deterministic_algorithms(True)` holds?"""
        return unset.wanted

    @fill_uninitialized_memory.setter
    def fill_uninitialized_memory(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise RuntimeError(f"expected a bool, but got {type(mode).__name__}")
        unset.wanted = mode
        unset.demand(unset.demanded)


sys.modules[__name__].__class__ = _Deterministic
