"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.tensor import Tensor
from ..nn.utils.stateless import _reparametrize_module
from ..ops.join.cat import stack


def _merged(dicts: Any) -> dict[str, Tensor]:
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, (tuple, list)):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts)}"
        )
    names = [name for part in dicts for name in part]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous"
        )
    return {name: value for part in dicts for name, value in part.items()}


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with these values in place of its parameters and buffers.

    Args:
        module: The module; it is as before afterwards.
        parameter_and_buffer_dicts: Values by name, in one dict or several.
        args: The call's arguments: a tuple, or the only one.
        kwargs: Named ones.
        tie_weights: A value for one of several names of a shared parameter counts for all.
        strict: Raise an error if a name is missing, or unknown.

    Raises:
        RuntimeError: Under `strict`, names are missing or unknown.
        ValueError: A name appears twice.

    Source: torch.func.functional_call

    Example:
        >>> import flambeau as torch
        >>> weights = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
        >>> torch.func.functional_call(torch.nn.Linear(2, 1), weights, torch.tensor([1., 2.]))
        tensor([3.])
    """
    given = _merged(parameter_and_buffer_dicts)
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, given, tie_weights, strict):
        return module(*positional, **(kwargs or {}))


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters, and the buffers, of modules of one class, stacked for `vmap`.

    Raises:
        RuntimeError: There are none, or their classes or modes differ.

    Source: torch.func.stack_module_state
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = _stacked([dict(m.named_parameters()) for m in models], True)
    return parameters, _stacked([dict(m.named_buffers()) for m in models], False)


def _stacked(states: list[dict[str, Tensor]], parameters: bool) -> dict[str, Tensor]:
    stacked = {}
    for name in states[0]:
        column = [state[name] for state in states]
        whole = stack([x.detach() for x in column])
        stacked[name] = whole.requires_grad_(column[0].requires_grad) if parameters else whole
    return stacked


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Make batch norms use the statistics of each batch, in place: `vmap` cannot update averages that all share.

    Args:
        root: A module; its own batch norms and all below it change.

    Source: torch.func.replace_all_batch_norm_modules_

    Example:
        >>> import flambeau as torch
        >>> model = torch.func.replace_all_batch_norm_modules_(torch.nn.BatchNorm1d(2))
        >>> torch.vmap(model)(torch.ones(3, 4, 2)).shape
        torch.Size([3, 4, 2])
    """
    for module in root.modules():
        if any(cls.__name__ == "_BatchNorm" for cls in type(module).__mro__):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
