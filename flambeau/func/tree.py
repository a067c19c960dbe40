"""Nested tuples, lists and dicts: their leaves, and the same nesting with other leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """What stands at the ends, in order."""
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves(part)]
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in leaves(tree[key])]
    return [tree]


def rebuild(tree: Any, new: Iterable[Any]) -> Any:
    """The same nesting with these leaves."""
    stream = iter(new)

    def walk(part: Any) -> Any:
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return type(part)(*[walk(p) for p in part])
        if isinstance(part, (tuple, list)):
            return type(part)([walk(p) for p in part])
        if isinstance(part, dict):
            return type(part)((key, walk(value)) for key, value in part.items())
        return next(stream)

    return walk(tree)


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
    return rebuild(tree, [function(leaf) for leaf in leaves(tree)])


def spread(prefix: Any, tree: Any, error: Callable[[], Exception]) -> list[Any]:
    """For each leaf of `tree` the leaf of `prefix` above it: a prefix may stop early.

    Raises:
        Exception: `error()`, if the prefix does not fit.
    """
    if isinstance(prefix, (tuple, list)) and isinstance(tree, (tuple, list)):
        if len(prefix) != len(tree):
            raise error()
        return [item for p, t in zip(prefix, tree) for item in spread(p, t, error)]
    if isinstance(prefix, dict) and isinstance(tree, dict):
        if prefix.keys() != tree.keys():
            raise error()
        return [item for key in tree for item in spread(prefix[key], tree[key], error)]
    if isinstance(prefix, (tuple, list, dict)):
        raise error()
    return [prefix] * len(leaves(tree))
