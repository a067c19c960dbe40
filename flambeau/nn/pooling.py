"""Pooling layers."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module
from .table import FunctionLayer, layer


class _WithStride(FunctionLayer):
    """A pooling whose stride is its kernel size unless given."""

    stride: Any
    kernel_size: Any

    def check(self) -> None:
        if self.stride is None:
            self.stride = self.kernel_size


class _MaxPoolNd(_WithStride):
    """Base of the maxima of windows."""


class _AvgPoolNd(_WithStride):
    """Base of the means of windows."""


class _LPPoolNd(FunctionLayer):
    """Base of the norms of windows."""


class _AdaptiveAvgPoolNd(FunctionLayer):
    """Base of the means of as many parts as are asked for."""


class _AdaptiveMaxPoolNd(FunctionLayer):
    """Base of the maxima of as many parts as are asked for."""


def _max(n: int) -> type[FunctionLayer]:
    return layer(
        f"MaxPool{n}d",
        f"max_pool{n}d",
        f"The largest element of each window, over {n} dimensions.",
        "kernel_size={kernel_size}, stride={stride}, padding={padding}, dilation={dilation}, "
        "ceil_mode={ceil_mode}",
        "kernel_size",
        _MaxPoolNd,
        stride=None,
        padding=0,
        dilation=1,
        return_indices=False,
        ceil_mode=False,
    )


MaxPool1d, MaxPool2d, MaxPool3d = map(_max, (1, 2, 3))
_WINDOW = "kernel_size={kernel_size}, stride={stride}, padding={padding}"


class _Avg1d(_AvgPoolNd):
    """Shows its numbers as tuples."""

    def check(self) -> None:
        super().check()
        for name in ("kernel_size", "stride", "padding"):
            value = getattr(self, name)
            setattr(self, name, (value,) if isinstance(value, int) else tuple(value))


def _avg(n: int) -> type[FunctionLayer]:
    override: dict[str, Any] = {} if n == 1 else {"divisor_override": None}
    return layer(
        f"AvgPool{n}d",
        f"avg_pool{n}d",
        f"The mean of each window, over {n} dimensions.",
        _WINDOW,
        "kernel_size",
        _Avg1d if n == 1 else _AvgPoolNd,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        **override,
    )


AvgPool1d, AvgPool2d, AvgPool3d = map(_avg, (1, 2, 3))


def _lp(n: int) -> type[FunctionLayer]:
    return layer(
        f"LPPool{n}d",
        f"lp_pool{n}d",
        f"The p-norm of each window, over {n} dimensions.",
        "norm_type={norm_type}, kernel_size={kernel_size}, stride={stride}, ceil_mode={ceil_mode}",
        "norm_type kernel_size",
        _LPPoolNd,
        stride=None,
        ceil_mode=False,
    )


LPPool1d, LPPool2d, LPPool3d = map(_lp, (1, 2, 3))


def _adaptive(n: int, kind: str) -> type[FunctionLayer]:
    what = {"Avg": "means", "Max": "maxima"}[kind]
    options: dict[str, Any] = {"return_indices": False} if kind == "Max" else {}
    return layer(
        f"Adaptive{kind}Pool{n}d",
        f"adaptive_{kind.lower()}_pool{n}d",
        f"The {what} of the parts that {n} dimensions are cut into.",
        "output_size={output_size}",
        "output_size",
        _AdaptiveMaxPoolNd if kind == "Max" else _AdaptiveAvgPoolNd,
        **options,
    )


AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = (_adaptive(n, "Avg") for n in (1, 2, 3))
AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = (_adaptive(n, "Max") for n in (1, 2, 3))


class _MaxUnpoolNd(Module):
    """The inverse of max pooling, as far as there is one: zeros, and maxima where they were."""

    dims: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = self._each(kernel_size)
        self.stride = self._each(kernel_size if stride is None else stride)
        self.padding = self._each(padding)

    def _each(self, value: Any) -> tuple[int, ...]:
        return (value,) * self.dims if isinstance(value, int) else tuple(value)

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        unpool = getattr(F, f"max_unpool{self.dims}d")
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return _WINDOW.format(**self.__dict__)


class MaxUnpool1d(_MaxUnpoolNd):
    """Zeros with the maxima of a MaxPool1d where they were.

    Source: torch.nn.MaxUnpool1d
    """

    dims = 1


class MaxUnpool2d(_MaxUnpoolNd):
    """Zeros with the maxima of a MaxPool2d where they were.

    Source: torch.nn.MaxUnpool2d
    """

    dims = 2


class MaxUnpool3d(_MaxUnpoolNd):
    """Zeros with the maxima of a MaxPool3d where they were.

    Source: torch.nn.MaxUnpool3d
    """

    dims = 3
