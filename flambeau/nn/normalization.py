"""Normalisation layers over a sample: LayerNorm, RMSNorm, GroupNorm, LocalResponseNorm."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Tensor, empty  # type: ignore[attr-defined]
from ..ops.nn.taps import Taps, resampled, stretches
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter
from .table import layer


class _Affine(Module):
    """A normalisation with a weight that begins with ones and a bias that begins with zeros."""

    weight: Parameter | None
    bias: Parameter | None

    def _add(self, name: str, wanted: bool, shape: Any, device: Any, dtype: Any) -> None:
        value = Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None
        self.register_parameter(name, value)

    def reset_parameters(self) -> None:
        """Weight one, bias zero."""
        if self.weight is not None:
            init.ones_(self.weight)
        bias = self._parameters.get("bias")
        if bias is not None:
            init.zeros_(bias)


def _shape(normalized_shape: Any) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(_Affine):
    """Each row less its mean, by its standard deviation, times weight plus bias (Ba et al., 2016).

    Args:
        normalized_shape: The sizes of the last dimensions that make a row.
        eps: Added to the variance.
        elementwise_affine, bias: Have a weight, and a bias?

    Source: torch.nn.LayerNorm

    Example:
        >>> import flambeau as torch
        >>> torch.nn.LayerNorm(2, eps=0)(torch.tensor([[1.0, 3.0]]))
        tensor([[-1.,  1.]], grad_fn=<NativeLayerNormBackward0>)
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._add("weight", elementwise_affine, self.normalized_shape, device, dtype)
        self._add("bias", elementwise_affine and bias, self.normalized_shape, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(_Affine):
    """Each row by its root mean square, times weight (Zhang and Sennrich, 2019).

    Args:
        normalized_shape: The sizes of the last dimensions that make a row.
        eps: Added to the mean square. Default: the dtype's epsilon; of half types that of float32.
        elementwise_affine: Have a weight?

    Source: torch.nn.RMSNorm
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._add("weight", elementwise_affine, self.normalized_shape, device, dtype)
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(_Affine):
    """Groups of channels less their mean, by their standard deviation (Wu and He, 2018).

    Args:
        num_groups, num_channels: The second must be a multiple of the first.
        eps: Added to the variance.
        affine, bias: Have a weight, and a bias, a channel?

    Raises:
        ValueError: The groups do not divide the channels.

    Source: torch.nn.GroupNorm
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups, self.num_channels, self.eps, self.affine = (
            num_groups,
            num_channels,
            eps,
            affine,
        )
        self._add("weight", affine, num_channels, device, dtype)
        self._add("bias", affine and bias, num_channels, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


LocalResponseNorm = layer(
    "LocalResponseNorm",
    "local_response_norm",
    "Each channel by a power of its neighbours' mean square (Krizhevsky et al., 2012).",
    "{size}, alpha={alpha}, beta={beta}, k={k}",
    "size",
    alpha=1e-4,
    beta=0.75,
    k=1.0,
)


class CrossMapLRN2d(Module):
    """LocalResponseNorm as it was in Torch, with the neighbours counted a little differently.

    Source: torch.nn.CrossMapLRN2d
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        reach, channels = int((self.size - 1) / 2), input.shape[1]
        at = np.arange(channels)
        rows, places = stretches(np.maximum(at - reach, 0), np.minimum(at + reach + 1, channels))
        late = at[reach + 1 :]  # PyTorch's running sum never lets go of the first channel
        rows, places = np.append(rows, late), np.append(places, late * 0)
        near = Taps(channels, channels, rows, places, np.ones(len(rows)))
        total = resampled((input * input).movedim(1, -1), (near,)).movedim(-1, 1)
        return input * (total * (self.alpha / self.size) + self.k).pow(-self.beta)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
