"""Marks for where numbers are quantised; they change nothing by themselves."""

from __future__ import annotations

from typing import Any

from ...core.tensor import Tensor
from ...nn import Module


class QuantStub(Module):
    """Where a statically quantised model would begin; the numbers pass as they are.

    Source: torch.ao.quantization.QuantStub
    """

    def __init__(self, qconfig: Any = None):
        super().__init__()
        if qconfig:
            self.qconfig = qconfig

    def forward(self, x: Tensor) -> Tensor:
        return x


class DeQuantStub(QuantStub):
    """Where it would end.

    Source: torch.ao.quantization.DeQuantStub
    """


class QuantWrapper(Module):
    """A module between the two marks.

    Source: torch.ao.quantization.QuantWrapper
    """

    def __init__(self, module: Module):
        super().__init__()
        self.quant, self.dequant, self.module = QuantStub(), DeQuantStub(), module
        self.train(module.training)

    def forward(self, X: Tensor) -> Any:
        return self.dequant(self.module(self.quant(X)))
