"""ZeroRedundancyOptimizer: each process keeps the optimiser's state of its part of the parameters.

Source: Rajbhandari et al., ZeRO: Memory Optimizations Toward Training Trillion Parameter Models (SC 2020);
torch.distributed.optim.ZeroRedundancyOptimizer
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...optim.optimizer import Optimizer
from ..algorithms.join import Join, Joinable, JoinHook
from ..collective import broadcast_together
from ..objects import gather_object
from ..process_group import ProcessGroup, world


class ZeroRedundancyOptimizer(Optimizer, Joinable):
    """An optimiser that steps on this process' part of the parameters and then tells the others their new values.

    Parameters are shared out whole, the largest first, each to the process that has least so far.

    Args:
        params: As of every optimiser; in the same order in all processes.
        optimizer_class: What steps, such as `Adam`.
        process_group: Whose processes; None for all.
        parameters_as_bucket_view: Has no effect on results; not needed here.
        overlap_with_ddp: Not there.
        defaults: Options of `optimizer_class`.

    Raises:
        NotImplementedError: `overlap_with_ddp` is asked for.

    Source: torch.distributed.optim.ZeroRedundancyOptimizer

    Example:
        >>> import flambeau as torch
        >>> from flambeau import distributed as dist
        >>> dist.init_process_group(store=dist.HashStore(), rank=0, world_size=1)
        >>> model = torch.nn.Linear(2, 1)
        >>> optimizer = dist.optim.ZeroRedundancyOptimizer(model.parameters(), torch.optim.Adam, lr=0.01)
        >>> model(torch.ones(3, 2)).sum().backward()
        >>> optimizer.step()
        >>> dist.destroy_process_group()
    """

    def __init__(
        self,
        params: Any,
        optimizer_class: Callable[..., Optimizer],
        process_group: Any = None,
        parameters_as_bucket_view: bool = False,
        overlap_with_ddp: bool = False,
        **defaults: Any,
    ) -> None:
        if overlap_with_ddp:
            raise NotImplementedError(
                "ZeroRedundancyOptimizer: overlap_with_ddp is not there; leave it out"
            )
        Joinable.__init__(self)
        self.process_group: ProcessGroup = world() if process_group is None else process_group
        self._optimizer_class, self._defaults = optimizer_class, defaults
        self.initialized = False
        super().__init__(params, defaults)
        self.initialized = True
        self._build()

    @property
    def rank(self) -> int:
        """This process' rank in the group."""
        return self.process_group.rank()

    @property
    def world_size(self) -> int:
        """How many share the state."""
        return self.process_group.size()

    def _build(self) -> None:
        """Share out the parameters, and make the optimiser of this process' part."""
        self._owner = _shared_out(
            [p for g in self.param_groups for p in g["params"]], self.world_size
        )
        self._build_local()
        defaults = self.optim.defaults if self.optim is not None else self._template().defaults
        self.defaults = defaults
        for group in self.param_groups:
            for key, value in defaults.items():
                group.setdefault(key, value)
        self._all_states: list[Any] | None = None

    def _template(self) -> Optimizer:
        """An optimiser that shows the options, for a process that has no parameters."""
        first = self.param_groups[0]["params"][0]
        return self._optimizer_class([first.detach().clone()], **self._defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; what state there is stays where it is.

        Source: torch.distributed.optim.ZeroRedundancyOptimizer.add_param_group
        """
        super().add_param_group(param_group)
        if not self.initialized:
            return
        states = {} if self.optim is None else dict(self.optim.state)
        before = dict(self._owner)
        self._build()
        kept = {id(p): state for p, state in states.items()}
        if any(self._owner[key] != owner for key, owner in before.items()):
            self._owner |= before
            self._build_local()
        if self.optim is not None:
            for group in self.optim.param_groups:
                for p in group["params"]:
                    if id(p) in kept:
                        self.optim.state[p] = kept[id(p)]

    def _build_local(self) -> None:
        """Make the optimiser of this process' part; None where it has none."""
        groups, self._local_of = [], []
        for i, group in enumerate(self.param_groups):
            mine = [p for p in group["params"] if self._owner[id(p)] == self.rank]
            if mine:
                groups.append({**{k: v for k, v in group.items() if k != "params"}, "params": mine})
                self._local_of.append(i)
        self.optim = self._optimizer_class(groups, **self._defaults) if groups else None

    # ------------------------------------------------------------------------- steps

    def step(self, closure: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
        """Step on this process' parameters, and give all processes all new values.

        Source: torch.distributed.optim.ZeroRedundancyOptimizer.step
        """
        Join.notify_join_context(self)
        loss = None
        if closure is not None:
            from ...autograd.grad_mode import enable_grad

            with enable_grad():
                loss = closure()
        if self.optim is not None:
            self._copy_options(self.param_groups, self.optim.param_groups)
            self.optim.step(**kwargs)
        self._share_values()
        return loss

    def _copy_options(self, source: list[dict[str, Any]], target: list[dict[str, Any]]) -> None:
        for local, i in zip(target, self._local_of):
            for key, value in source[i].items():
                if key != "params":
                    local[key] = value

    def _share_values(self) -> None:
        """Everybody sends the values of its parameters, those of one dtype together."""
        if self.world_size == 1:
            return
        parts: dict[int, list[Any]] = {}
        for group in self.param_groups:
            for p in group["params"]:
                parts.setdefault(self._owner[id(p)], []).append(p)
        for owner, params in parts.items():
            broadcast_together(params, owner, self.process_group)

    # ------------------------------------------------------------------------- state

    def _number(self) -> dict[int, int]:
        params = [p for g in self.param_groups for p in g["params"]]
        return {id(p): i for i, p in enumerate(params)}

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Gather the state of all processes in one, whose `state_dict` then gives it.

        Source: torch.distributed.optim.ZeroRedundancyOptimizer.consolidate_state_dict
        """
        number = self._number()
        mine = (
            {}
            if self.optim is None
            else {number[id(p)]: dict(s) for p, s in self.optim.state.items()}
        )
        here = self.rank == to
        found: list[Any] | None = [None] * self.world_size if here else None
        gather_object(mine, found, group=self.process_group, group_dst=to)
        self._all_states = found

    def state_dict(self) -> dict[str, Any]:
        """The whole state, as of one optimiser; `consolidate_state_dict` comes before.

        Raises:
            RuntimeError: The state was not gathered here.

        Source: torch.distributed.optim.ZeroRedundancyOptimizer.state_dict
        """
        if self._all_states is None:
            raise RuntimeError(
                f"the state of the others is not here: all ranks call consolidate_state_dict(to={self.rank}) before "
                f"rank {self.rank} asks for it"
            )
        number, state = self._number(), {}
        for part in self._all_states:
            state.update(part)
        groups = [
            {
                **{k: v for k, v in g.items() if k != "params"},
                "params": [number[id(p)] for p in g["params"]],
            }
            for g in self.param_groups
        ]
        return {"state": dict(sorted(state.items())), "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a whole state; each process keeps its part.

        Source: torch.distributed.optim.ZeroRedundancyOptimizer.load_state_dict
        """
        number = self._number()
        for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update({k: v for k, v in saved.items() if k != "params"})
        if self.optim is None:
            return
        self._copy_options(self.param_groups, self.optim.param_groups)
        local = self.optim.state_dict()
        order = [number[id(p)] for g in self.optim.param_groups for p in g["params"]]
        states = state_dict["state"]
        local["state"] = {i: states[n] for i, n in enumerate(order) if n in states}
        self.optim.load_state_dict(local)

    # ------------------------------------------------------------------------- uneven inputs

    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What a process that has ended does: it steps with the others, on the gradients that they share."""
        return _Step(self)

    @property
    def join_device(self) -> Any:
        """Where the parameters are."""
        return self.param_groups[0]["params"][0].device

    @property
    def join_process_group(self) -> ProcessGroup:
        """Whose processes."""
        return self.process_group


class _Step(JoinHook):
    def __init__(self, optimizer: ZeroRedundancyOptimizer) -> None:
        self.optimizer = optimizer

    def main_hook(self) -> None:
        self.optimizer.step()


def _shared_out(params: list[Any], size: int) -> dict[int, int]:
    """Which process has which parameter: the largest first, to who has least."""
    loads, owner = [0] * size, {}
    for p in sorted(params, key=lambda p: p.numel(), reverse=True):
        rank = loads.index(min(loads))
        owner[id(p)] = rank
        loads[rank] += p.numel()
    return owner
