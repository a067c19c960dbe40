"""Nested arguments and results: their leaves, and the same nesting with other leaves (`core.pytree`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..core.pytree.node import DICTS, NODES, node_type
from ..core.pytree.tree import tree_leaves, tree_map, tree_structure


def leaves(tree: Any) -> list[Any]:
    """What stands at the ends, in order."""
    return tree_leaves(tree)


def rebuild(tree: Any, new: Iterable[Any]) -> Any:
    """The same nesting with these leaves."""
    return tree_structure(tree).unflatten(new)


def same_structure(a: Any, b: Any) -> bool:
    """Are they nested alike?"""
    if isinstance(a, dict):
        if type(a) is not type(b) or a.keys() != b.keys():
            return False
        return all(same_structure(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same_structure, a, b))
    return not isinstance(b, (tuple, list, dict))


def mapped(function: Callable, tree: Any) -> Any:
    """The same nesting with the function of each leaf."""
    return tree_map(function, tree)


def spread(prefix: Any, tree: Any, error: Callable[[], Exception]) -> list[Any]:
    """For each leaf of `tree` the leaf of `prefix` above it: a prefix may stop early.

    Raises:
        Exception: `error()`, if the prefix does not fit.
    """
    children = _children(prefix)
    if children is None:
        return [prefix] * len(leaves(tree))
    parts = _children(tree)
    if parts is None or children.keys() != parts.keys():
        raise error()
    return [item for key in parts for item in spread(children[key], parts[key], error)]


def _children(tree: Any) -> dict[Any, Any] | None:
    """A node's children by their keys; tuples and lists are alike. None for a leaf."""
    node = NODES.get(node_type(tree))
    if node is None:
        return None
    if node.type in DICTS:
        return dict(tree)
    return dict(enumerate(node.flatten_fn(tree)[0]))
