"""fully_shard: a module of which each process keeps a part of every parameter, gathered while it runs.

Source: torch.distributed.fsdp.fully_shard
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...autograd.mode import mode
from ...core.tensor import Tensor
from ...nn.module import Module
from ..device_mesh import DeviceMesh, init_device_mesh
from ..process_group import get_world_size
from .group import Group
from .policy import MixedPrecisionPolicy, OffloadPolicy

_KEPT = "_fsdp_group"


class UnshardHandle:
    """Parameters that are being gathered.

    Source: torch.distributed.fsdp.UnshardHandle
    """

    def wait(self) -> None:
        """Wait for them; they are there already."""


class FSDPModule:
    """What a module that `fully_shard` was applied to can do besides.

    Source: torch.distributed.fsdp.FSDPModule
    """

    def _groups(self, recurse: bool = True) -> Iterator[Group]:
        modules = self.modules() if recurse else [self]  # type: ignore[attr-defined]
        for module in modules:
            group = module.__dict__.get(_KEPT)
            if group is not None:
                yield group

    def unshard(self, async_op: bool = False) -> UnshardHandle | None:
        """Gather this module's parameters, without those of parts that were shared out by themselves."""
        for group in self._groups(False):
            group.unshard()
        return UnshardHandle() if async_op else None

    def reshard(self) -> None:
        """Let this module's whole parameters go."""
        for group in self._groups(False):
            group.reshard()

    def set_requires_gradient_sync(
        self, requires_gradient_sync: bool, *, recurse: bool = True
    ) -> None:
        """False: gradients add up in each process alone, whole, until it is True again."""
        for group in self._groups(recurse):
            group.syncs = requires_gradient_sync

    def set_requires_all_reduce(self, requires_all_reduce: bool, *, recurse: bool = True) -> None:
        """False: gradients are not added up over copies (of a mesh of two dimensions)."""
        for group in self._groups(recurse):
            group.reduces_copies = requires_all_reduce

    def set_reshard_after_forward(self, reshard_after_forward: bool, recurse: bool = True) -> None:
        """Let whole parameters go between forward and backward?"""
        for group in self._groups(recurse):
            group.reshards = reshard_after_forward

    def set_reshard_after_backward(
        self, reshard_after_backward: bool, *, recurse: bool = True
    ) -> None:
        """Let whole parameters go after backward?"""
        for group in self._groups(recurse):
            group.reshards_after_backward = reshard_after_backward

    def set_is_last_backward(self, is_last_backward: bool) -> None:
        """Gradients are finished at the end of each backward here, the last or not."""

    def set_gradient_divide_factor(self, factor: float) -> None:
        """Divide the sums of gradients by this, not by the number of processes."""
        for group in self._groups():
            group.divisor = factor

    set_reduce_scatter_divide_factor = set_gradient_divide_factor

    def set_modules_to_forward_prefetch(self, modules: Sequence[Any]) -> None:
        """Parameters are gathered when they are needed; on a CPU nothing is won by earlier."""

    set_modules_to_backward_prefetch = set_modules_to_forward_prefetch

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        """Convert the parts, as a module converts its parameters."""
        for group in self._groups(False):
            group.reshard()
        made = super()._apply(*args, **kwargs)  # type: ignore[misc]
        for group in self._groups(False):
            group.adopt()
        return made


def fully_shard(
    module: Any,
    *,
    mesh: DeviceMesh | None = None,
    reshard_after_forward: bool | int | None = None,
    shard_placement_fn: Callable | None = None,
    mp_policy: MixedPrecisionPolicy = MixedPrecisionPolicy(),  # noqa: B008
    offload_policy: OffloadPolicy = OffloadPolicy(),  # noqa: B008
    ignored_params: set[Any] | None = None,
    **options: Any,
) -> Any:
    """Let each process keep a part of every parameter of a module, with its gradient and the optimiser's state. The
    whole parameters are there while the module runs, forward and back. Apply it to a model's blocks first, then to
    the model; make the optimiser afterwards.

    Args:
        module: A module, or several that run one after the other.
        mesh: The processes; None for all. Of two dimensions, the first has copies.
        reshard_after_forward: Let the whole parameters go between forward and backward; None for all but the outermost.
        mp_policy: Other dtypes for computing and sending.
        offload_policy: Where parts are kept.
        ignored_params: Parameters that every process keeps whole.
        shard_placement_fn: Not there: parameters are cut along their first dimension.

    Returns:
        The module itself, whose class is now also `FSDPModule`, with parameters that are `DTensor`.

    Raises:
        NotImplementedError: Something is asked for that is not there.
        ValueError: The module has no forward of its own.

    Source: torch.distributed.fsdp.fully_shard

    Example:
        >>> import flambeau as torch
        >>> from flambeau import distributed as dist
        >>> from flambeau.distributed.fsdp import fully_shard
        >>> dist.init_process_group(store=dist.HashStore(), rank=0, world_size=1)
        >>> model = fully_shard(torch.nn.Linear(4, 2))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> model(torch.ones(3, 4)).sum().backward()
        >>> optimizer.step()
        >>> type(model.weight).__name__, type(model).__name__
        ('DTensor', 'FSDPLinear')
        >>> dist.destroy_process_group()
    """
    if shard_placement_fn is not None or any(v is not None for v in options.values()):
        raise NotImplementedError(
            "fully_shard: shard_placement_fn and dp_mesh_dims are not there; leave them out"
        )
    modules = list(module) if isinstance(module, (list, tuple)) else [module]
    for m in modules:
        if type(m).__name__ in ("ModuleList", "ModuleDict"):
            raise ValueError(
                f"fully_shard: {type(m).__name__} has no forward; apply it to the modules in it"
            )
    mesh = init_device_mesh("cpu", (get_world_size(),)) if mesh is None else mesh
    if mesh.ndim not in (1, 2):
        raise ValueError(f"fully_shard: a mesh of one or two dimensions, not {mesh}")
    found = _found(modules, ignored_params or set())
    group = Group(found, mesh, mp_policy, reshard_after_forward is not False)
    group.decided = reshard_after_forward is not None
    first = modules[0]
    for m in modules:
        _also(m, FSDPModule)
    first.__dict__[_KEPT] = group
    for inner in first.modules():
        if inner is not first and inner.__dict__.get(_KEPT) is not None:
            inner.__dict__[_KEPT].is_inner = True
    first.register_forward_pre_hook(
        lambda m, args, kwargs: _before(group, args, kwargs), prepend=True, with_kwargs=True
    )
    modules[-1].register_forward_hook(lambda m, args, result: _after(group, result))
    return module


def _found(
    modules: Sequence[Any], ignored: set[Any]
) -> list[tuple[list[tuple[Any, str]], str, Any]]:
    """The parameters of modules that nobody has shared out yet, with everybody who has them."""
    made: dict[int, tuple[list[tuple[Any, str]], str, Any]] = {}
    skip = {id(p) for p in ignored}
    for top in modules:
        inner = {
            id(m)
            for owner in top.modules()
            if owner is not top and owner.__dict__.get(_KEPT)
            for m in owner.modules()
        }
        for prefix, m in top.named_modules():
            if id(m) in inner:
                continue
            for key, p in m._parameters.items():
                if p is None or id(p) in skip or hasattr(p, "device_mesh"):
                    continue
                name = f"{prefix}.{key}" if prefix else key
                made.setdefault(id(p), ([], name, p))[0].append((m, key))
    return list(made.values())


def _also(module: Any, base: type) -> None:
    """Let a module's class be a subclass of another one too."""
    kind = type(module)
    if not issubclass(kind, base):
        module.__class__ = type(
            f"FSDP{kind.__name__}", (base, kind), {"__module__": kind.__module__, "__slots__": ()}
        )


def _cast(value: Any, dtype: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value  # type: ignore[attr-defined]
    if isinstance(value, (list, tuple)):
        items = [_cast(v, dtype) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {k: _cast(v, dtype) for k, v in value.items()}
    return value


def _before(group: Group, args: Any, kwargs: Any) -> Any:
    group.unshard()
    policy = group.policy
    if policy.cast_forward_inputs and policy.param_dtype is not None:
        return _cast(args, policy.param_dtype), _cast(kwargs, policy.param_dtype)
    return args, kwargs


def _after(group: Group, result: Any) -> Any:
    if group.policy.output_dtype is not None:
        result = _cast(result, group.policy.output_dtype)
    if mode.recording is not False:
        for x in _differentiable(result):
            x.register_hook(lambda g: group.before_backward())  # type: ignore[attr-defined]
    if group.reshards and (group.decided or group.is_inner):
        group.reshard()
    return result


def _differentiable(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        if value.requires_grad:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _differentiable(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _differentiable(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _differentiable(getattr(value, name))


def register_fsdp_forward_method(module: Module, method_name: str) -> None:
    """Let another method of a module gather its parameters too, as forward does.

    Source: torch.distributed.fsdp.register_fsdp_forward_method
    """
    group = module.__dict__.get(_KEPT)
    if group is None:
        return
    call = getattr(module, method_name)

    def method(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = _before(group, args, kwargs)
        return _after(group, call(*args, **kwargs))

    module.__dict__[method_name] = method
