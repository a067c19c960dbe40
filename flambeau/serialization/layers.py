"""Layers of flambeau.nn, by the names under which PyTorch pickles them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from ..nn.file import file_of


@cache
def layer_classes() -> dict[str, type]:
    """Every layer by its name in files."""
    from .. import nn
    from ..nn.multihead_attention import (
        NonDynamicallyQuantizableLinear,  # public nowhere, but a part of one
    )

    found = (getattr(nn, name) for name in dir(nn))
    classes = [item for item in found if isinstance(item, type) and issubclass(item, nn.Module)]
    return {
        f"{file_of(cls)} {cls.__name__}": cls for cls in (*classes, NonDynamicallyQuantizableLinear)
    }


@cache
def functions() -> dict[str, Any]:
    """Every function of nn.functional by its name in files: layers hold some as attributes."""
    from ..nn import functional

    found = {name: getattr(functional, name) for name in dir(functional)}
    return {
        f"{module} {name}": item
        for module in ("torch._C._nn", "torch.nn.functional")
        for name, item in found.items()
        if callable(item) and not isinstance(item, type) and not name.startswith("_")
    }


VARIABLE_FUNCTIONS = "torch._C _VariableFunctionsClass"
"""The class that PyTorch's files take functions of the package itself from, with `getattr`."""


_OPENING = ("from_file",)
"""Operations that open files."""


def torch_function(name: str) -> Any:
    """The operation that the package itself has under a name, or None."""
    from ..dispatch.registry import NAMESPACES

    package = import_module(__package__.partition(".")[0])
    found = None if name.startswith("_") or name in _OPENING else getattr(package, name, None)
    return found if found is not None and NAMESPACES["torch"].get(name) is found else None


@cache
def names_of_objects() -> dict[int, str]:
    """The name of each class and function, by its id; they live as long as the program."""
    return {id(item): text for text, item in (functions() | layer_classes()).items()}


def state_in_files(module: Any, state: Any) -> Any:
    """A module's saved attributes, and those that PyTorch's class of its name computes when it is made
    and asks for when it is called."""
    from .. import nn

    if not isinstance(state, dict) or file_of(type(module)) is None:
        return state
    if isinstance(module, nn.RNNBase) and {"_all_weights", "_parameters"} <= state.keys():
        names = [name for part in state["_all_weights"] for name in part]
        weights = [state["_parameters"].get(name, state.get(name)) for name in names]
        return state | {"_flat_weights_names": names, "_flat_weights": weights}
    if {"padding", "padding_mode", "dilation", "kernel_size"} <= state.keys():
        return state | {"_reversed_padding_repeated_twice": _padding_of_sides(module)}
    return state


def _padding_of_sides(module: Any) -> list[int]:
    """What a convolution adds before and after each dimension, from the last dimension to the first."""
    if not isinstance(module.padding, str):
        return [n for n in reversed(module.padding) for _ in range(2)]
    if module.padding == "valid":
        return [0] * (2 * len(module.kernel_size))
    totals = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size)]
    return [side for n in reversed(totals) for side in (n // 2, n - n // 2)]
