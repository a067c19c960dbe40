"""The state of models and optimisers by the names of parameters, the same however they are shared out.

Source: torch.distributed.checkpoint.state_dict
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.tensor import Tensor
from ..data_parallel import DistributedDataParallel
from ..fsdp.wrapped import FullyShardedDataParallel
from ..process_group import get_rank, is_initialized
from ..tensor.dtensor import DTensor, _local, distribute_tensor


@dataclass
class StateDictOptions:
    """What state is wanted.

    Args:
        full_state_dict: Whole tensors, not each process' parts.
        cpu_offload: In the CPU's memory; with whole tensors, in rank 0 alone.
        ignore_frozen_params: Without parameters that have no gradients.
        strict: Must names fit exactly?
        broadcast_from_rank0: When a state is set, that of rank 0 counts.
        flatten_optimizer_state_dict: The optimiser's state as one level of names.
        keep_submodule_prefixes: Not there otherwise.

    Source: torch.distributed.checkpoint.state_dict.StateDictOptions
    """

    full_state_dict: bool = False
    cpu_offload: bool = False
    ignore_frozen_params: bool = False
    keep_submodule_prefixes: bool = True
    strict: bool = True
    broadcast_from_rank0: bool = False
    flatten_optimizer_state_dict: bool = False


def _inner(model: Any) -> Any:
    while isinstance(model, (DistributedDataParallel, FullyShardedDataParallel)):
        model = model.module
    return model


def _wanted(x: Any, options: StateDictOptions) -> Any:
    if not isinstance(x, Tensor):
        return x
    if options.full_state_dict and isinstance(x, DTensor):
        x = x.full_tensor()
    return x.cpu() if options.cpu_offload and not isinstance(x, DTensor) else x  # type: ignore[attr-defined]


def _elsewhere(options: StateDictOptions) -> bool:
    """Is the whole state in another process alone?"""
    return options.full_state_dict and options.cpu_offload and is_initialized() and get_rank() != 0


def get_model_state_dict(
    model: Any, *, submodules: Any = None, options: StateDictOptions | None = None
) -> dict[str, Any]:
    """A model's state.

    Source: torch.distributed.checkpoint.state_dict.get_model_state_dict
    """
    options = options or StateDictOptions()
    inner = _inner(model)
    frozen = (
        {n for n, p in inner.named_parameters() if not p.requires_grad}
        if options.ignore_frozen_params
        else set()
    )
    made = {
        key: _wanted(value, options)
        for key, value in inner.state_dict().items()
        if key not in frozen
    }
    return {} if _elsewhere(options) else made


def set_model_state_dict(
    model: Any, model_state_dict: dict[str, Any], *, options: StateDictOptions | None = None
) -> Any:
    """Take over a model's state, of whole tensors or of parts.

    Source: torch.distributed.checkpoint.state_dict.set_model_state_dict
    """
    options = options or StateDictOptions()
    inner = _inner(model)
    now, laid = inner.state_dict(), {}
    if options.broadcast_from_rank0:
        model_state_dict = _from_rank0(model_state_dict)
    for key, value in model_state_dict.items():
        target = now.get(key)
        if (
            isinstance(target, DTensor)
            and isinstance(value, Tensor)
            and not isinstance(value, DTensor)
        ):
            value = distribute_tensor(
                value, target.device_mesh, target.placements, src_data_rank=None
            )
        laid[key] = value
    return inner.load_state_dict(laid, strict=options.strict)


def _from_rank0(state: Any) -> Any:
    from ..objects import broadcast_object_list

    box = [state if get_rank() == 0 else None]
    broadcast_object_list(box, 0)
    return box[0]


def _names(model: Any, optimizer: Any) -> dict[int, str]:
    known = {id(p): name for name, p in _inner(model).named_parameters()}
    missing = [p for g in optimizer.param_groups for p in g["params"] if id(p) not in known]
    if missing:
        raise RuntimeError("the optimizer has parameters that are not the model's")
    return known


def get_optimizer_state_dict(
    model: Any, optimizers: Any, *, submodules: Any = None, options: StateDictOptions | None = None
) -> dict[str, Any]:
    """The state of optimisers by the names of a model's parameters.

    Source: torch.distributed.checkpoint.state_dict.get_optimizer_state_dict
    """
    options = options or StateDictOptions()
    state: dict[str, Any] = {}
    groups = []
    for optimizer in optimizers if isinstance(optimizers, (list, tuple)) else [optimizers]:
        names = _names(model, optimizer)
        for p, values in optimizer.state.items():
            state[names[id(p)]] = {k: _wanted(_as_param(v, p), options) for k, v in values.items()}
        for g in optimizer.param_groups:
            groups.append({**g, "params": [names[id(p)] for p in g["params"]]})
    if _elsewhere(options):
        return {}
    if options.flatten_optimizer_state_dict:
        flat = {f"state.{name}.{k}": v for name, values in state.items() for k, v in values.items()}
        for g in groups:
            for name in g["params"]:
                flat |= {f"param_groups.{name}.{k}": v for k, v in g.items() if k != "params"}
        return flat
    return {"state": state, "param_groups": groups}


def _as_param(value: Any, p: Any) -> Any:
    """The state of a part lies as the part does."""
    if (
        isinstance(p, DTensor)
        and isinstance(value, Tensor)
        and not isinstance(value, DTensor)
        and value.shape == _local(p).shape
    ):
        return DTensor._made(value, p.device_mesh, p.placements, p.shape)
    return value


def set_optimizer_state_dict(
    model: Any,
    optimizers: Any,
    optim_state_dict: dict[str, Any],
    *,
    options: StateDictOptions | None = None,
) -> None:
    """Take over the state of optimisers.

    Source: torch.distributed.checkpoint.state_dict.set_optimizer_state_dict
    """
    options = options or StateDictOptions()
    if options.broadcast_from_rank0:
        optim_state_dict = _from_rank0(optim_state_dict)
    for optimizer in optimizers if isinstance(optimizers, (list, tuple)) else [optimizers]:
        names = _names(model, optimizer)
        given = _nested(optim_state_dict, optimizer, names)
        order = [p for g in optimizer.param_groups for p in g["params"]]
        by_first = {g["params"][0]: g for g in given["param_groups"] if g["params"]}
        state = {
            i: _laid(given["state"][names[id(p)]], p)
            for i, p in enumerate(order)
            if names[id(p)] in given["state"]
        }
        groups, at = [], 0
        for g in optimizer.param_groups:
            found = by_first.get(names[id(g["params"][0])], {})
            count = len(g["params"])
            rest = {k: v for k, v in {**g, **found}.items() if k != "params"}
            groups.append({**rest, "params": list(range(at, at + count))})
            at += count
        optimizer.load_state_dict({"state": state, "param_groups": groups})


def _laid(values: Mapping[str, Any], p: Any) -> dict[str, Any]:
    """The state of a parameter, in this process' part."""
    made = {}
    for k, v in values.items():
        if isinstance(p, DTensor) and isinstance(v, Tensor):
            if isinstance(v, DTensor):
                v = _local(v.redistribute(placements=p.placements))
            elif v.ndim and tuple(v.shape) == tuple(p.shape):
                v = _local(distribute_tensor(v, p.device_mesh, p.placements, src_data_rank=None))
        made[k] = v
    return made


def _nested(state: dict[str, Any], optimizer: Any, names: dict[int, str]) -> dict[str, Any]:
    """A state of one level of names as one of two."""
    if "state" in state and "param_groups" in state:
        return state
    values: dict[str, dict[str, Any]] = {}
    groups = []
    for g in optimizer.param_groups:
        fqns = [names[id(p)] for p in g["params"]]
        for name in fqns:
            start = f"state.{name}."
            found = {k[len(start) :]: v for k, v in state.items() if k.startswith(start)}
            if found:
                values[name] = found
        start = f"param_groups.{fqns[0]}."
        groups.append(
            {
                "params": fqns,
                **{k[len(start) :]: v for k, v in state.items() if k.startswith(start)},
            }
        )
    return {"state": values, "param_groups": groups}


def get_state_dict(
    model: Any, optimizers: Any, *, submodules: Any = None, options: StateDictOptions | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The state of a model, and of its optimisers.

    Source: torch.distributed.checkpoint.state_dict.get_state_dict
    """
    return get_model_state_dict(model, options=options), get_optimizer_state_dict(
        model, optimizers, options=options
    )


def set_state_dict(
    model: Any,
    optimizers: Any,
    *,
    model_state_dict: dict[str, Any],
    optim_state_dict: dict[str, Any],
    options: StateDictOptions | None = None,
) -> Any:
    """Take over the state of a model and of its optimisers.

    Source: torch.distributed.checkpoint.state_dict.set_state_dict
    """
    set_optimizer_state_dict(model, optimizers, optim_state_dict, options=options)
    return set_model_state_dict(model, model_state_dict, options=options)
