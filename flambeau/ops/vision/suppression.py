"""Non-maximum suppression: of boxes that overlap, the one with the highest score."""

from __future__ import annotations

import numpy as np

from ...core.tensor import Tensor
from ...core.twin import on_cpu
from .. import operation


@operation(operands="boxes scores", differentiable=())
@on_cpu("torchvision.nms")
def non_maximum(boxes, scores, iou_threshold):
    order = np.argsort(-scores, kind="stable")
    x1, y1, x2, y2 = boxes[order].astype(np.result_type(boxes, np.float32), copy=False).T
    areas = (x2 - x1) * (y2 - y1)
    alive = np.ones(len(order), bool)
    kept = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        kept.append(order[i])
        width = np.minimum(x2[i], x2[i + 1 :]) - np.maximum(x1[i], x1[i + 1 :])
        height = np.minimum(y2[i], y2[i + 1 :]) - np.maximum(y1[i], y1[i + 1 :])
        both = np.maximum(width, 0) * np.maximum(height, 0)
        alive[i + 1 :] &= ~(both / (areas[i] + areas[i + 1 :] - both) > iou_threshold)
    return np.array(kept, np.int64)


def nms(dets: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The indices of the boxes that stay, from the highest score down.

    A box goes if one with a higher score overlaps it by more than `iou_threshold`, the area of both over
    that of either.

    Shape:
        dets ``(N, 4)`` as ``x1, y1, x2, y2``; scores ``(N,)``.

    Raises:
        RuntimeError: Other shapes, or dtypes that differ.

    Source: torch.ops.torchvision.nms

    Example:
        >>> import flambeau as torch
        >>> boxes = torch.tensor([[0., 0., 4., 4.], [0., 0., 4., 3.], [5., 5., 6., 6.]])
        >>> torch.ops.torchvision.nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5)
        tensor([1, 2])
    """
    if dets.ndim != 2 or dets.shape[1] != 4:
        raise RuntimeError(f"boxes should be a tensor of shape [N, 4], got {list(dets.shape)}")
    if scores.ndim != 1 or len(scores) != len(dets):
        raise RuntimeError(
            f"boxes and scores should have same number of elements in dimension 0, got {len(dets)} and "
            f"{list(scores.shape)}"
        )
    if dets.dtype is not scores.dtype:
        raise RuntimeError(
            f"dets should have the same type as scores, got {dets.dtype} and {scores.dtype}"
        )
    return non_maximum(dets, scores, iou_threshold)
