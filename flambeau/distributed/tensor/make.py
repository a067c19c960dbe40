"""Tensors of several processes, made in their parts.

Source: torch.distributed.tensor
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..device_mesh import DeviceMesh
from .dtensor import DTensor, _lay, _mesh, distribute_tensor
from .placement_types import Placement, Shard, part_of


def _made(
    name: str,
    size: tuple[Any, ...],
    fill: tuple[Any, ...],
    mesh: Any,
    placements: Any,
    options: dict[str, Any],
) -> DTensor:
    from ... import empty, full, ones, zeros  # type: ignore[attr-defined]

    makers = {"empty": empty, "full": full, "ones": ones, "zeros": zeros}

    shape = list(size[0]) if len(size) == 1 and isinstance(size[0], (list, tuple)) else list(size)
    whole, mesh = list(shape), _mesh(mesh)
    lay = _lay(placements, mesh, len(shape))
    for dim, p in enumerate(lay):
        if isinstance(p, Shard):
            begin, end = part_of(shape[p.dim], mesh.size(dim), mesh.get_local_rank(dim))
            shape[p.dim] = end - begin
    options.pop("layout", None)
    requires = options.pop("requires_grad", False)
    local = makers[name](shape, *fill, **options)
    return DTensor._made(local, mesh, lay, whole).requires_grad_(requires)


def zeros(
    *size: Any,
    device_mesh: DeviceMesh | None = None,
    placements: Sequence[Placement] | None = None,
    **options: Any,
) -> DTensor:
    """Zeros.

    Source: torch.distributed.tensor.zeros
    """
    return _made("zeros", size, (), device_mesh, placements, options)


def ones(
    *size: Any,
    device_mesh: DeviceMesh | None = None,
    placements: Sequence[Placement] | None = None,
    **options: Any,
) -> DTensor:
    """Ones.

    Source: torch.distributed.tensor.ones
    """
    return _made("ones", size, (), device_mesh, placements, options)


def empty(
    *size: Any,
    device_mesh: DeviceMesh | None = None,
    placements: Sequence[Placement] | None = None,
    **options: Any,
) -> DTensor:
    """Memory that is not written.

    Source: torch.distributed.tensor.empty
    """
    return _made("empty", size, (), device_mesh, placements, options)


def full(
    size: Any,
    fill_value: Any,
    *,
    device_mesh: DeviceMesh | None = None,
    placements: Sequence[Placement] | None = None,
    **options: Any,
) -> DTensor:
    """One value.

    Source: torch.distributed.tensor.full
    """
    return _made("full", (size,), (fill_value,), device_mesh, placements, options)


def _drawn(
    name: str, size: tuple[Any, ...], mesh: Any, placements: Any, options: dict[str, Any]
) -> DTensor:
    """The draws of one process, laid out: the same numbers whatever the number of processes."""
    from ... import rand, randn  # type: ignore[attr-defined]

    requires = options.pop("requires_grad", False)
    options.pop("layout", None)
    made = distribute_tensor(
        (rand if name == "rand" else randn)(*size, **options), _mesh(mesh), placements
    )
    return made.requires_grad_(requires)


def rand(
    *size: Any,
    device_mesh: DeviceMesh | None = None,
    placements: Sequence[Placement] | None = None,
    **options: Any,
) -> DTensor:
    """Uniform draws.

    Source: torch.distributed.tensor.rand
    """
    return _drawn("rand", size, device_mesh, placements, options)


def randn(
    *size: Any,
    device_mesh: DeviceMesh | None = None,
    placements: Sequence[Placement] | None = None,
    **options: Any,
) -> DTensor:
    """Normal draws.

    Source: torch.distributed.tensor.randn
    """
    return _drawn("randn", size, device_mesh, placements, options)
