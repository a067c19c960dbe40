"""Taking nestings apart as a nesting seen earlier says.

Source: torch.fx._pytree
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.pytree.node import NODES as REGISTERED

__all__ = ["register_pytree_flatten_spec", "tree_flatten_spec"]

FlattenFuncSpec = Callable[[Any, Any], list[Any]]
SUPPORTED_NODES: dict[type, FlattenFuncSpec] = {}
SUPPORTED_NODES_EXACT_MATCH: dict[type, Callable[[Any, Any], bool] | None] = {}


def register_pytree_flatten_spec(
    cls: type,
    flatten_fn_spec: FlattenFuncSpec,
    flatten_fn_exact_match_spec: Callable[[Any, Any], bool] | None = None,
) -> None:
    """Say how objects of a class are taken apart.

    Args:
        cls: The class.
        flatten_fn_spec: Of an object and a spec, its parts in the order of the spec's.
        flatten_fn_exact_match_spec: Of an object and a spec, has it just the spec's parts?
    """
    SUPPORTED_NODES[cls] = flatten_fn_spec
    SUPPORTED_NODES_EXACT_MATCH[cls] = flatten_fn_exact_match_spec


def tree_flatten_spec(pytree: Any, spec: Any) -> list[Any]:
    """The leaves of a nesting, at the places that `spec` has leaves.

    Args:
        pytree: The nesting.
        spec: A TreeSpec of `torch.utils._pytree`.

    Raises:
        RuntimeError: A class that nobody registered.
    """
    if spec.is_leaf():
        return [pytree]
    flatten = SUPPORTED_NODES.get(spec.type)
    known = REGISTERED.get(spec.type)
    if flatten is not None:
        children = flatten(pytree, spec)
    elif known is not None:
        children = known.flatten_fn(pytree)[0]
    else:
        raise RuntimeError(
            f"{type(pytree)} does not have a flatten_fn_spec registered with it: say how its parts "
            "are found with torch.utils._pytree.register_pytree_node"
        )
    leaves: list[Any] = []
    for child, child_spec in zip(children, spec.children_specs):
        leaves += tree_flatten_spec(child, child_spec)
    return leaves


def _sequence(items: Any, spec: Any) -> list[Any]:
    return [items[i] for i in range(len(spec.children_specs))]


def _mapping(items: dict, spec: Any) -> list[Any]:
    return [items[key] for key in spec.context]


for _class in (tuple, list):
    register_pytree_flatten_spec(_class, _sequence)
register_pytree_flatten_spec(dict, _mapping)
