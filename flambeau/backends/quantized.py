"""Libraries of quantised kernels, by PyTorch's names: one set of kernels serves for all of them.

Source: torch.backends.quantized
"""

from __future__ import annotations

import sys
from types import ModuleType

supported_engines = ["qnnpack", "onednn", "x86", "fbgemm"]


class _Module(ModuleType):
    """The module, whose `engine` may be set to any name that is supported; no result depends on it."""

    _engine = "x86"

    @property
    def engine(self) -> str:
        """The name that was chosen."""
        return self._engine

    @engine.setter
    def engine(self, name: str) -> None:
        if name not in supported_engines:
            raise RuntimeError(
                f"quantized engine {name} is not supported; there are {supported_engines}"
            )
        self._engine = name


sys.modules[__name__].__class__ = _Module
