"""DistributedDataParallel: a module in each process of a group, with gradients that are the mean over all.

Source: torch.nn.parallel.DistributedDataParallel
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..autograd.mode import mode
from ..core.tensor import Tensor
from ..nn.module import Module
from .algorithms.join import Join, Joinable, JoinHook
from .collective import broadcast_together, start
from .process_group import ProcessGroup, world
from .reducer import Reducer

MEGABYTE = 1024 * 1024


class DistributedDataParallel(Module, Joinable):
    """A module in each process of a group: all begin with the parameters of rank 0, each works on its own part of a batch,
    and `backward` leaves in every process the mean of all gradients, as if one had worked on the whole batch.

    Args:
        module: What runs.
        device_ids, output_device: On one device, None or a list of one.
        dim: Not used.
        broadcast_buffers: Before each forward, give all processes the buffers of rank 0.
        init_sync: Give all the parameters and buffers of rank 0 now.
        process_group: Whose processes; None for all.
        bucket_cap_mb: Megabytes of gradients that travel together (25).
        find_unused_parameters: Look, before each backward, which parameters the result does not depend on.
        gradient_as_bucket_view: Let gradients share the memory in which they travel.
        static_graph: The same parameters take part in every step.
        device_mesh: Of one dimension, instead of a group.

    Attributes:
        module: The module.
        require_backward_grad_sync: Will the next backward add up gradients? (See `no_sync`.)

    Raises:
        ValueError: There is no group, or both a group and a mesh are given.
        RuntimeError: No parameter has gradients, or processes have different parameters.
        NotImplementedError: An argument asks for what is not there.

    Source: torch.nn.parallel.DistributedDataParallel

    Example:
        >>> import flambeau as torch
        >>> from flambeau import distributed as dist
        >>> dist.init_process_group(store=dist.HashStore(), rank=0, world_size=1)
        >>> model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))
        >>> model(torch.ones(3, 2)).sum().backward()
        >>> model.module.bias.grad
        tensor([3.])
        >>> dist.destroy_process_group()
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool | None = None,
        init_sync: bool = True,
        process_group: Any = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None,
        mixed_precision: Any = None,
        device_mesh: Any = None,
        **options: Any,
    ) -> None:
        super().__init__()
        Joinable.__init__(self)
        for name, value in {
            "delay_all_reduce_named_params": delay_all_reduce_named_params,
            "param_to_hook_all_reduce": param_to_hook_all_reduce,
            "mixed_precision": mixed_precision,
            **options,
        }.items():
            if value:
                raise NotImplementedError(
                    f"DistributedDataParallel: {name} is not there; leave it out"
                )
        if device_mesh is not None:
            if process_group is not None:
                raise RuntimeError("pass process_group or device_mesh, not both")
            process_group = device_mesh.get_group(0)
        named = _trained(module)
        if not named:
            raise RuntimeError(
                "the module has no parameter that requires a gradient: DistributedDataParallel has nothing to do"
            )
        if device_ids is not None and len(device_ids) > 1:
            raise ValueError("device_ids: None, or a list of one device")
        self.process_group: ProcessGroup = world() if process_group is None else process_group
        self.module = module
        self.device_ids = None if device_ids is None else list(device_ids)
        self.output_device, self.dim, self.device_mesh = output_device, dim, device_mesh
        self.device = named[0][1].device
        self.device_type = self.device.type
        self.broadcast_buffers = broadcast_buffers is not False
        self.find_unused_parameters, self.static_graph = find_unused_parameters, static_graph
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.bucket_bytes_cap = int((25 if bucket_cap_mb is None else bucket_cap_mb) * MEGABYTE)
        self.require_backward_grad_sync = self.require_forward_param_sync = True
        ignored = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        self.parameters_to_ignore = ignored
        self._check_same(named)
        if init_sync:
            self._broadcast([*module.parameters(), *module.buffers()])
        self.reducer = Reducer(
            named,
            self.process_group,
            self.bucket_bytes_cap,
            gradient_as_bucket_view,
            find_unused_parameters,
            static_graph,
        )

    def _check_same(self, named: list[tuple[str, Tensor]]) -> None:
        """Raises RuntimeError if processes have different parameters."""
        told = tuple((name, tuple(p.shape), str(p.dtype)) for name, p in named)
        start(
            self.process_group, "DistributedDataParallel", False, told, [], lambda transport: None
        )

    def _broadcast(self, tensors: list[Tensor], root: int = 0) -> None:
        """Give all processes the tensors of one, those of one dtype together."""
        broadcast_together(tensors, root, self.process_group)

    # ------------------------------------------------------------------------- running

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """The module's result."""
        syncs = self.require_backward_grad_sync and mode.recording is not False
        if syncs:
            self.reducer.check_finished()
        work = Join.notify_join_context(self)
        if work is not None:
            self.reducer.divisor = self._divisor()
        if self._syncs_buffers():
            self._broadcast(self._buffers_to_sync(), self._authority())
        result = self.module(*inputs, **kwargs)
        if syncs:
            self.require_forward_param_sync = True
            self.reducer.prepare(list(_tensors(result)) if self.find_unused_parameters else None)
        else:
            self.require_forward_param_sync = False
            self.reducer.expects = False
        return result

    def _buffers_to_sync(self) -> list[Tensor]:
        return [
            b for name, b in self.module.named_buffers() if name not in self.parameters_to_ignore
        ]

    def _syncs_buffers(self) -> bool:
        wanted = (
            self.broadcast_buffers
            and self.require_forward_param_sync
            and self.process_group.size() > 1
        )
        return wanted and any(True for _ in self.module.buffers())

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """Inside, gradients add up in each process alone; the first backward outside adds up what has come together.

        Source: torch.nn.parallel.DistributedDataParallel.no_sync
        """
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def train(self, mode: bool = True) -> DistributedDataParallel:
        super().train(mode)
        return self

    def register_comm_hook(self, state: Any, hook: Callable) -> None:
        """Let a function do the adding up: ``hook(state, bucket)`` gives a future of the bucket's gradients, and divides
        them itself.

        Raises:
            TypeError: It cannot be called.
            RuntimeError: There is one already.

        Source: torch.nn.parallel.DistributedDataParallel.register_comm_hook
        """
        if not callable(hook):
            raise TypeError("a communication hook is a function")
        if self.reducer.hook is not None:
            raise RuntimeError("there is a communication hook already")
        self.reducer.hook = (hook, state)

    def _set_static_graph(self) -> None:
        """Say later that the same parameters take part in every step."""
        self.static_graph = self.reducer.static = True

    @staticmethod
    def _set_params_and_buffers_to_ignore_for_model(
        module: Module, params_and_buffers_to_ignore: Any
    ) -> None:
        """Leave some parameters and buffers, by name, to each process."""
        module._ddp_params_and_buffers_to_ignore = params_and_buffers_to_ignore  # type: ignore[attr-defined]

    # ------------------------------------------------------------------------- uneven inputs

    def join(
        self,
        divide_by_initial_world_size: bool = True,
        enable: bool = True,
        throw_on_early_termination: bool = False,
    ) -> Join:
        """A context in which processes may have different numbers of batches: those that have ended take part in the steps
        of the others with gradients of zero.

        Args:
            divide_by_initial_world_size: Divide sums by the number of all processes, not of those that still work.
            enable: False for nothing of it.
            throw_on_early_termination: Raise in all processes as soon as one has ended.

        Source: torch.nn.parallel.DistributedDataParallel.join
        """
        return Join(
            [self],
            enable,
            throw_on_early_termination,
            divide_by_initial_world_size=divide_by_initial_world_size,
        )

    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What a process that has ended does for the others."""
        self._divides_by_all = kwargs.get("divide_by_initial_world_size", True)
        return _Shadow(self)

    @property
    def join_device(self) -> Any:
        """Where it runs."""
        return self.device

    @property
    def join_process_group(self) -> ProcessGroup:
        """Whose processes."""
        return self.process_group

    def _divisor(self) -> int:
        config = self._join_config
        if self._divides_by_all or not config.enable:
            return self.process_group.size()
        return max(1, config.active)

    def _authority(self) -> int:
        """Whose buffers count: rank 0's, unless it has ended."""
        config = self._join_config
        return config.first if config.enable else 0

    _divides_by_all = True


class _Shadow(JoinHook):
    def __init__(self, ddp: DistributedDataParallel) -> None:
        self.ddp = ddp

    def main_hook(self) -> None:
        ddp = self.ddp
        if ddp._syncs_buffers():
            ddp._broadcast(ddp._buffers_to_sync(), ddp._authority())
        if ddp.require_backward_grad_sync:
            ddp.reducer.shadow()

    def post_hook(self, is_last_joiner: bool) -> None:
        """The model of one that ended last is everybody's."""
        ddp = self.ddp
        last = np.array([ddp.process_group.rank() if is_last_joiner else -1], np.int64)
        from .kinds import ReduceOp

        start(
            ddp.process_group,
            "last",
            False,
            (),
            [],
            lambda transport: transport.reduce(last, ReduceOp(ReduceOp.MAX), None),
        )
        ddp._broadcast([*ddp.module.parameters(), *ddp.module.buffers()], int(last[0]))


def _trained(module: Module) -> list[tuple[str, Tensor]]:
    """The parameters that have gradients, each once."""
    ignored = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
    return [
        (name, p)
        for name, p in module.named_parameters()
        if p.requires_grad and name not in ignored
    ]


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in nested containers and data classes."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from _tensors(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _tensors(getattr(value, name))
