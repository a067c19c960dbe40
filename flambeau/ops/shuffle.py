"""Elements in another order: pixel and channel shuffles, one dimension read as several."""

from __future__ import annotations

import math

from ..core.tensor import Tensor
from .padding import constant_pad_
from .registry import NAMESPACES, public


@public("pixel_shuffle", "nn.functional.pixel_shuffle")
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels become pixels (Shi et al., 2016).

    Shape: (..., C r r, H, W) gives (..., C, H r, W r).

    Raises:
        RuntimeError: The channels are no multiple of r squared.

    Source: torch.nn.functional.pixel_shuffle
    """
    r = upscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            "pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = input.shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
            f"upscale_factor, but input.size(-3)={c} is not divisible by {r * r}"
        )
    parts = input.reshape(*lead, c // (r * r), r, r, h, w)
    n = len(lead)
    moved = parts.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return moved.reshape(*lead, c // (r * r), h * r, w * r)


@public("pixel_unshuffle", "nn.functional.pixel_unshuffle")
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Pixels become channels: the inverse of `pixel_shuffle`.

    Shape: (..., C, H r, W r) gives (..., C r r, H, W).

    Raises:
        RuntimeError: The sizes are no multiples of r.

    Source: torch.nn.functional.pixel_unshuffle
    """
    r = downscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, c, h, w = input.shape
    for name, size, at in (("height", h, -2), ("width", w, -1)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({at})={size} is not divisible by {r}"
            )
    n = len(lead)
    parts = input.reshape(*lead, c, h // r, r, w // r, r)
    moved = parts.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return moved.reshape(*lead, c * r * r, h // r, w // r)


@public(
    "channel_shuffle",
    "nn.functional.channel_shuffle",
    "native_channel_shuffle",
    "nn.functional.native_channel_shuffle",
)
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of `groups` groups, interleaved (Zhang et al., 2018).

    Shape: (N, C, ...).

    Raises:
        RuntimeError: The groups do not divide the channels.

    Source: torch.nn.functional.channel_shuffle
    """
    if input.ndim < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}"
        )
    n, c, *sizes = input.shape
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if c % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups."
        )
    parts = input.reshape(n, groups, c // groups, *sizes)
    return parts.transpose(1, 2).reshape(input.shape)


@public("nn.functional.local_response_norm")
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha m)^beta, m the mean square of `size` neighbouring channels.

    Shape: (N, C, ...).

    Raises:
        ValueError: There are no more than two dimensions.

    Source: torch.nn.functional.local_response_norm; Krizhevsky et al. (2012)
    """
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {input.ndim} "
            "dimensions)"
        )
    if input.numel() == 0:
        return input
    n, c, *rest = input.shape
    squares = input.mul(input).reshape(n, 1, c, math.prod(rest))
    wide = constant_pad_(squares, ((0, 0), (0, 0), (size // 2, (size - 1) // 2), (0, 0)), 0)
    mean = NAMESPACES["nn.functional"]["avg_pool2d"](wide, (size, 1), 1).reshape(input.shape)
    return input / mean.mul(alpha).add(k).pow(beta)
