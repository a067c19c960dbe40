"""Convolutions whose taps are moved: each samples the image where an offset says."""

from __future__ import annotations

from ...core.tensor import Tensor
from ..create.arange import arange
from ..linalg.matmul import matmul


def _sampled(x: Tensor, y: Tensor, columns: Tensor) -> Tensor:
    """Bilinear samples of images, 0 outside.

    Shape:
        x ``(N, G, C, H, W)``; y and columns ``(N, G, P)``; result ``(N, G, C, P)``.
    """
    height, width = x.shape[-2:]
    flat = x.flatten(-2)
    total = None
    top, left = y.floor(), columns.floor()
    below, right = y - top, columns - left
    for dy in (0, 1):
        for dx in (0, 1):
            row, column = top + dy, left + dx
            weight = (below if dy else 1 - below) * (right if dx else 1 - right)
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            inside = inside & (y > -1) & (y < height) & (columns > -1) & (columns < width)
            place = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
            index = place.unsqueeze(2).expand(-1, -1, flat.shape[2], -1)
            part = flat.gather(-1, index) * (weight * inside).unsqueeze(2)
            total = part if total is None else total + part
    return total  # type: ignore[return-value]


def deform_conv2d(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> Tensor:
    """A convolution that samples each tap where its offset moves it, times its mask.

    Made of gathers and products, so that everything in it has gradients of every order.

    Shape:
        input ``(N, C, H, W)``; weight ``(O, C / groups, kh, kw)``; offset ``(N, 2 * offset_groups * kh * kw, h, w)``,
        pairs of y and x; mask ``(N, offset_groups * kh * kw, h, w)``; result ``(N, O, h, w)``.

    Raises:
        RuntimeError: Shapes that do not fit.

    Source: torch.ops.torchvision.deform_conv2d
    """
    n, channels = input.shape[:2]
    out_channels, _, kh, kw = weight.shape
    out_h, out_w = offset.shape[-2:]
    taps = kh * kw
    if offset.shape[1] != 2 * offset_groups * taps:
        raise RuntimeError(
            f"offset.shape[1] is not valid: got: {offset.shape[1]} expected: {2 * offset_groups * taps}"
        )
    if use_mask and mask.shape[1] != offset_groups * taps:
        raise RuntimeError(
            f"mask.shape[1] is not valid: got: {mask.shape[1]} expected: {offset_groups * taps}"
        )
    moved = offset.view(n, offset_groups, kh, kw, 2, out_h, out_w)

    def places(k: int, dilation: int, size: int, stride: int, pad: int) -> tuple[Tensor, Tensor]:
        taps_at = arange(k, dtype=input.dtype, device=input.device) * dilation
        return taps_at, arange(size, dtype=input.dtype, device=input.device) * stride - pad

    tap_y, start_y = places(kh, dilation_h, out_h, stride_h, pad_h)
    tap_x, start_x = places(kw, dilation_w, out_w, stride_w, pad_w)
    y = moved[..., 0, :, :] + tap_y[:, None, None, None] + start_y[:, None]
    x = moved[..., 1, :, :] + tap_x[:, None, None] + start_x
    grouped = input.view(n, offset_groups, channels // offset_groups, *input.shape[2:])
    shape = (n, offset_groups, taps * out_h * out_w)
    sampled = _sampled(grouped, y.reshape(shape), x.reshape(shape))
    if use_mask:
        sampled = sampled * mask.reshape(n, offset_groups, 1, -1)
    columns = sampled.reshape(n, groups, channels // groups * taps, out_h * out_w)
    kernel = weight.reshape(groups, out_channels // groups, -1)
    result = matmul(kernel, columns).reshape(n, out_channels, out_h, out_w)
    return result + bias.view(-1, 1, 1)
