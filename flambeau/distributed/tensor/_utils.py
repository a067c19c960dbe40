"""Where a process' part of a tensor is.

Source: torch.distributed.tensor._utils
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..device_mesh import DeviceMesh
from .placement_types import Placement, Shard, part_of


def compute_local_shape_and_global_offset(
    global_shape: Sequence[int], mesh: DeviceMesh, placements: Sequence[Placement], **options: Any
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape of this process' part, and where it begins along each dimension of the whole.

    Source: torch.distributed.tensor._utils.compute_local_shape_and_global_offset
    """
    shape, offset = list(global_shape), [0] * len(global_shape)
    coordinate = mesh.get_coordinate()
    if coordinate is None:
        return (0,), (0,) * len(offset)
    for dim, p in enumerate(placements):
        if isinstance(p, Shard):
            begin, end = part_of(shape[p.dim], mesh.size(dim), coordinate[dim])
            offset[p.dim] += begin
            shape[p.dim] = end - begin
    return tuple(shape), tuple(offset)
