"""The processes of a run as an array, with a group along each of its dimensions.

Source: torch.distributed.device_mesh
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.device import device as Device
from ..core.tensor import Tensor
from .membership import init_process_group, new_group
from .process_group import GroupMember, ProcessGroup, get_rank, get_world_size, is_initialized


class DeviceMesh:
    """Processes as an array of ranks.

    Args:
        device_type: Where each has its tensors: "cpu" or "cuda".
        mesh: An array, or nested lists, of ranks.
        mesh_dim_names: What to call its dimensions.

    Attributes:
        mesh: The ranks, a tensor of int64.

    Raises:
        RuntimeError: This process has no place in a mesh of all, or a rank has two.

    Source: torch.distributed.device_mesh.DeviceMesh

    Example:
        >>> from flambeau import distributed as dist
        >>> dist.init_process_group(store=dist.HashStore(), rank=0, world_size=1)
        >>> mesh = dist.init_device_mesh("cpu", (1, 1), mesh_dim_names=("data", "model"))
        >>> mesh["model"].size(), mesh.get_coordinate()
        (1, [0, 0])
        >>> dist.destroy_process_group()
    """

    def __init__(
        self,
        device_type: str,
        mesh: Any,
        *,
        mesh_dim_names: Sequence[str] | None = None,
        _groups: list[Any] | None = None,
        _root: DeviceMesh | None = None,
        **options: Any,
    ) -> None:
        from ..ops.create.data import tensor

        self.device_type = Device(device_type).type
        if not is_initialized():
            init_process_group(None)
        ranks = np.asarray(mesh.numpy() if isinstance(mesh, Tensor) else mesh, np.int64)
        if len(np.unique(ranks)) != ranks.size:
            raise RuntimeError(f"a mesh has every rank once: {ranks.tolist()}")
        names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        if names is not None and (len(names) != ranks.ndim or len(set(names)) < len(names)):
            raise RuntimeError(f"mesh_dim_names {names} are not {ranks.ndim} different names")
        self.mesh_dim_names = names
        self.mesh = tensor(ranks)
        self._ranks, self._root = ranks, _root
        self._groups = _made(ranks) if _groups is None else _groups
        self._parts: dict[Any, DeviceMesh] = {}

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return self._ranks.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """How many processes it has along each."""
        return tuple(self._ranks.shape)

    def size(self, mesh_dim: int | None = None) -> int:
        """How many processes it has, in all or along a dimension."""
        return self._ranks.size if mesh_dim is None else self._ranks.shape[mesh_dim]

    def get_rank(self) -> int:
        """This process' rank in the run."""
        return get_rank()

    def get_coordinate(self) -> list[int] | None:
        """Where this process is in it; None if it is not."""
        found = np.argwhere(self._ranks == get_rank())
        return [int(i) for i in found[0]] if len(found) else None

    def get_local_rank(self, mesh_dim: int | str | None = None) -> int:
        """Where this process is along a dimension.

        Raises:
            RuntimeError: The mesh has several, and none was named.
        """
        dim = self._dim(mesh_dim, "get_local_rank")
        coordinate = self.get_coordinate()
        if coordinate is None:
            raise RuntimeError("this process has no place in the mesh")
        return coordinate[dim]

    def get_group(self, mesh_dim: int | str | None = None) -> ProcessGroup:
        """The group of the processes that differ from this one along a dimension alone."""
        return self._groups[self._dim(mesh_dim, "get_group")]

    def get_all_groups(self) -> list[ProcessGroup]:
        """The group along each dimension."""
        return list(self._groups)

    def _dim(self, mesh_dim: int | str | None, what: str) -> int:
        if isinstance(mesh_dim, str):
            if self.mesh_dim_names is None or mesh_dim not in self.mesh_dim_names:
                raise KeyError(f"the mesh has no dimension {mesh_dim!r}: {self.mesh_dim_names}")
            return self.mesh_dim_names.index(mesh_dim)
        if mesh_dim is None:
            if self.ndim > 1:
                raise RuntimeError(
                    f"{what}: name one of the mesh's {self.ndim} dimensions: {self.mesh_dim_names}"
                )
            return 0
        return int(mesh_dim)

    def __getitem__(self, names: str | tuple[str, ...]) -> DeviceMesh:
        """The part of the mesh along some dimensions in which this process is.

        Raises:
            RuntimeError: The dimensions have no names.
            KeyError: There is no such dimension.
        """
        if self.mesh_dim_names is None:
            raise RuntimeError("a mesh whose dimensions have no names has no parts to name")
        wanted = (names,) if isinstance(names, str) else tuple(names)
        if wanted == self.mesh_dim_names:
            return self
        if wanted in self._parts:
            return self._parts[wanted]
        dims = [self._dim(name, "[]") for name in wanted]
        coordinate = self.get_coordinate() or [0] * self.ndim
        index = tuple(slice(None) if d in dims else coordinate[d] for d in range(self.ndim))
        order = np.argsort(np.argsort(dims))
        ranks = self._ranks[index].transpose(order)
        part = DeviceMesh(
            self.device_type, ranks, mesh_dim_names=wanted, _groups=[self._groups[d] for d in dims],
            _root=self._root or self,
        )  # fmt: skip
        self._parts[wanted] = part
        return part

    @classmethod
    def from_group(
        cls,
        group: Any,
        device_type: str,
        mesh: Any = None,
        *,
        mesh_dim_names: Sequence[str] | None = None,
    ) -> DeviceMesh:
        """The mesh of a group's members, or of groups along each dimension of a `mesh`.

        Source: torch.distributed.device_mesh.DeviceMesh.from_group
        """
        one = isinstance(group, ProcessGroup)
        ranks = list(group.ranks) if one else mesh
        if ranks is None:
            raise ValueError("several groups need a mesh")
        return cls(
            device_type,
            ranks,
            mesh_dim_names=mesh_dim_names,
            _groups=[group] if one else list(group),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DeviceMesh):
            return NotImplemented
        same = np.array_equal(self._ranks, other._ranks)
        return same and (self.device_type, self.mesh_dim_names) == (
            other.device_type,
            other.mesh_dim_names,
        )

    def __hash__(self) -> int:
        return hash((self._ranks.tobytes(), self.shape, self.device_type, self.mesh_dim_names))

    def __repr__(self) -> str:
        names = self.mesh_dim_names or range(self.ndim)
        dims = ", ".join(
            f"{n}={k}" if self.mesh_dim_names else str(k) for n, k in zip(names, self.shape)
        )
        strides = tuple(s // 8 for s in np.ascontiguousarray(self._ranks).strides)
        return f"DeviceMesh(({dims}), {self.device_type!r}, stride={strides})"


def _made(ranks: np.ndarray) -> list[Any]:
    """A group along each dimension, of those in which this process is."""
    me, whole = get_rank(), get_world_size()
    if ranks.ndim == 1 and ranks.size == whole and np.array_equal(ranks, np.arange(whole)):
        return [GroupMember.WORLD]
    found = []
    for dim in range(ranks.ndim):
        mine = None
        for row in np.moveaxis(ranks, dim, -1).reshape(-1, ranks.shape[dim]):
            made = new_group(row.tolist(), sort_ranks=False)
            if me in row:
                mine = made
        found.append(mine)
    return found


def init_device_mesh(
    device_type: str,
    mesh_shape: Sequence[int],
    *,
    mesh_dim_names: Sequence[str] | None = None,
    backend_override: Any = None,
) -> DeviceMesh:
    """Arrange all processes of the run, in the order of their ranks.

    Args:
        device_type: Where each has its tensors: "cpu" or "cuda".
        mesh_shape: How many along each dimension.
        mesh_dim_names: What to call these.

    Raises:
        RuntimeError: The shape has not as many places as there are processes, or names do not fit.

    Source: torch.distributed.init_device_mesh
    """
    shape = tuple(int(n) for n in mesh_shape)
    if mesh_dim_names is not None and len(mesh_dim_names) != len(shape):
        raise RuntimeError(
            f"a mesh of {len(shape)} dimensions has as many mesh_dim_names, not {len(mesh_dim_names)}"
        )
    if mesh_dim_names is not None and len(set(mesh_dim_names)) < len(mesh_dim_names):
        raise RuntimeError(f"a name for each dimension, every one another: {list(mesh_dim_names)}")
    if not is_initialized():
        init_process_group(None)
    count = int(np.prod(shape))
    if count != get_world_size():
        raise RuntimeError(
            f"a mesh of {shape} has {count} places, and the run has {get_world_size()} processes"
        )
    return DeviceMesh(device_type, np.arange(count).reshape(shape), mesh_dim_names=mesh_dim_names)
