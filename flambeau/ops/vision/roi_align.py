"""Means of samples in the cells of regions: roi_align, and ps_roi_align, where each cell has channels of its own."""

from __future__ import annotations

import numpy as np

from ...core.tensor import Tensor
from ...core.twin import on_cpu
from .. import operation
from ..create.data import tensor
from .region import Aligned, check_regions


def _computed(x):
    """In a dtype that NumPy multiplies well."""
    return x if x.dtype.itemsize >= 4 else x.astype(np.float32)


@operation(operands="x rois", label="RoiAlign")
@on_cpu("torchvision.roi_align")
def regions(x, rois, aligned):
    images, places = _computed(x), _computed(rois)
    out = np.empty((len(rois), x.shape[1], aligned.height, aligned.width), images.dtype)
    for i, (number, rows, columns) in enumerate(aligned.spans(places, x.shape)):
        part = images[number][:, rows.pixels, columns.pixels]
        out[i] = rows.weights @ (part @ columns.weights.T)
    return out.astype(x.dtype, copy=False)


@regions.gradient
def _(g, rois, shape_x, aligned):
    return spread_regions(g, rois, tuple(shape_x), aligned), None


@operation(operands="g rois", label="RoiAlignBackward")
@on_cpu("torchvision.roi_align")
def spread_regions(g, rois, shape, aligned):
    """The transpose of `regions`: cells give what they receive to the pixels that they saw."""
    grads, places = _computed(g), _computed(rois)
    out = np.zeros(shape, grads.dtype)
    for i, (number, rows, columns) in enumerate(aligned.spans(places, shape)):
        part = rows.weights.T @ (grads[i] @ columns.weights)
        out[number][:, rows.pixels, columns.pixels] += part
    return out.astype(g.dtype, copy=False)


@spread_regions.gradient
def _(g, rois, aligned):
    return regions(g, rois, aligned), None


def roi_align(
    input: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """The means of samples in the cells of regions.

    Args:
        rois: The image's number and ``x1, y1, x2, y2`` of each region.
        spatial_scale: Of `input` to the coordinates.
        pooled_height, pooled_width: How many cells.
        sampling_ratio: Samples in each cell along a side; as many as it has pixels, if not positive.
        aligned: Do coordinates mean the centres of pixels?

    Shape:
        input ``(N, C, H, W)``, rois ``(K, 5)``; result ``(K, C, pooled_height, pooled_width)``.

    Source: torch.ops.torchvision.roi_align

    Example:
        >>> import flambeau as torch
        >>> image = torch.arange(16.).view(1, 1, 4, 4)
        >>> torch.ops.torchvision.roi_align(image, torch.tensor([[0., 0., 0., 4., 4.]]), 1.0, 2, 2, 2, True)
        tensor([[[[ 2.5000,  4.5000],
                  [10.5000, 12.5000]]]])
    """
    check_regions(input, rois)
    offset, least = (0.5, 0.0) if aligned else (0.0, 1.0)
    over = Aligned(spatial_scale, pooled_height, pooled_width, sampling_ratio, offset, least)
    return regions(input, rois, over)


@operation(operands="x rois", label="PsRoiAlign")
@on_cpu("torchvision.ps_roi_align")
def own_regions(x, rois, aligned):
    images, places = _computed(x), _computed(rois)
    cells = (aligned.height, aligned.width)
    out = np.empty((len(rois), x.shape[1] // (cells[0] * cells[1]), *cells), images.dtype)
    for i, (number, rows, columns) in enumerate(aligned.spans(places, x.shape)):
        part = images[number][:, rows.pixels, columns.pixels]
        part = part.reshape(-1, *cells, *part.shape[1:])
        out[i] = np.einsum("ih,cijhw,jw->cij", rows.weights, part, columns.weights)
    return out.astype(x.dtype, copy=False)


@own_regions.gradient
def _(g, rois, shape_x, aligned):
    return spread_own_regions(g, rois, tuple(shape_x), aligned), None


@operation(operands="g rois", label="PsRoiAlignBackward")
@on_cpu("torchvision.ps_roi_align")
def spread_own_regions(g, rois, shape, aligned):
    grads, places = _computed(g), _computed(rois)
    out = np.zeros(shape, grads.dtype)
    for i, (number, rows, columns) in enumerate(aligned.spans(places, shape)):
        part = np.einsum("ih,cij,jw->cijhw", rows.weights, grads[i], columns.weights)
        out[number][:, rows.pixels, columns.pixels] += part.reshape(shape[1], *part.shape[3:])
    return out.astype(g.dtype, copy=False)


@spread_own_regions.gradient
def _(g, rois, aligned):
    return own_regions(g, rois, aligned), None


def check_own_channels(input: Tensor, height: int, width: int) -> None:
    """Raises RuntimeError if the channels cannot be shared out among cells."""
    if input.shape[1] % (height * width):
        raise RuntimeError("input channels must be a multiple of pooling height * pooling width")


def channels_of_cells(count: int, channels: int, height: int, width: int) -> Tensor:
    """Which channel each cell of each region looks at."""
    order = np.arange(channels, dtype=np.int32).reshape(1, -1, height, width)
    return tensor(np.repeat(order, count, 0))


def ps_roi_align(
    input: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
) -> tuple[Tensor, Tensor]:
    """`roi_align` where each cell has channels of its own; the second result says which.

    Shape:
        input ``(N, C * pooled_height * pooled_width, H, W)``; result ``(K, C, pooled_height, pooled_width)``.

    Source: torch.ops.torchvision.ps_roi_align
    """
    check_regions(input, rois)
    check_own_channels(input, pooled_height, pooled_width)
    over = Aligned(spatial_scale, pooled_height, pooled_width, sampling_ratio, 0.5, 0.0)
    which = channels_of_cells(len(rois), input.shape[1], pooled_height, pooled_width)
    return own_regions(input, rois, over), which
