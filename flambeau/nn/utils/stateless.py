"""A module with other values in place of its parameters and buffers, for a call.

Source: torch.nn.utils.stateless
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..._caller import warn
from ...core.tensor import Tensor


def _places(module: Any) -> dict[str, tuple[dict, str]]:
    """Where each parameter and buffer is kept, by its full name; tied ones under each of theirs."""
    found = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for store in (part._parameters, part._buffers):
            for key in store:
                found[f"{prefix}.{key}" if prefix else key] = store, key
    return found


def _check(module: Any, places: dict, given: dict, strict: bool) -> None:
    if not strict:
        return
    unexpected = sorted(name for name in given if name not in places)
    missing = sorted(
        name
        for name in places
        if name not in given and places[name][0][places[name][1]] is not None
    )
    if unexpected or missing:
        lines = [f"Error(s) in reparametrizing for {type(module).__name__}:"]
        if unexpected:
            lines.append("Unexpected key(s): " + ", ".join(map(repr, unexpected)) + ".")
        if missing:
            lines.append("Missing key(s): " + ", ".join(map(repr, missing)) + ".")
        raise RuntimeError("\n\t".join(lines))


def _tied(places: dict, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The given values under all names that share a parameter."""
    by_tensor: dict[int, list[str]] = {}
    for name, (store, key) in places.items():
        if store[key] is not None:
            by_tensor.setdefault(id(store[key]), []).append(name)
    whole = dict(given)
    for names in by_tensor.values():
        values = [given[name] for name in names if name in given]
        if not values:
            continue
        if any(value is not values[0] for value in values):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider "
                "using tie_weights=False"
            )
        whole.update(dict.fromkeys(names, values[0]))
    return whole


@contextmanager
def _reparametrize_module(
    module: Any,
    parameters_and_buffers: dict[str, Tensor],
    tie_weights: bool = False,
    strict: bool = False,
) -> Iterator[None]:
    """Inside, a module has these values in place of its parameters and buffers; what it has put in their
    place meanwhile is in the dict afterwards."""
    given, places = parameters_and_buffers, _places(module)
    _check(module, places, given, strict)
    values = _tied(places, given) if tie_weights else given
    kept = [(*places[name], places[name][0][places[name][1]]) for name in values if name in places]
    try:
        for name, value in values.items():
            if name in places:
                store, key = places[name]
                store[key] = value
        yield
    finally:
        for name in given.keys() & places.keys():
            store, key = places[name]
            if key in store and store[key] is not given[name]:
                given[name] = store[key]  # a module may replace a buffer
        for store, key, value in kept:
            store[key] = value


def _untie_named_tensors_map(
    module: Any, parameters_and_buffers: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Values under all names of the module that share a parameter.

    Raises:
        ValueError: A shared one is given several.
    """
    return _tied(_places(module), parameters_and_buffers)


def _functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The call of a module with these values."""
    given = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights, strict):
        return module(*given, **(kwargs or {}))


def functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The older name of `torch.func.functional_call`, which says more.

    Source: torch.nn.utils.stateless.functional_call
    """
    warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future "
        "version of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )


__all__ = ["functional_call"]
