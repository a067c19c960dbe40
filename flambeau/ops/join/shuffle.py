"""Elements in another order: pixel and channel shuffles."""

from __future__ import annotations

from typing import Any

from ... import kernels
from ...core.tensor import Tensor
from ...dispatch.registry import public
from ...dispatch.remembered import remembers
from ...dispatch.rule.rule_operation import operation


def _exchange(name: str, label: str) -> Any:
    """The operation that cuts dimensions into parts, puts these in another order, and joins them."""

    def compute(
        x: Any, parts: tuple[int, ...], order: tuple[int, ...], shape: tuple[int, ...]
    ) -> Any:
        return kernels.array.copy.contiguous(x.reshape(parts).transpose(order)).reshape(shape)

    compute.__name__, compute.__doc__ = f"{name}_", "Elements in another order."
    made = operation(compute, label=label, moves=True)

    @made.gradient
    def _(
        g: Tensor, parts: tuple[int, ...], order: tuple[int, ...], shape_x: tuple[int, ...]
    ) -> Tensor:
        there = tuple(parts[i] for i in order)
        back = tuple(sorted(range(len(order)), key=order.__getitem__))
        return made(g, there, back, shape_x)  # type: ignore[no-any-return]

    return made


pixel_shuffle_ = _exchange("pixel_shuffle", "PixelShuffle")
pixel_unshuffle_ = _exchange("pixel_unshuffle", "PixelUnshuffle")
channel_shuffle_ = _exchange("channel_shuffle", "ChannelShuffle")


@public("pixel_shuffle", "nn.functional.pixel_shuffle")
@remembers("input")
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
    n, own = len(lead), c // (r * r)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return pixel_shuffle_(input, (*lead, own, r, r, h, w), order, (*lead, own, h * r, w * r))  # type: ignore[no-any-return]


@public("pixel_unshuffle", "nn.functional.pixel_unshuffle")
@remembers("input")
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
    parts = (*lead, c, h // r, r, w // r, r)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return pixel_unshuffle_(input, parts, order, (*lead, c * r * r, h // r, w // r))  # type: ignore[no-any-return]


@public(
    "channel_shuffle",
    "nn.functional.channel_shuffle",
    "native_channel_shuffle",
    "nn.functional.native_channel_shuffle",
)
@remembers("input")
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
    parts, order = (n, groups, c // groups, *sizes), (0, 2, 1, *range(3, len(sizes) + 3))
    return channel_shuffle_(input, parts, order, (n, c, *sizes))  # type: ignore[no-any-return]
