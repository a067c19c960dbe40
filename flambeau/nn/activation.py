"""Activation layers."""

from __future__ import annotations

import warnings
from typing import Any

from .. import Tensor, empty  # type: ignore[attr-defined]
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter
from .table import FunctionLayer, layer

ReLU = layer("ReLU", "relu", "max(x, 0).", inplace=False)
ReLU6 = layer("ReLU6", "relu6", "min(max(x, 0), 6).", inplace=False)
LeakyReLU = layer(
    "LeakyReLU", "leaky_relu", "x, or negative_slope x below 0.", negative_slope=0.01, inplace=False
)
ELU = layer("ELU", "elu", "x, or alpha (exp(x) - 1) below 0.", alpha=1.0, inplace=False)
SELU = layer("SELU", "selu", "ELU with the constants that keep variance.", inplace=False)
CELU = layer("CELU", "celu", "x, or alpha (exp(x / alpha) - 1) below 0.", alpha=1.0, inplace=False)
GELU = layer("GELU", "gelu", "x times the normal distribution function.", approximate="none")
SiLU = layer("SiLU", "silu", "x sigmoid(x).", inplace=False)
Mish = layer("Mish", "mish", "x tanh(softplus(x)).", inplace=False)
Softplus = layer("Softplus", "softplus", "log(1 + exp(beta x)) / beta.", beta=1.0, threshold=20.0)
Softsign = layer("Softsign", "softsign", "x / (1 + |x|).")
Hardsigmoid = layer("Hardsigmoid", "hardsigmoid", "min(max(x + 3, 0), 6) / 6.", "", inplace=False)
Hardswish = layer("Hardswish", "hardswish", "x hardsigmoid(x).", "", inplace=False)
Tanhshrink = layer("Tanhshrink", "tanhshrink", "x - tanh(x).")
Softshrink = layer("Softshrink", "softshrink", "Towards 0 by lambd.", "{lambd}", lambd=0.5)
Hardshrink = layer("Hardshrink", "hardshrink", "x, or 0 within lambd.", "{lambd}", lambd=0.5)
LogSigmoid = layer("LogSigmoid", "logsigmoid", "log(sigmoid(x)).")
Sigmoid = layer("Sigmoid", "sigmoid", "1 / (1 + exp(-x)).")
Tanh = layer("Tanh", "tanh", "The hyperbolic tangent.")
GLU = layer("GLU", "glu", "The first half times sigmoid of the second.", "dim={dim}", dim=-1)
Threshold = layer(
    "Threshold",
    "threshold",
    "x above the threshold, else value.",
    required="threshold value",
    inplace=False,
)


class _Softmax(FunctionLayer):
    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("dim", None)


_DIM = "dim={dim}"
Softmax = layer("Softmax", "softmax", "exp(x) / sum(exp(x)).", _DIM, base=_Softmax, dim=None)
Softmin = layer("Softmin", "softmin", "softmax(-x).", _DIM, base=_Softmax, dim=None)
LogSoftmax = layer("LogSoftmax", "log_softmax", "log(softmax(x)).", _DIM, base=_Softmax, dim=None)


class Softmax2d(Module):
    """softmax over the channels of each pixel.

    Shape: (N, C, H, W) or (C, H, W).

    Source: torch.nn.Softmax2d
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3)


class Hardtanh(Module):
    """Clamps to [min_val, max_val].

    Raises:
        AssertionError: min_val is not below max_val.

    Source: torch.nn.Hardtanh
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        for old, new in (("min_value", "min_val"), ("max_value", "max_val")):
            if locals()[old] is not None:
                warnings.warn(
                    f"keyword argument `{old}` is deprecated and renamed to `{new}`",
                    FutureWarning,
                    stacklevel=2,
                )
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError("max_val must be larger than min_val")

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        inplace = ", inplace=True" if self.inplace else ""
        return f"min_val={self.min_val}, max_val={self.max_val}{inplace}"


class RReLU(Module):
    """x, or below 0 a random multiple of x while training, the middle one else.

    Source: torch.nn.RReLU
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        inplace = ", inplace=True" if self.inplace else ""
        return f"lower={self.lower}, upper={self.upper}{inplace}"


class PReLU(Module):
    """x, or a learned multiple of x below 0.

    Args:
        num_parameters: 1, or one a channel.
        init: Of the multiple.

    Source: torch.nn.PReLU
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the multiple to what it began with."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
