"""Activation layers."""

from __future__ import annotations

from typing import Any

from .. import Tensor, empty  # type: ignore[attr-defined]
from .._caller import warn
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter
from .table import FunctionLayer, layer

# Names, defaults and what they compute are those of the functions.
ReLU = layer("ReLU", "relu")
LeakyReLU = layer("LeakyReLU", "leaky_relu")
ELU, SELU, CELU = layer("ELU", "elu"), layer("SELU", "selu"), layer("CELU", "celu")
GELU, SiLU, Mish = layer("GELU", "gelu"), layer("SiLU", "silu"), layer("Mish", "mish")
Softplus, Softsign = layer("Softplus", "softplus"), layer("Softsign", "softsign")
Hardsigmoid = layer("Hardsigmoid", "hardsigmoid", shown="")
Hardswish = layer("Hardswish", "hardswish", shown="")
Tanhshrink = layer("Tanhshrink", "tanhshrink")
Softshrink = layer("Softshrink", "softshrink", shown="{lambd}")
Hardshrink = layer("Hardshrink", "hardshrink", shown="{lambd}")
LogSigmoid = layer("LogSigmoid", "logsigmoid")
Sigmoid, Tanh = layer("Sigmoid", "sigmoid"), layer("Tanh", "tanh")
GLU, Threshold = layer("GLU", "glu"), layer("Threshold", "threshold")


class _Softmax(FunctionLayer):
    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("dim", None)


Softmax = layer("Softmax", "softmax", base=_Softmax)
Softmin = layer("Softmin", "softmin", base=_Softmax)
LogSoftmax = layer("LogSoftmax", "log_softmax", base=_Softmax)


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
                warn(
                    f"keyword argument `{old}` is deprecated and renamed to `{new}`", FutureWarning
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


class ReLU6(Hardtanh):
    """Clamps to [0, 6].

    Source: torch.nn.ReLU6
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


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
