"""Functions of trees: flatten, map, ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import UnionType
from typing import Any

from .node import NODES, node_type
from .spec import LEAF, Test, TreeSpec, flatten, flatten_with_path, gather

Kinds = type | tuple[type, ...] | UnionType | Callable[[Any], bool]


def tree_flatten(tree: Any, is_leaf: Test = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree, in order, and its structure.

    Args:
        tree: Nested tuples, lists, dicts and what else is registered; anything else is a leaf, None too.
        is_leaf: A test for nodes that are to be taken for leaves.

    Source: torch.utils._pytree.tree_flatten

    Example:
        >>> from flambeau.utils import _pytree
        >>> leaves, spec = _pytree.tree_flatten([1, (2, {"a": 3})])
        >>> leaves, spec.num_leaves
        ([1, 2, 3], 3)
    """
    leaves: list[Any] = []
    return leaves, flatten(tree, is_leaf, leaves)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of a structure with these leaves.

    Raises:
        TypeError: `treespec` is no structure.
        ValueError: They are more or fewer than the structure has.

    Source: torch.utils._pytree.tree_unflatten
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_iter(tree: Any, is_leaf: Test = None) -> Iterator[Any]:
    """The leaves, one after the other.

    Source: torch.utils._pytree.tree_iter
    """
    node = NODES.get(node_type(tree))
    if node is None or (is_leaf is not None and is_leaf(tree)):
        yield tree
        return
    for child in node.flatten_fn(tree)[0]:
        yield from tree_iter(child, is_leaf)


def tree_leaves(tree: Any, is_leaf: Test = None) -> list[Any]:
    """The leaves, in order.

    Source: torch.utils._pytree.tree_leaves
    """
    leaves: list[Any] = []
    gather(tree, is_leaf, leaves)
    return leaves


def tree_structure(tree: Any, is_leaf: Test = None) -> TreeSpec:
    """The structure.

    Source: torch.utils._pytree.tree_structure
    """
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Test = None) -> Any:
    """The same tree with a function of each leaf.

    Args:
        func: A function of a leaf, and of what stands in its place in each of `rests`.
        tree: The tree.
        rests: Trees nested like it, or deeper.
        is_leaf: A test for nodes that are to be taken for leaves.

    Raises:
        ValueError: A tree of `rests` is nested otherwise.

    Source: torch.utils._pytree.tree_map

    Example:
        >>> from flambeau.utils import _pytree
        >>> _pytree.tree_map(lambda x, y: x + y, {"a": 1, "b": (2,)}, {"a": 10, "b": (20,)})
        {'a': 11, 'b': (22,)}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(list(map(func, leaves, *[spec.flatten_up_to(rest) for rest in rests])))


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Test = None) -> Any:
    """Call a function with each leaf, as `tree_map` does; gives the tree itself.

    Source: torch.utils._pytree.tree_map_
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    for given in zip(leaves, *[spec.flatten_up_to(rest) for rest in rests]):
        func(*given)
    return tree


def _test(kinds: Kinds) -> Callable[[Any], bool]:
    if isinstance(kinds, (type, tuple, UnionType)):
        return lambda leaf: isinstance(leaf, kinds)
    if callable(kinds):
        return kinds
    raise TypeError("Argument must be a type, a tuple of types, or a callable.")


def map_only(type_or_types_or_pred: Kinds, /) -> Callable[[Callable], Callable]:
    """A decorator: leaves of other types than these stay as they are.

    Source: torch.utils._pytree.map_only
    """
    test = _test(type_or_types_or_pred)
    return lambda func: lambda leaf: func(leaf) if test(leaf) else leaf


def tree_map_only(
    type_or_types_or_pred: Kinds, /, func: Callable[[Any], Any], tree: Any, is_leaf: Test = None
) -> Any:
    """The same tree with a function of each leaf of these types, or that passes this test.

    Source: torch.utils._pytree.tree_map_only

    Example:
        >>> from flambeau.utils import _pytree
        >>> _pytree.tree_map_only(int, lambda n: n + 1, [1, "a", 2.5])
        [2, 'a', 2.5]
    """
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: Kinds, /, func: Callable[[Any], Any], tree: Any, is_leaf: Test = None
) -> Any:
    """Call a function with each leaf of these types; gives the tree itself.

    Source: torch.utils._pytree.tree_map_only_
    """
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Test = None) -> bool:
    """Do all leaves pass?

    Source: torch.utils._pytree.tree_all
    """
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Test = None) -> bool:
    """Does a leaf pass?

    Source: torch.utils._pytree.tree_any
    """
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(
    type_or_types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: Test = None
) -> bool:
    """Do all leaves of these types pass?

    Source: torch.utils._pytree.tree_all_only
    """
    return all(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def tree_any_only(
    type_or_types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: Test = None
) -> bool:
    """Does a leaf of these types pass?

    Source: torch.utils._pytree.tree_any_only
    """
    return any(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def arg_tree_leaves(*args: Any, **kwargs: Any) -> list[Any]:
    """The leaves of a call's arguments.

    Source: torch.utils._pytree.arg_tree_leaves
    """
    return [leaf for part in (*args, *kwargs.values()) for leaf in tree_iter(part)]


def tree_flatten_with_path(
    tree: Any, is_leaf: Test = None
) -> tuple[list[tuple[tuple[Any, ...], Any]], TreeSpec]:
    """The leaves, each with the path to it, and the structure.

    Raises:
        ValueError: A class was registered without `flatten_with_keys_fn`.

    Source: torch.utils._pytree.tree_flatten_with_path

    Example:
        >>> from flambeau.utils import _pytree
        >>> pairs, _ = _pytree.tree_flatten_with_path({"a": [1, 2]})
        >>> [(_pytree.keystr(path), leaf) for path, leaf in pairs]
        [("['a'][0]", 1), ("['a'][1]", 2)]
    """
    found: list[tuple[tuple[Any, ...], Any]] = []
    return found, flatten_with_path(tree, is_leaf, (), found)


def tree_leaves_with_path(tree: Any, is_leaf: Test = None) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves, each with the path to it.

    Source: torch.utils._pytree.tree_leaves_with_path
    """
    return tree_flatten_with_path(tree, is_leaf)[0]


def tree_map_with_path(
    func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Test = None
) -> Any:
    """`tree_map` with a function that is given the path to the leaf first.

    Source: torch.utils._pytree.tree_map_with_path
    """
    found, spec = tree_flatten_with_path(tree, is_leaf)
    columns = [spec.flatten_up_to(rest) for rest in rests]
    return spec.unflatten([func(*pair, *rest) for pair, *rest in zip(found, *columns)])


def broadcast_to_and_flatten(
    tree: Any, treespec: TreeSpec, is_leaf: Test = None
) -> list[Any] | None:
    """For each leaf of a structure the leaf of `tree` above it, which may stop early; None if it does not fit.

    Source: torch.utils._pytree._broadcast_to_and_flatten
    """
    kind = node_type(tree)
    node = NODES.get(kind)
    if node is None or (is_leaf is not None and is_leaf(tree)):
        return [tree] * treespec.num_leaves
    if kind is not treespec.type:
        return None
    children, context = node.flatten_fn(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    found: list[Any] = []
    for child, spec in zip(children, treespec.children()):
        part = broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        found += part
    return found


# -------------------------------------------------------------------------- structures without trees


def treespec_leaf() -> TreeSpec:
    """The structure of a leaf.

    Source: torch.utils._pytree.treespec_leaf
    """
    return LEAF


def treespec_tuple(iterable: Iterable[TreeSpec] = (), /) -> TreeSpec:
    """The structure of a tuple of these.

    Source: torch.utils._pytree.treespec_tuple
    """
    return TreeSpec(tuple, None, iterable)


def treespec_dict(
    mapping: Mapping[Any, TreeSpec] | Iterable[tuple[Any, TreeSpec]] = (), /, **kwargs: TreeSpec
) -> TreeSpec:
    """The structure of a dict of these.

    Source: torch.utils._pytree.treespec_dict
    """
    children = dict(mapping, **kwargs)
    return TreeSpec(dict, list(children), children.values())


class _Star:
    def __repr__(self) -> str:
        return "*"


def treespec_pprint(treespec: TreeSpec) -> str:
    """A structure as the tree that it is of, with stars for leaves.

    Source: torch.utils._pytree.treespec_pprint
    """
    return repr(treespec.unflatten([_Star()] * treespec.num_leaves))
