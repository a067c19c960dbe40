"""Gradients of regions' operations under the names that torchvision's Python code calls them by.

The operations of this package have gradients of their own; torchvision registers others, which come here.
"""

from __future__ import annotations

from typing import Any

from ...autograd import grad as gradients
from ...autograd.mode import enable_grad
from ...core.tensor import Tensor
from . import deform_conv
from .region import Aligned, Pooled
from .roi_align import spread_own_regions, spread_regions
from .roi_pool import spread_largest, spread_own_means


def roi_align(
    grad: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    batch_size: int,
    channels: int,
    height: int,
    width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """Source: torch.ops.torchvision._roi_align_backward"""
    offset, least = (0.5, 0.0) if aligned else (0.0, 1.0)
    over = Aligned(spatial_scale, pooled_height, pooled_width, sampling_ratio, offset, least)
    return spread_regions(grad, rois, (batch_size, channels, height, width), over)


def ps_roi_align(
    grad: Tensor,
    rois: Tensor,
    channel_mapping: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    batch_size: int,
    channels: int,
    height: int,
    width: int,
) -> Tensor:
    """Source: torch.ops.torchvision._ps_roi_align_backward"""
    over = Aligned(spatial_scale, pooled_height, pooled_width, sampling_ratio, 0.5, 0.0)
    return spread_own_regions(grad, rois, (batch_size, channels, height, width), over)


def roi_pool(
    grad: Tensor,
    rois: Tensor,
    argmax: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    batch_size: int,
    channels: int,
    height: int,
    width: int,
) -> Tensor:
    """Source: torch.ops.torchvision._roi_pool_backward"""
    return spread_largest(grad, rois, argmax, (batch_size, channels, height, width))


def ps_roi_pool(
    grad: Tensor,
    rois: Tensor,
    channel_mapping: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    batch_size: int,
    channels: int,
    height: int,
    width: int,
) -> Tensor:
    """Source: torch.ops.torchvision._ps_roi_pool_backward"""
    over = Pooled(spatial_scale, pooled_height, pooled_width, False)
    return spread_own_means(grad, rois, (batch_size, channels, height, width), over)


def deform_conv2d(
    grad: Tensor,
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor,
    *options: Any,
) -> tuple[Tensor | None, ...]:
    """Source: torch.ops.torchvision._deform_conv2d_backward"""
    operands = [x.detach().requires_grad_() for x in (input, weight, offset, mask, bias)]
    with enable_grad():
        out = deform_conv.deform_conv2d(*operands, *options)
    return gradients(out, operands, grad, allow_unused=True, materialize_grads=True)
