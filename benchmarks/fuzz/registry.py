"""What there is to call: every function of the registry and every method of Tensor, with its forms."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import flambeau
from flambeau.dispatch.registry import NAMESPACES
from flambeau.ops import families

from .arguments import REQUIRED

NOT_DRAWN = {
    "manual_seed seed initial_seed get_rng_state set_rng_state": "change the generator or show it",
    "from_dlpack from_numpy frombuffer to_dlpack": "exchange memory with other libraries",
    "empty empty_like empty_permuted empty_strided new new_empty new_empty_strided": "no values",
    "resize_ resize_as_ set_": "values that were not written, or no tensor's own memory",
    "backward register_hook register_post_accumulate_grad_hook retain_grad requires_grad_ "
    "as_subclass": "autograd",
    "cpu cuda xpu ipu mtia get_device pin_memory is_pinned is_shared data_ptr const_data_ptr storage storage_type "
    "untyped_storage is_set_to": "devices and memory",
    "triplet_margin_with_distance_loss": "takes a function",
}
"""Names that are not drawn, with the reason."""


class Entry(NamedTuple):
    """One function or method of the public interface.

    Attributes:
        path: Where it is, from the package on: "add", "nn.functional.gelu", "Tensor.unfold".
        parameters: Its arguments by name, with defaults.
        family: The module that defines it, for the table of figures.
        forms: How else it can be called: "method", "inplace", "out".
    """

    path: str
    parameters: dict[str, Any]
    family: str
    forms: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def parameters(function: Callable) -> dict[str, Any]:
    """The arguments with their defaults; a formula's are those of its definition."""
    found = inspect.signature(function).parameters
    operation = getattr(function, "operation", None)
    if any(p.kind is p.VAR_KEYWORD for p in found.values()) and operation is not None:
        every = [*operation.operands, *operation.defaults]
        made = {operation.public[n]: operation.defaults.get(n, REQUIRED) for n in every}
        for n in operation.optional:
            made[operation.public[n]] = None
        return made
    kinds = (inspect.Parameter.VAR_KEYWORD,)
    return {
        ("*" if p.kind is p.VAR_POSITIONAL else "") + name: p.default
        for name, p in found.items()
        if p.kind not in kinds
    }


def family(function: Callable) -> str:
    operation = getattr(function, "operation", None)
    definition = getattr(operation, "formula", None) or getattr(operation, "function", None)
    found = definition or inspect.unwrap(function)
    module = getattr(found, "__module__", "") or ""
    if module.count(".") < 2:  # where users find it: it was written in another place
        module = getattr(found, "__globals__", {}).get("__name__") or module
    return ".".join(module.removeprefix("flambeau.").removeprefix("ops.").split(".")[:2])


def _code(function: Callable) -> Any:
    return getattr(inspect.unwrap(function), "__code__", function)


def forms(name: str, function: Callable, given: dict[str, Any]) -> tuple[str, ...]:
    found = ["out"] if "out" in given else []
    method = getattr(flambeau.Tensor, name, None)
    if method is not None and _code(method) is _code(function):
        found.append("method")
    if (
        hasattr(flambeau.Tensor, f"{name}_") and name != "normal"
    ):  # whose in-place form takes numbers
        found.append("inplace")
    return tuple(found)


def entries() -> dict[str, Entry]:
    """Everything that is drawn, by path."""
    families.load_all()
    left_out = {name for names in NOT_DRAWN for name in names.split()}
    found: dict[str, Entry] = {}
    seen: set[int] = set()
    for space, functions in NAMESPACES.items():
        prefix = "" if space == "torch" else f"{space}."
        for name, function in sorted(functions.items()):
            if name in left_out or id(function) in seen:
                continue
            seen.add(id(function))
            given = parameters(function)
            found[prefix + name] = Entry(
                prefix + name, given, family(function), forms(name, function, given)
            )
    public = {name for functions in NAMESPACES.values() for name in functions}
    covered = public | {f"{name}_" for name in public}
    for name in sorted(vars(flambeau.Tensor)):
        method = getattr(flambeau.Tensor, name, None)
        if name.startswith("_") or name in left_out | covered or not inspect.isfunction(method):
            continue
        if id(method) not in seen:
            found[f"Tensor.{name}"] = Entry(
                f"Tensor.{name}", parameters(method), family(method), ()
            )
    return found
