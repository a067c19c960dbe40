"""Convolution layers."""

from __future__ import annotations

import math
from typing import Any, Literal

from .. import Tensor, empty  # type: ignore[attr-defined]
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


class _ConvNd(Module):
    """What all convolutions share.

    Raises:
        ValueError: The options do not fit together.
    """

    dims: int
    transposed = False
    bias: Parameter | None
    stride: tuple[int, ...]
    padding: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        transposed: bool,
        output_padding: Any,
        groups: int,
        bias: bool,
        padding_mode: PaddingMode,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.transposed, self.padding_mode = transposed, padding_mode
        self.kernel_size, self.stride = self._each(kernel_size), self._each(stride)
        self.padding = padding if isinstance(padding, str) else self._each(padding)
        self.dilation, self.output_padding = self._each(dilation), self._each(output_padding)
        self._check()
        self._reversed_padding_repeated_twice = self._margins()
        shape = (
            (in_channels, out_channels // groups)
            if self.transposed
            else (out_channels, in_channels // groups)
        )
        self.weight = Parameter(empty((*shape, *self.kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _each(self, value: Any) -> tuple[int, ...]:
        """A number for each dimension."""
        return tuple(value) if isinstance(value, (tuple, list)) else (value,) * self.dims

    def _check(self) -> None:
        if self.groups <= 0:
            raise ValueError("groups must be a positive integer")
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        if self.out_channels % self.groups:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise ValueError(
                    f"Invalid padding string {self.padding!r}, should be one of {{'valid', 'same'}}"
                )
            if self.padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        modes = ("zeros", "reflect", "replicate", "circular")
        if self.padding_mode not in modes:
            raise ValueError(
                f"padding_mode must be one of {set(modes)}, but got padding_mode='{self.padding_mode}'"
            )

    def reset_parameters(self) -> None:
        """Draw new values: uniform within 1 / sqrt(elements that an output sees)."""
        if 0 in self.weight.shape:
            return
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan = init._calculate_fan_in_and_fan_out(self.weight)[0]
            if fan:
                init.uniform_(self.bias, -1 / math.sqrt(fan), 1 / math.sqrt(fan))

    def _margins(self) -> list[int]:
        """The padding as F.pad takes it: from the last dimension to the first."""
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
            pairs = [(total // 2, total - total // 2) for total in totals]
        elif self.padding == "valid":
            pairs = [(0, 0)] * self.dims
        else:
            pairs = [(p, p) for p in self.padding]
        return [side for pair in reversed(pairs) for side in pair]

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            margins = self._reversed_padding_repeated_twice
            input, padding = F.pad(input, margins, self.padding_mode), 0
        convolve = getattr(F, f"conv{self.dims}d")
        return convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        ones, none = (1,) * self.dims, (0,) * self.dims
        shown = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}",
            f"stride={self.stride}",
        ]
        for name, usual in (("padding", none), ("dilation", ones), ("output_padding", none)):
            value = getattr(self, name, none)
            if value != usual:
                shown.append(f"{name}={value}")
        shown += [f"groups={self.groups}"] if self.groups != 1 else []
        shown += ["bias=False"] if self.bias is None else []
        shown += [f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []
        return ", ".join(shown)


class _Forward(_ConvNd):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            False,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class _ConvTransposeNd(_ConvNd):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: PaddingMode = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            True,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """The transpose of a convolution.

        Args:
            output_size: Of the result, where several would fit.

        Raises:
            ValueError: It does not fit.
        """
        extra = self.output_padding
        if output_size is not None:
            extra = self._extra(input, list(output_size))
        convolve = getattr(F, f"conv_transpose{self.dims}d")
        return convolve(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )

    def _extra(self, input: Tensor, wanted: list[int]) -> tuple[int, ...]:
        n = self.dims
        lead = input.ndim - n
        if len(wanted) == n + lead:
            wanted = wanted[lead:]
        if len(wanted) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.ndim}D input, output_size must have {n} or {lead + n} "
                f"elements (got {len(wanted)})"
            )
        least = [
            (m - 1) * s - 2 * p + d * (k - 1) + 1
            for m, s, p, d, k in zip(
                input.shape[lead:], self.stride, self.padding, self.dilation, self.kernel_size
            )
        ]
        most = [low + s - 1 for low, s in zip(least, self.stride)]
        if any(not low <= size <= high for low, size, high in zip(least, wanted, most)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} "
                f"(for an input of {list(input.shape[lead:])})"
            )
        return tuple(size - low for size, low in zip(wanted, least))


_DOC = """{what} over {n} dimension{s}.

    Args:
        in_channels, out_channels: Of the input and the output.
        kernel_size, stride, padding, dilation: A number, or one for each dimension{same}.
        groups: Channels are split into so many groups that do not see each other.
        bias: Add one?
        padding_mode: "zeros"{modes}.

    Shape: (N, C, sizes) or (C, sizes).

    Raises:
        ValueError: The options do not fit together.

    Source: torch.nn.{name}

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.{name}(2, 3, kernel_size=3)
        >>> layer(torch.ones(1, 2, *(5,) * {n})).shape
        torch.Size([1, 3, {sizes}])
    """


def _layer(name: str, base: type[_ConvNd], n: int) -> Any:
    doc = _DOC.format(
        what="The transpose of a convolution" if base.transposed else "A convolution",
        n=n,
        s="s" if n > 1 else "",
        same="" if base.transposed else '; padding may be "same" or "valid"',
        modes="" if base.transposed else ", or a mode of nn.functional.pad",
        name=name,
        sizes=", ".join(["7" if base.transposed else "3"] * n),
    )
    return type(name, (base,), {"__module__": "flambeau.nn", "__doc__": doc, "dims": n})


Conv1d, Conv2d, Conv3d = (_layer(f"Conv{n}d", _Forward, n) for n in (1, 2, 3))
ConvTranspose1d, ConvTranspose2d, ConvTranspose3d = (
    _layer(f"ConvTranspose{n}d", _ConvTransposeNd, n) for n in (1, 2, 3)
)
