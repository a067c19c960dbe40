"""Plans: how the parameters, inputs and outputs of layers lie.

Source: Shoeybi et al., Megatron-LM (2019); Korthikanti et al., Reducing Activation Recomputation in Large Transformer Models
(2022), for sequences; torch.distributed.tensor.parallel.style
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

from ...._caller import warn
from ....core.tensor import Tensor
from ....nn.embedding import Embedding
from ....nn.linear import Linear
from ....nn.parameter import Parameter
from ...device_mesh import DeviceMesh
from ..dtensor import DTensor, distribute_module, distribute_tensor
from ..placement_types import Placement, Replicate, Shard


class ParallelStyle(ABC):
    """How a module is shared out.

    Source: torch.distributed.tensor.parallel.ParallelStyle
    """

    src_data_rank: int | None = 0

    @abstractmethod
    def _apply(self, module: Any, device_mesh: DeviceMesh) -> Any:
        """Share out a module."""


def _laid(x: Any, mesh: DeviceMesh, given: Placement | None, wanted: Placement | None) -> Any:
    """A tensor, which lies as `given` if it is plain, as `wanted`."""
    if given is None or not isinstance(x, Tensor):
        return x
    if not isinstance(x, DTensor):
        x = DTensor.from_local(x, mesh, [given])
    return x if wanted is None or x.placements == (wanted,) else x.redistribute(placements=[wanted])


def _out(x: Any, wanted: Placement | None, as_local: bool) -> Any:
    if not isinstance(x, DTensor):
        return x
    if wanted is not None and x.placements != (_from_0(wanted, x.ndim),):
        x = x.redistribute(placements=[wanted])
    return x.to_local() if as_local else x


def _from_0(p: Placement, ndim: int) -> Placement:
    return Shard(p.dim % ndim) if isinstance(p, Shard) else p


class _Layer(ParallelStyle):
    """A layer with a weight that is cut."""

    input: Placement
    desired: Placement
    output: Placement
    use_local_output: bool

    def _cuts(self, module: Any) -> dict[str, Placement]:
        """How each parameter lies.

        Raises:
            NotImplementedError: It is no layer that can be cut so.
        """
        raise NotImplementedError

    def _apply(self, module: Any, device_mesh: DeviceMesh) -> Any:
        cuts = self._cuts(module)

        def partition(name: str, layer: Any, mesh: DeviceMesh) -> None:
            for key, p in list(layer._parameters.items()):
                if p is not None:
                    made = distribute_tensor(
                        p, mesh, [cuts.get(key, Replicate())], src_data_rank=self.src_data_rank
                    )
                    layer.register_parameter(key, Parameter(made, p.requires_grad))

        return distribute_module(
            module, device_mesh, partition,
            lambda m, inputs, mesh: (_laid(inputs[0], mesh, self.input, self.desired), *inputs[1:]),
            lambda m, outputs, mesh: _out(outputs, self.output, self.use_local_output),
        )  # fmt: skip


class ColwiseParallel(_Layer):
    """Linear with its outputs shared out, or Embedding with its columns.

    Args:
        input_layouts: How a plain input lies (`Replicate`).
        output_layouts: How the result is to lie (cut along the last dimension).
        use_local_output: Give plain parts.

    Source: torch.distributed.tensor.parallel.ColwiseParallel
    """

    def __init__(
        self,
        *,
        input_layouts: Placement | None = None,
        output_layouts: Placement | None = None,
        use_local_output: bool = True,
    ) -> None:
        self.input, self.desired = input_layouts or Replicate(), Replicate()
        self.output, self.use_local_output = output_layouts or Shard(-1), use_local_output

    def _cuts(self, module: Any) -> dict[str, Placement]:
        if isinstance(module, Linear):
            return {"weight": Shard(0), "bias": Shard(0)}
        if isinstance(module, Embedding):
            return {"weight": Shard(1)}
        raise NotImplementedError("ColwiseParallel is for nn.Linear and nn.Embedding")


class RowwiseParallel(_Layer):
    """Linear with its inputs shared out, or Embedding with its rows.

    Args:
        input_layouts: How a plain input lies (cut along the last dimension).
        output_layouts: How the result is to lie (`Replicate`).
        use_local_output: Give plain parts.

    Source: torch.distributed.tensor.parallel.RowwiseParallel
    """

    def __init__(
        self,
        *,
        input_layouts: Placement | None = None,
        output_layouts: Placement | None = None,
        use_local_output: bool = True,
    ) -> None:
        self.given = input_layouts
        self.output, self.use_local_output = output_layouts or Replicate(), use_local_output

    def _cuts(self, module: Any) -> dict[str, Placement]:
        if isinstance(module, Linear):
            self.input, self.desired = self.given or Shard(-1), Shard(-1)
            return {"weight": Shard(1), "bias": Replicate()}
        if isinstance(module, Embedding):
            self.input, self.desired = self.given or Replicate(), Replicate()
            return {"weight": Shard(0)}
        raise NotImplementedError("RowwiseParallel is for nn.Linear and nn.Embedding")


class SequenceParallel(ParallelStyle):
    """A layer norm or dropout of which each process has a part of the sequence.

    Args:
        sequence_dim: The dimension that is cut.
        use_local_output: Give plain parts.

    Source: torch.distributed.tensor.parallel.SequenceParallel
    """

    def __init__(self, *, sequence_dim: int = 1, use_local_output: bool = False) -> None:
        self.lay, self.use_local_output = Shard(sequence_dim), use_local_output

    def _apply(self, module: Any, device_mesh: DeviceMesh) -> Any:
        return distribute_module(
            module, device_mesh, None,
            lambda m, inputs, mesh: (_laid(inputs[0], mesh, self.lay, self.lay), *inputs[1:]),
            lambda m, outputs, mesh: _out(outputs, None, self.use_local_output),
        )  # fmt: skip


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


class PrepareModuleInput(ParallelStyle):
    """Let the inputs of a module lie otherwise before it runs.

    Args:
        input_layouts: How plain inputs lie; None for those that are left.
        desired_input_layouts: How they are to lie.
        input_kwarg_layouts, desired_input_kwarg_layouts: The same by name.
        use_local_output: Give plain parts.

    Source: torch.distributed.tensor.parallel.PrepareModuleInput
    """

    def __init__(
        self,
        *,
        input_layouts: Any = None,
        desired_input_layouts: Any = None,
        input_kwarg_layouts: Mapping[str, Placement] | None = None,
        desired_input_kwarg_layouts: Mapping[str, Placement] | None = None,
        use_local_output: bool = False,
    ) -> None:
        self.given = () if input_layouts is None else _as_tuple(input_layouts)
        self.wanted = () if desired_input_layouts is None else _as_tuple(desired_input_layouts)
        if len(self.given) != len(self.wanted):
            raise AssertionError("input_layouts and desired_input_layouts are of one length")
        self.named, self.named_wanted = (
            dict(input_kwarg_layouts or {}),
            dict(desired_input_kwarg_layouts or {}),
        )
        self.use_local_output = use_local_output

    def _apply(self, module: Any, device_mesh: DeviceMesh) -> Any:
        def change(m: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
            if self.given and len(args) < len(self.given):
                raise ValueError("the module got fewer inputs than input_layouts has")
            lays = [*zip(self.given, self.wanted), *[(None, None)] * (len(args) - len(self.given))]
            made = [self._made(x, device_mesh, g, w) for x, (g, w) in zip(args, lays)]
            named = {
                k: self._made(v, device_mesh, self.named.get(k), self.named_wanted.get(k))
                for k, v in kwargs.items()
            }
            return tuple(made), named

        module.register_forward_pre_hook(change, with_kwargs=True)
        return module

    def _made(
        self, x: Any, mesh: DeviceMesh, given: Placement | None, wanted: Placement | None
    ) -> Any:
        made = _laid(x, mesh, given, wanted)
        return made.to_local() if self.use_local_output and isinstance(made, DTensor) else made


class PrepareModuleOutput(ParallelStyle):
    """Let the results of a module lie otherwise.

    Args:
        output_layouts: How plain results lie; None for those that are left.
        desired_output_layouts: How they are to lie.
        use_local_output: Give plain parts.

    Source: torch.distributed.tensor.parallel.PrepareModuleOutput
    """

    def __init__(
        self, *, output_layouts: Any, desired_output_layouts: Any, use_local_output: bool = True
    ) -> None:
        self.given, self.wanted = _as_tuple(output_layouts), _as_tuple(desired_output_layouts)
        if len(self.given) != len(self.wanted):
            raise AssertionError("output_layouts and desired_output_layouts are of one length")
        self.use_local_output = use_local_output

    def _apply(self, module: Any, device_mesh: DeviceMesh) -> Any:
        def change(m: Any, inputs: Any, outputs: Any) -> Any:
            several = isinstance(outputs, (list, tuple))
            made = []
            for x, given, wanted in zip(_as_tuple(outputs), self.given, self.wanted, strict=True):
                y = _laid(x, device_mesh, given, wanted)
                made.append(y.to_local() if self.use_local_output and isinstance(y, DTensor) else y)
            return tuple(made) if several else made[0]

        module.register_forward_hook(change)
        return module


class PrepareModuleInputOutput(ParallelStyle):
    """`PrepareModuleInput` and `PrepareModuleOutput` in one.

    Source: torch.distributed.tensor.parallel.PrepareModuleInputOutput
    """

    def __init__(
        self,
        *,
        input_layouts: Any = None,
        desired_input_layouts: Any = None,
        input_kwarg_layouts: Any = None,
        desired_input_kwarg_layouts: Any = None,
        use_local_input: bool = False,
        output_layouts: Any,
        desired_output_layouts: Any,
        use_local_output: bool = True,
    ) -> None:
        self.before = PrepareModuleInput(
            input_layouts=input_layouts, desired_input_layouts=desired_input_layouts,
            input_kwarg_layouts=input_kwarg_layouts, desired_input_kwarg_layouts=desired_input_kwarg_layouts,
            use_local_output=use_local_input,
        )  # fmt: skip
        self.after = PrepareModuleOutput(
            output_layouts=output_layouts,
            desired_output_layouts=desired_output_layouts,
            use_local_output=use_local_output,
        )

    def _apply(self, module: Any, device_mesh: DeviceMesh) -> Any:
        return self.after._apply(self.before._apply(module, device_mesh), device_mesh)


def parallelize_module(
    module: Any,
    device_mesh: DeviceMesh | None = None,
    parallelize_plan: ParallelStyle | Mapping[str, ParallelStyle] | None = None,
    *,
    src_data_rank: int | None = 0,
) -> Any:
    """Share out a module by a plan: a style, or styles by the names of its parts ("layers.*.attention.q").

    Raises:
        ValueError: The mesh has several dimensions: name one of them.

    Source: torch.distributed.tensor.parallel.parallelize_module
    """
    from ..dtensor import _mesh

    mesh = _mesh(device_mesh)
    if mesh.ndim > 1:
        raise ValueError(
            f"parallelize_module takes a mesh of one dimension, got {mesh}: mesh['name'] is a part of it"
        )
    if parallelize_plan is None:
        warn("parallelize_module was given no parallelize_plan, and leaves the module as it is")
        return module
    if isinstance(parallelize_plan, ParallelStyle):
        parallelize_plan.src_data_rank = src_data_rank
        return parallelize_plan._apply(module, mesh)
    for path, style in parallelize_plan.items():
        found = _matching(module, path.split(".") if path else [])
        if not found:
            warn(f"Parallelize plan key '{path}' fits no part of the module")
        for part in found:
            parallelize_module(part, mesh, style, src_data_rank=src_data_rank)
    return module


def _matching(module: Any, path: Sequence[str]) -> list[Any]:
    if not path:
        return [module]
    return [
        m
        for name, child in module.named_children()
        if fnmatch(name, path[0])
        for m in _matching(child, path[1:])
    ]
