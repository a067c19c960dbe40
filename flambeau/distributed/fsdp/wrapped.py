"""FullyShardedDataParallel: `fully_shard` by a module around the module, as programs of before have it.

Source: torch.distributed.fsdp.FullyShardedDataParallel
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ...core.tensor import Tensor
from ...nn.module import Module
from ..device_mesh import DeviceMesh
from ..process_group import get_rank, world
from ..tensor.dtensor import DTensor
from .fully_shard import _KEPT, fully_shard
from .policy import MixedPrecisionPolicy


class ShardingStrategy(enum.Enum):
    """What is shared out.

    Source: torch.distributed.fsdp.ShardingStrategy
    """

    FULL_SHARD = 1
    SHARD_GRAD_OP = 2
    NO_SHARD = 3
    HYBRID_SHARD = 4
    _HYBRID_SHARD_ZERO2 = 5


class BackwardPrefetch(enum.Enum):
    """When parameters are gathered for backward; on a CPU, when they are needed, whatever is asked for.

    Source: torch.distributed.fsdp.BackwardPrefetch
    """

    BACKWARD_PRE = 1
    BACKWARD_POST = 2


class StateDictType(enum.Enum):
    """What `state_dict` gives.

    Source: torch.distributed.fsdp.StateDictType
    """

    FULL_STATE_DICT = 1
    LOCAL_STATE_DICT = 2
    SHARDED_STATE_DICT = 3


@dataclass
class FullStateDictConfig:
    """Whole tensors; with `rank0_only` in rank 0 alone.

    Source: torch.distributed.fsdp.FullStateDictConfig
    """

    offload_to_cpu: bool = False
    rank0_only: bool = False


@dataclass
class ShardedStateDictConfig:
    """Each process' parts.

    Source: torch.distributed.fsdp.ShardedStateDictConfig
    """

    offload_to_cpu: bool = False


@dataclass
class LocalStateDictConfig:
    """Each process' parts.

    Source: torch.distributed.fsdp.LocalStateDictConfig
    """

    offload_to_cpu: bool = False


@dataclass
class FullOptimStateDictConfig:
    """The whole state of optimisers.

    Source: torch.distributed.fsdp.FullOptimStateDictConfig
    """

    offload_to_cpu: bool = True
    rank0_only: bool = False


@dataclass
class ShardedOptimStateDictConfig:
    """The state of optimisers of each process' parts.

    Source: torch.distributed.fsdp.ShardedOptimStateDictConfig
    """

    offload_to_cpu: bool = True


class OptimStateKeyType(enum.Enum):
    """How the state of optimisers names parameters.

    Source: torch.distributed.fsdp.OptimStateKeyType
    """

    PARAM_NAME = 1
    PARAM_ID = 2


@dataclass
class MixedPrecision:
    """The dtypes of what is computed and sent.

    Source: torch.distributed.fsdp.MixedPrecision
    """

    param_dtype: Any = None
    reduce_dtype: Any = None
    buffer_dtype: Any = None
    keep_low_precision_grads: bool = False
    cast_forward_inputs: bool = False
    cast_root_forward_inputs: bool = True


@dataclass
class CPUOffload:
    """Keep parameters in the CPU's memory, where they are.

    Source: torch.distributed.fsdp.CPUOffload
    """

    offload_params: bool = False


class FullyShardedDataParallel(Module):
    """A module of which each process keeps a part of every parameter (see `fully_shard`, of which this is the older form).

    Args:
        module: What runs.
        process_group: Whose processes; None for all.
        sharding_strategy: FULL_SHARD, or SHARD_GRAD_OP, which keeps whole parameters until backward has ended.
        auto_wrap_policy: Which parts are gathered by themselves: one of `fsdp.wrap`, or a set of classes.
        mixed_precision: Other dtypes for computing and sending.
        ignored_modules, ignored_states: What every process keeps whole.
        device_mesh: Instead of a group.
        sync_module_states: Begin with rank 0's values, which is always done.
        cpu_offload, backward_prefetch, forward_prefetch, limit_all_gathers, use_orig_params, device_id: As in PyTorch;
            on a CPU they make no difference.

    Raises:
        NotImplementedError: Another strategy is asked for.

    Source: torch.distributed.fsdp.FullyShardedDataParallel
    """

    def __init__(
        self,
        module: Module,
        process_group: Any = None,
        sharding_strategy: ShardingStrategy | None = None,
        cpu_offload: CPUOffload | None = None,
        auto_wrap_policy: Any = None,
        backward_prefetch: BackwardPrefetch | None = BackwardPrefetch.BACKWARD_PRE,
        mixed_precision: MixedPrecision | None = None,
        ignored_modules: Any = None,
        param_init_fn: Callable | None = None,
        device_id: Any = None,
        sync_module_states: bool = False,
        forward_prefetch: bool = False,
        limit_all_gathers: bool = True,
        use_orig_params: bool = False,
        ignored_states: Any = None,
        device_mesh: DeviceMesh | None = None,
    ) -> None:
        super().__init__()
        strategy = sharding_strategy or ShardingStrategy.FULL_SHARD
        if strategy not in (ShardingStrategy.FULL_SHARD, ShardingStrategy.SHARD_GRAD_OP):
            raise NotImplementedError(
                f"{strategy}: for copies use DistributedDataParallel, and for both fully_shard with a mesh of two dimensions"
            )
        mesh = device_mesh or DeviceMesh.from_group(
            world() if process_group is None else process_group, "cpu"
        )
        policy = _policy(mixed_precision)
        if param_init_fn is not None:
            for m in module.modules():
                if any(p.is_meta for p in m._parameters.values() if p is not None):
                    param_init_fn(m)
        ignored = {p for m in ignored_modules or () for p in m.parameters()}
        ignored |= {p for p in ignored_states or () if isinstance(p, Tensor)}
        options: dict[str, Any] = {
            "mesh": mesh,
            "reshard_after_forward": strategy is ShardingStrategy.FULL_SHARD,
            "mp_policy": policy,
            "ignored_params": ignored,
        }
        for part in _wrapped(module, auto_wrap_policy):
            fully_shard(part, **options)
        if module.__dict__.get(_KEPT) is None:
            fully_shard(module, **options)
        self._fsdp_wrapped_module = module
        self.sharding_strategy, self.process_group = strategy, mesh.get_group(mesh.ndim - 1)
        self._state_type, self._state_config = StateDictType.FULL_STATE_DICT, FullStateDictConfig()

    @property
    def module(self) -> Module:
        """The module."""
        return self._fsdp_wrapped_module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The module's result."""
        return self._fsdp_wrapped_module(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("_fsdp_wrapped_module"), name)

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """Inside, gradients add up in each process alone, whole.

        Source: torch.distributed.fsdp.FullyShardedDataParallel.no_sync
        """
        module: Any = self.module
        module.set_requires_gradient_sync(False)
        try:
            yield
        finally:
            module.set_requires_gradient_sync(True)

    def clip_grad_norm_(self, max_norm: float, norm_type: float = 2.0) -> Tensor:
        """Scale all gradients so that their joint norm, over all processes, is at most `max_norm`.

        Source: torch.distributed.fsdp.FullyShardedDataParallel.clip_grad_norm_
        """
        from ...nn.utils.clip_grad import clip_grad_norm_

        return clip_grad_norm_(self.parameters(), max_norm, norm_type)

    @staticmethod
    @contextlib.contextmanager
    def summon_full_params(
        module: Module,
        recurse: bool = True,
        writeback: bool = True,
        rank0_only: bool = False,
        offload_to_cpu: bool = False,
        with_grads: bool = False,
    ) -> Iterator[None]:
        """Inside, parameters are whole; what is written to them stays, as each process has it.

        Source: torch.distributed.fsdp.FullyShardedDataParallel.summon_full_params
        """
        if with_grads:
            raise NotImplementedError("summon_full_params: with_grads is not there; leave it out")
        groups = [m.__dict__[_KEPT] for m in module.modules() if m.__dict__.get(_KEPT) is not None]
        for group in groups:
            group.unshard()
        try:
            yield
        finally:
            for group in groups:
                if writeback:
                    group.write_back()
                group.reshard()

    @staticmethod
    @contextlib.contextmanager
    def state_dict_type(
        module: Any,
        state_dict_type: StateDictType,
        state_dict_config: Any = None,
        optim_state_dict_config: Any = None,
    ) -> Iterator[None]:
        """Inside, `state_dict` gives whole tensors, or each process' parts.

        Source: torch.distributed.fsdp.FullyShardedDataParallel.state_dict_type
        """
        found = [m for m in module.modules() if isinstance(m, FullyShardedDataParallel)]
        before = [(m._state_type, m._state_config) for m in found]
        for m in found:
            m._state_type, m._state_config = (
                state_dict_type,
                state_dict_config or FullStateDictConfig(),
            )
        try:
            yield
        finally:
            for m, (kind, config) in zip(found, before):
                m._state_type, m._state_config = kind, config

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The module's state by the names of the module itself."""
        state = self.module.state_dict(*args, **kwargs)
        if self._state_type is not StateDictType.FULL_STATE_DICT:
            return state
        whole = type(state)(
            (k, v.full_tensor() if isinstance(v, DTensor) else v) for k, v in state.items()
        )
        if getattr(self._state_config, "rank0_only", False) and get_rank() != 0:
            whole.clear()
        return whole

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Take over a state, of whole tensors or of parts."""
        from ..tensor.dtensor import distribute_tensor

        now = self.module.state_dict()
        laid = {}
        for key, value in state_dict.items():
            target = now.get(key)
            if isinstance(target, DTensor) and not isinstance(value, DTensor):
                value = distribute_tensor(
                    value, target.device_mesh, target.placements, src_data_rank=None
                )
            laid[key] = value
        return self.module.load_state_dict(laid, strict=strict, assign=assign)


def _policy(given: MixedPrecision | None) -> MixedPrecisionPolicy:
    if given is None:
        return MixedPrecisionPolicy()
    return MixedPrecisionPolicy(
        given.param_dtype,
        given.reduce_dtype,
        None,
        given.cast_forward_inputs or given.cast_root_forward_inputs,
    )


def _wrapped(module: Module, policy: Any) -> Iterator[Module]:
    """The parts that a policy gathers by themselves, inner ones first."""
    if policy is None:
        return
    if isinstance(policy, (set, frozenset)):
        classes = tuple(policy)
        parts = [m for m in module.modules() if m is not module and isinstance(m, classes)]
        yield from reversed(parts)
        return
    if hasattr(policy, "_matches"):
        yield from reversed([m for m in module.modules() if m is not module and policy._matches(m)])
        return
    yield from _by_function(module, policy)


def _by_function(module: Module, policy: Callable) -> Iterator[Module]:
    for child in module.children():
        count = sum(p.numel() for p in child.parameters())
        if policy(module=child, recurse=True, nonwrapped_numel=count):
            yield from _by_function(child, policy)
            left = sum(p.numel() for p in child.parameters() if not hasattr(p, "device_mesh"))
            if policy(module=child, recurse=False, nonwrapped_numel=left):
                yield child
