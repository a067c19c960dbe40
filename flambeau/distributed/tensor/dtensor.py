"""DTensor: a tensor that lies in several processes, of which this one has its part.

It is a tensor whose memory is the local part and whose shape is that of the whole. Operations element by element, of
operands that lie alike, run on the parts; `linear`, `embedding`, norms know how their operands may lie; anything else
runs on whole tensors, which are gathered for it.

Source: torch.distributed.tensor
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...core.handler import DisableTorchFunctionSubclass
from ...core.size import Size
from ...core.tensor import Tensor
from ..device_mesh import DeviceMesh
from ..kinds import ReduceOp
from .moves import Gather, SumOfAll, TakePart
from .placement_types import Partial, Placement, Replicate, Shard, part_of

_GRAD: Any = Tensor.grad
_JOINS = {
    "sum": ReduceOp.SUM,
    "avg": ReduceOp.AVG,
    "max": ReduceOp.MAX,
    "min": ReduceOp.MIN,
    "product": ReduceOp.PRODUCT,
}


class DTensor(Tensor):
    """A tensor that lies in several processes. `from_local`, `distribute_tensor` and `distributed.tensor.zeros` make it.

    Attributes:
        device_mesh: The processes.
        placements: How it lies along each dimension of the mesh.

    Source: torch.distributed.tensor.DTensor

    Example:
        >>> import flambeau as torch
        >>> from flambeau import distributed as dist
        >>> from flambeau.distributed.tensor import Shard, distribute_tensor
        >>> dist.init_process_group(store=dist.HashStore(), rank=0, world_size=1)
        >>> mesh = dist.init_device_mesh("cpu", (1,))
        >>> x = distribute_tensor(torch.ones(4, 2), mesh, [Shard(0)])
        >>> (x * 2).full_tensor().sum()
        tensor(16.)
        >>> dist.destroy_process_group()
    """

    device_mesh: DeviceMesh
    placements: tuple[Placement, ...]
    _whole: Size
    _run: Callable[[Callable, tuple, dict[str, Any]], Any]
    """What runs functions: `rules.run`, which knows how operands may lie."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "DTensor is made by DTensor.from_local, distribute_tensor or torch.distributed.tensor.zeros"
        )

    @staticmethod
    def _made(
        local: Any, mesh: DeviceMesh, placements: Sequence[Placement], whole: Sequence[int]
    ) -> DTensor:
        with DisableTorchFunctionSubclass():
            made = local.as_subclass(DTensor)
        made.device_mesh, made.placements, made._whole = mesh, tuple(placements), Size(whole)
        return made

    @staticmethod
    def from_local(
        local_tensor: Tensor,
        device_mesh: DeviceMesh | None = None,
        placements: Sequence[Placement] | None = None,
        *,
        run_check: bool = False,
        shape: Sequence[int] | None = None,
        stride: Sequence[int] | None = None,
    ) -> DTensor:
        """A tensor of which this process' part is given.

        Args:
            placements: How it lies; None for the same in all.
            run_check: Give all the values of the first, where they should have the same.
            shape, stride: Of the whole, where parts differ in size.

        Source: torch.distributed.tensor.DTensor.from_local
        """
        mesh = _mesh(device_mesh)
        lay = _lay(placements, mesh, local_tensor.ndim)
        if run_check:
            from ..collective import broadcast

            for dim, p in enumerate(lay):
                if p.is_replicate():
                    broadcast(local_tensor.detach(), group=mesh.get_group(dim), group_src=0)  # type: ignore[attr-defined]
        whole = list(local_tensor.shape)
        if shape is not None:
            whole = list(shape)
        else:
            for dim, p in enumerate(lay):
                if isinstance(p, Shard):
                    whole[p.dim] *= mesh.size(dim)
        return DTensor._made(local_tensor, mesh, lay, whole)

    @property
    def shape(self) -> Size:  # type: ignore[override]
        """Of the whole."""
        return self._whole

    @property
    def ndim(self) -> int:  # type: ignore[override]
        """Of the whole."""
        return len(self._whole)

    def size(self, dim: int | None = None, axis: int | None = None) -> Any:
        """Of the whole."""
        dim = axis if dim is None else dim
        return self._whole if dim is None else self._whole[dim]

    def dim(self) -> int:
        """Of the whole."""
        return len(self._whole)

    def numel(self) -> int:
        """Of the whole."""
        return self._whole.numel()

    @property
    def grad(self) -> Any:  # type: ignore[override]
        """The gradient, which lies as the tensor does."""
        with DisableTorchFunctionSubclass():
            found = _GRAD.__get__(self)
            if found is not None and not isinstance(found, DTensor) and not found.is_sparse:
                found = _again(found, self)
                _GRAD.__set__(self, found)
        return found

    @grad.setter
    def grad(self, value: Any) -> None:
        with DisableTorchFunctionSubclass():
            _GRAD.__set__(self, value)

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def to_local(self, *, grad_placements: Sequence[Placement] | None = None) -> Tensor:
        """This process' part.

        Source: torch.distributed.tensor.DTensor.to_local
        """
        return _local(self)

    @property
    def _local_tensor(self) -> Tensor:
        return _local(self)

    def redistribute(
        self,
        device_mesh: DeviceMesh | None = None,
        placements: Sequence[Placement] | None = None,
        *,
        async_op: bool = False,
    ) -> DTensor:
        """The same tensor, lying otherwise.

        Raises:
            RuntimeError: Another mesh is given, or it is to become a sum of parts.

        Source: torch.distributed.tensor.DTensor.redistribute
        """
        mesh = self.device_mesh
        if device_mesh is not None and device_mesh != mesh:
            raise RuntimeError("redistribute: a DTensor stays on its mesh")
        lay = _lay(placements, mesh, self.ndim)
        local, now = _local(self), list(self.placements)
        # Sums first, then the innermost parts outwards; then parts are taken from the outermost inwards.
        for dim in reversed(range(mesh.ndim)):
            before, after = now[dim], lay[dim]
            if before == after or before.is_replicate():
                continue
            local = _to_all(local, mesh, dim, now, self._whole)
            now[dim] = Replicate()
        for dim in range(mesh.ndim):
            before, after = now[dim], lay[dim]
            if before == after:
                continue
            if isinstance(after, Shard):
                local = TakePart.apply(local, mesh.get_group(dim), after.dim)
            elif after.is_partial():
                raise RuntimeError(
                    "redistribute: a tensor that all have cannot become a sum of parts"
                )
            now[dim] = after
        return DTensor._made(local, mesh, now, self._whole)

    def full_tensor(self, *, grad_placements: Any = None) -> Tensor:
        """The whole tensor, in all processes.

        Source: torch.distributed.tensor.DTensor.full_tensor
        """
        return _local(self.redistribute(placements=[Replicate()] * self.device_mesh.ndim))

    def __repr__(self) -> str:
        with DisableTorchFunctionSubclass():
            text = repr(_local(self).detach())  # type: ignore[attr-defined]
        return f"DTensor(local_tensor={text}, device_mesh={self.device_mesh}, placements={self.placements})"

    def __deepcopy__(self, memo: dict) -> Any:
        found = memo.get(id(self))
        if found is None:
            local: Any = _local(self).detach().clone()  # type: ignore[attr-defined]
            found = _again(local, self)
            found.requires_grad_(self.requires_grad)
            if "_is_param" in self.__dict__:
                found._is_param = True
            memo[id(self)] = found
        return found

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Iterable[type], args: tuple = (), kwargs: Any = None
    ) -> Any:
        return DTensor._run(func, args, kwargs or {})


def _mesh(mesh: DeviceMesh | None) -> DeviceMesh:
    if mesh is not None:
        return mesh
    from ..device_mesh import init_device_mesh
    from ..process_group import get_world_size

    return init_device_mesh("cpu", (get_world_size(),))


def _lay(placements: Sequence[Placement] | None, mesh: DeviceMesh, ndim: int) -> list[Placement]:
    """Placements for each dimension of a mesh, with dimensions from 0.

    Raises:
        ValueError: There are not as many as the mesh has dimensions.
    """
    lay = [Replicate()] * mesh.ndim if placements is None else list(placements)
    if len(lay) != mesh.ndim:
        raise ValueError(
            f"a mesh of {mesh.ndim} dimensions takes as many placements, not {len(lay)}"
        )
    return [Shard(p.dim % ndim) if isinstance(p, Shard) and ndim else p for p in lay]


def _local(x: Any) -> Any:
    """This process' part as a plain tensor that is recorded as it is."""
    with DisableTorchFunctionSubclass():
        return x.as_subclass(Tensor)


def _again(local: Any, like: DTensor) -> DTensor:
    return DTensor._made(local, like.device_mesh, like.placements, like._whole)


def _to_all(
    local: Any, mesh: DeviceMesh, dim: int, now: Sequence[Placement], whole: Sequence[int]
) -> Any:
    """What all processes along a dimension of the mesh have together."""
    group, before = mesh.get_group(dim), now[dim]
    if isinstance(before, Partial):
        return SumOfAll.apply(local, group, _JOINS[before.reduce_op])
    assert isinstance(before, Shard)
    size = whole[before.dim]
    coordinate = mesh.get_coordinate() or [0] * mesh.ndim
    for outer in range(dim):  # cut along the same dimension further out
        p = now[outer]
        if isinstance(p, Shard) and p.dim == before.dim:
            begin, end = part_of(size, mesh.size(outer), coordinate[outer])
            size = end - begin
    return Gather.apply(local, group, before.dim, size, True)


def distribute_tensor(
    tensor: Tensor,
    device_mesh: DeviceMesh | None = None,
    placements: Sequence[Placement] | None = None,
    *,
    src_data_rank: int | None = 0,
) -> DTensor:
    """Lay out a tensor that all processes have; the values of one of them count.

    Args:
        src_data_rank: The rank in each dimension of the mesh whose values count; None for each its own.

    Source: torch.distributed.tensor.distribute_tensor
    """
    mesh = _mesh(device_mesh)
    if isinstance(tensor, DTensor):
        return tensor.redistribute(mesh, placements)
    lay = _lay(placements, mesh, tensor.ndim)
    if src_data_rank is not None:
        from ..collective import broadcast

        for dim in range(mesh.ndim):
            broadcast(tensor.detach(), group=mesh.get_group(dim), group_src=src_data_rank)  # type: ignore[attr-defined]
    local: Any = tensor.detach()  # type: ignore[attr-defined]
    for dim, p in enumerate(lay):
        if isinstance(p, Shard):
            begin, end = part_of(local.shape[p.dim], mesh.size(dim), mesh.get_local_rank(dim))
            local = local.narrow(p.dim, begin, end - begin)
    made = DTensor._made(local.clone(), mesh, lay, tensor.shape)
    made.requires_grad_(tensor.requires_grad)
    return made


def distribute_module(
    module: Any,
    device_mesh: DeviceMesh | None = None,
    partition_fn: Callable | None = None,
    input_fn: Callable | None = None,
    output_fn: Callable | None = None,
) -> Any:
    """Lay out a module's parameters: as ``partition_fn(name, submodule, mesh)`` does, the others the same in all.

    Args:
        input_fn: ``f(module, inputs, mesh)`` gives what the module is called with.
        output_fn: ``f(module, outputs, mesh)`` gives its result.

    Source: torch.distributed.tensor.distribute_module
    """
    from ...nn.parameter import Parameter

    mesh = _mesh(device_mesh)
    for name, child in module.named_modules():
        if partition_fn is not None:
            partition_fn(name, child, mesh)
        for key, p in list(child._parameters.items()):
            if p is not None and not isinstance(p, DTensor):
                child.register_parameter(
                    key, Parameter(distribute_tensor(p, mesh), p.requires_grad)
                )
    if input_fn is not None:
        module.register_forward_pre_hook(lambda m, inputs: input_fn(m, inputs, mesh))
    if output_fn is not None:
        module.register_forward_hook(lambda m, inputs, outputs: output_fn(m, outputs, mesh))
    return module


__all__ = ["DTensor", "distribute_module", "distribute_tensor"]
