"""Observers: they watch numbers go by and say by which scale and zero point to quantise them."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...core.dtype import dtype as DType
from ...core.dtype import finfo, float32, iinfo, int32, int64
from ...core.quantized_dtype import (
    INTEGERS,
    per_channel_affine,
    per_channel_symmetric,
    per_tensor_affine,
    per_tensor_symmetric,
    qint8,
    qscheme,
    quint8,
)
from ...core.tensor import Tensor
from ...nn import Module
from ...ops.create.data import tensor
from ...quantized import quantize_per_channel, quantize_per_tensor


def _with_args(cls: Any, **options: Any) -> Any:
    made = partial(cls, **options)
    made.with_args = lambda **more: _with_args(cls, **{**options, **more})  # type: ignore[attr-defined]
    return made


class ObserverBase(Module):
    """What observers share.

    Args:
        dtype: The quantised type.
        is_dynamic: Is the range found anew for each input?

    Source: torch.ao.quantization.ObserverBase
    """

    def __init__(self, dtype: DType, is_dynamic: bool = False):
        super().__init__()
        self.dtype, self.is_dynamic = dtype, is_dynamic

    with_args = classmethod(_with_args)


class PlaceholderObserver(ObserverBase):
    """Looks at nothing; it says which dtype is wanted.

    Source: torch.ao.quantization.PlaceholderObserver
    """

    def __init__(
        self,
        dtype: DType = float32,
        custom_op_name: str = "",
        quant_min: int | None = None,
        quant_max: int | None = None,
        is_dynamic: bool = False,
        **options: Any,
    ):
        super().__init__(dtype, is_dynamic)
        self.custom_op, self.quant_min, self.quant_max = custom_op_name, quant_min, quant_max

    def forward(self, x: Tensor) -> Tensor:
        return x

    def calculate_qparams(self) -> Any:
        """There are none.

        Raises:
            Exception: Always, as in PyTorch.
        """
        raise Exception("calculate_qparams should not be called for PlaceholderObserver")


class MinMaxObserver(ObserverBase):
    """The smallest and the largest number so far, of all or (its subclass) of each channel.

    Args:
        dtype: torch.quint8, torch.qint8 or torch.qint32.
        qscheme: Whether 0 is in the middle of the range.
        reduce_range: Leave one bit unused?
        quant_min, quant_max: The integers to use; default: those of the dtype.
        eps: The least scale.

    Source: torch.ao.quantization.MinMaxObserver

    Example:
        >>> import flambeau as torch
        >>> observer = torch.ao.quantization.MinMaxObserver()
        >>> _ = observer(torch.tensor([-1.0, 2.0]))
        >>> observer.calculate_qparams()
        (tensor([0.0118]), tensor([85], dtype=torch.int32))
    """

    axis: int | None = None

    def __init__(
        self,
        dtype: DType = quint8,
        qscheme: qscheme = per_tensor_affine,
        reduce_range: bool = False,
        quant_min: int | None = None,
        quant_max: int | None = None,
        factory_kwargs: Any = None,
        eps: float = finfo(float32).eps,
        is_dynamic: bool = False,
        **options: Any,
    ):
        super().__init__(dtype, is_dynamic)
        if dtype not in INTEGERS:
            raise RuntimeError(
                f"an observer of ranges wants a quantised dtype such as torch.qint8, got {dtype}"
            )
        limits = iinfo(INTEGERS[dtype])
        low = limits.min if quant_min is None else quant_min
        high = limits.max if quant_max is None else quant_max
        if reduce_range:
            low, high = (low // 2, high // 2) if low < 0 else (low, high // 2)
        self.qscheme, self.quant_min, self.quant_max, self.eps = qscheme, low, high, eps
        self.reduce_range = reduce_range
        self.register_buffer("min_val", tensor(float("inf")))
        self.register_buffer("max_val", tensor(float("-inf")))

    def forward(self, x: Tensor) -> Tensor:
        if x.numel():
            low, high = self._extremes(x.detach().float())  # type: ignore[attr-defined]
            self.min_val, self.max_val = self._joined(low, high)
        return x

    def _extremes(self, x: Any) -> tuple[Tensor, Tensor]:
        return x.amin(), x.amax()

    def _joined(self, low: Any, high: Any) -> tuple[Tensor, Tensor]:
        return low.minimum(self.min_val), high.maximum(self.max_val)

    def calculate_qparams(self) -> tuple[Tensor, Tensor]:
        """The scale and the zero point, or those of the channels."""
        low, high = self.min_val.clamp(max=0.0), self.max_val.clamp(min=0.0)  # type: ignore[attr-defined]
        steps = float(self.quant_max - self.quant_min)
        if self.qscheme in (per_tensor_symmetric, per_channel_symmetric):
            scale = ((-low).maximum(high) / (steps / 2)).clamp(min=self.eps)
            middle = 128 if self.dtype is quint8 else 0
            zero = (scale * 0).to(int64) + middle
        else:
            scale = ((high - low) / steps).clamp(min=self.eps)
            zero = (
                (self.quant_min - (low / scale).round())
                .clamp(self.quant_min, self.quant_max)
                .to(int32)
            )
        return (scale.reshape(1), zero.reshape(1)) if self.axis is None else (scale, zero)

    def quantized(self, x: Tensor) -> Tensor:
        """A tensor quantised by what was seen."""
        scale, zero = self.calculate_qparams()
        if self.axis is None:
            return quantize_per_tensor(x, scale, zero, self.dtype)
        return quantize_per_channel(x, scale, zero, self.axis, self.dtype)

    def reset_min_max_vals(self) -> None:
        """Forget what was seen."""
        self.min_val, self.max_val = tensor(float("inf")), tensor(float("-inf"))

    def extra_repr(self) -> str:
        return f"min_val={self.min_val.tolist()}, max_val={self.max_val.tolist()}"  # type: ignore[attr-defined]


class MovingAverageMinMaxObserver(MinMaxObserver):
    """Averages of the smallest and the largest number of what goes by, of which later ones count more.

    Source: torch.ao.quantization.MovingAverageMinMaxObserver
    """

    def __init__(self, averaging_constant: float = 0.01, **options: Any):
        super().__init__(**options)
        self.averaging_constant = averaging_constant

    def _joined(self, low: Any, high: Any) -> tuple[Tensor, Tensor]:
        if self.min_val.isinf().any():  # type: ignore[attr-defined]
            return low, high
        part = self.averaging_constant
        return self.min_val + part * (low - self.min_val), self.max_val + part * (
            high - self.max_val
        )  # type: ignore[operator]


class PerChannelMinMaxObserver(MinMaxObserver):
    """The smallest and the largest number so far of each index of a dimension.

    Args:
        ch_axis: The dimension.

    Source: torch.ao.quantization.PerChannelMinMaxObserver
    """

    def __init__(self, ch_axis: int = 0, qscheme: qscheme = per_channel_affine, **options: Any):
        super().__init__(qscheme=qscheme, **options)
        self.axis = self.ch_axis = ch_axis

    def _extremes(self, x: Any) -> tuple[Tensor, Tensor]:
        rows = x.movedim(self.ch_axis, 0).flatten(1)
        return rows.amin(1), rows.amax(1)


default_observer = MinMaxObserver.with_args(quant_min=0, quant_max=127)
default_weight_observer = MinMaxObserver.with_args(dtype=qint8, qscheme=per_tensor_symmetric)
default_per_channel_weight_observer = PerChannelMinMaxObserver.with_args(
    dtype=qint8, qscheme=per_channel_symmetric
)
default_dynamic_quant_observer = PlaceholderObserver.with_args(
    dtype=quint8, quant_min=0, quant_max=255, is_dynamic=True
)
