"""Maxima and means of the pixels in cells of regions: roi_pool and ps_roi_pool."""

from __future__ import annotations

import numpy as np

from ...core.tensor import Tensor
from ...core.twin import on_cpu
from .. import operation
from ..create.full import zeros
from .region import Pooled, check_regions
from .roi_align import channels_of_cells, check_own_channels


@operation(operands="x rois", label="RoiPool", differentiable=(0,), outputs="y argmax")
@on_cpu("torchvision.roi_pool")
def largest(x, rois, pooled):
    out = np.zeros((len(rois), x.shape[1], pooled.height, pooled.width), x.dtype)
    argmax = np.full(out.shape, -1, np.int32)
    for k, (number, rows, columns) in enumerate(pooled.cells(rois, x.shape)):
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                part = x[number][:, row, column]
                if part.size:
                    flat = part.reshape(len(part), -1)
                    place = flat.argmax(1)
                    out[k, :, i, j] = flat[np.arange(len(flat)), place]
                    down, along = np.divmod(place, part.shape[2])
                    argmax[k, :, i, j] = (down + row.start) * x.shape[3] + along + column.start
    return out, argmax


@largest.gradient
def _(g_y, rois, argmax, shape_x):
    return spread_largest(g_y, rois, argmax, tuple(shape_x)), None


def spread_largest(g: Tensor, rois: Tensor, argmax: Tensor, shape: tuple[int, ...]) -> Tensor:
    """What cells receive, at the pixels that were largest."""
    n, c, h, w = shape
    number = rois[:, 0].long()[:, None, None, None]
    channel = argmax.new_zeros(c).long().add(1).cumsum(0).sub(1)[None, :, None, None]
    seen = argmax >= 0
    place = (number * c + channel) * (h * w) + argmax.clamp(min=0)
    values = g.masked_fill(~seen, 0).flatten()
    flat = zeros(n * c * h * w, dtype=g.dtype).index_add(0, place.flatten(), values)
    return flat.view(n, c, h, w)


def roi_pool(
    input: Tensor, rois: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> tuple[Tensor, Tensor]:
    """The largest pixel in each cell of regions, and where in the image it is; 0 and -1 for an empty cell.

    Shape:
        input ``(N, C, H, W)``, rois ``(K, 5)``; results ``(K, C, pooled_height, pooled_width)``.

    Source: torch.ops.torchvision.roi_pool
    """
    check_regions(input, rois)
    return largest(input, rois, Pooled(spatial_scale, pooled_height, pooled_width, True))


@operation(operands="x rois", label="PsRoiPool")
@on_cpu("torchvision.ps_roi_pool")
def own_means(x, rois, pooled):
    cells = (pooled.height, pooled.width)
    out = np.zeros((len(rois), x.shape[1] // (cells[0] * cells[1]), *cells), x.dtype)
    for k, (number, rows, columns) in enumerate(pooled.cells(rois, x.shape)):
        image = x[number].reshape(-1, *cells, *x.shape[2:])
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                part = image[:, i, j, row, column]
                if part.size:
                    out[k, :, i, j] = part.mean((1, 2))
    return out


@own_means.gradient
def _(g, rois, shape_x, pooled):
    return spread_own_means(g, rois, tuple(shape_x), pooled), None


@operation(operands="g rois", label="PsRoiPoolBackward")
@on_cpu("torchvision.ps_roi_pool")
def spread_own_means(g, rois, shape, pooled):
    out = np.zeros((shape[0], g.shape[1], pooled.height, pooled.width, *shape[2:]), g.dtype)
    for k, (number, rows, columns) in enumerate(pooled.cells(rois, shape)):
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                part = out[number, :, i, j, row, column]
                if part.size:
                    part += g[k, :, i, j][:, None, None] / (part.shape[1] * part.shape[2])
    return out.reshape(shape)


@spread_own_means.gradient
def _(g, rois, pooled):
    return own_means(g, rois, pooled), None


def ps_roi_pool(
    input: Tensor, rois: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> tuple[Tensor, Tensor]:
    """The mean of each cell's pixels, where each cell has channels of its own; the second result says which.

    Shape:
        input ``(N, C * pooled_height * pooled_width, H, W)``; result ``(K, C, pooled_height, pooled_width)``.

    Source: torch.ops.torchvision.ps_roi_pool
    """
    check_regions(input, rois)
    check_own_channels(input, pooled_height, pooled_width)
    pooled = Pooled(spatial_scale, pooled_height, pooled_width, False)
    which = channels_of_cells(len(rois), input.shape[1], pooled_height, pooled_width)
    return own_means(input, rois, pooled), which
