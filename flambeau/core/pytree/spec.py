"""The structure of a tree, apart from its leaves."""

from __future__ import annotations

from collections import defaultdict, namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .node import DICTS, NODES, node_type

Test = Callable[[Any], bool] | None


class TreeSpec:
    """The nesting of a tree: each node's class, context and children.

    Args:
        type: The node's class, or None for a leaf.
        context: What the node is made of besides its children.
        children_specs: The children's structures.

    Source: torch.utils._pytree.TreeSpec

    Example:
        >>> from flambeau.utils import _pytree
        >>> spec = _pytree.tree_structure({"a": 1, "b": 2})
        >>> spec
        TreeSpec(dict, ['a', 'b'], [*,
          *])
        >>> spec.unflatten([3, 4])
        {'a': 3, 'b': 4}
    """

    __slots__ = ("_children", "_context", "num_children", "num_leaves", "num_nodes", "type")
    num_nodes: int
    num_leaves: int

    def __init__(self, type: Any, context: Any, children_specs: Iterable[TreeSpec]) -> None:
        self.type, self._context = type, context
        children = self._children = list(children_specs)
        self.num_children = len(children)
        nodes, leaves = 1, int(type is None)
        for child in children:
            nodes += child.num_nodes
            leaves += child.num_leaves
        self.num_nodes, self.num_leaves = nodes, leaves

    @property
    def context(self) -> Any:
        """What the node is made of besides its children."""
        return self._context

    @property
    def children_specs(self) -> list[TreeSpec]:
        """The children's structures; `children()` is the newer spelling."""
        return self._children

    def is_leaf(self) -> bool:
        """Is it the structure of a single leaf?"""
        return self.type is None

    def children(self) -> list[TreeSpec]:
        """The children's structures, as a new list."""
        return self._children.copy()

    def child(self, index: int) -> TreeSpec:
        """One child's structure."""
        return self._children[index]

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (
            self.type is other.type
            and self.num_nodes == other.num_nodes
            and bool(self._context == other._context)
            and self._children == other._children
        )

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves, tuple(self._children)))  # contexts may be lists

    def __repr__(self) -> str:
        return self._written(0)

    def _written(self, indent: int) -> str:
        if self.type is None:
            return "*"
        indent += 2
        between = ",\n" + " " * indent
        children = between.join(child._written(indent) for child in self._children)
        return f"TreeSpec({self.type.__name__}, {self._context}, [{children}])"

    def __reduce__(self) -> tuple:
        return TreeSpec, (self.type, self._context, self._children)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree of this structure with these leaves.

        Raises:
            ValueError: They are more or fewer.
        """
        given = leaves if isinstance(leaves, (list, tuple)) else list(leaves)
        if len(given) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(given)} but the spec refers to "
                f"a pytree that holds {self.num_leaves} items ({self})."
            )
        return self._made(iter(given))

    def _made(self, leaves: Iterator[Any]) -> Any:
        if self.type is None:
            return next(leaves)
        children = [child._made(leaves) for child in self._children]
        return NODES[self.type].unflatten_fn(children, self._context)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """What stands in `tree` where this structure has its leaves.

        Raises:
            ValueError: `tree` is not nested like this.
        """
        found: list[Any] = []
        self._collect(tree, found)
        return found

    def _collect(self, tree: Any, found: list[Any]) -> None:
        if self.type is None:
            found.append(tree)
            return
        for child, part in zip(self._children, self._parts(tree)):
            child._collect(part, found)

    def _parts(self, tree: Any) -> list[Any]:
        """The children of a node that must be like this one, in this one's order."""
        kind = node_type(tree)
        if self.type in DICTS and kind in DICTS:
            return self._values(tree)
        if kind is not self.type:
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {kind!r}.")
        parts, context = NODES[kind].flatten_fn(tree)
        if len(parts) != self.num_children:
            raise ValueError(
                f"Node arity mismatch; expected {self.num_children}, but got {len(parts)}."
            )
        if context != self._context:
            raise ValueError(
                f"Node context mismatch for custom node type {self.type!r}."
                if kind is not namedtuple
                else f"Node type mismatch; expected {self._context!r}, but got {context!r}."
            )
        return parts

    def _values(self, tree: Mapping[Any, Any]) -> list[Any]:
        own = self._context[1] if self.type is defaultdict else self._context
        if len(tree) != len(own):
            raise ValueError(f"Node arity mismatch; expected {len(own)}, but got {len(tree)}.")
        missing, extra = set(own) - set(tree), set(tree) - set(own)
        if missing or extra:
            said = f"; missing key(s): {missing}" * bool(missing)
            said += f"; extra key(s): {extra}" * bool(extra)
            raise ValueError(f"Node keys mismatch{said}.")
        return [tree[key] for key in own]


LEAF = TreeSpec(None, None, [])


class _LeafSpecs(type):
    """`LeafSpec()` gives the structure of a leaf, and ``isinstance(spec, LeafSpec)`` asks for it."""

    def __call__(cls) -> Any:
        return LEAF

    def __instancecheck__(cls, spec: object) -> bool:
        return isinstance(spec, TreeSpec) and spec.is_leaf()


class LeafSpec(TreeSpec, metaclass=_LeafSpecs):
    """The structure of a single leaf.

    Source: torch.utils._pytree.LeafSpec
    """

    __slots__ = ()


def is_leaf(tree: Any, is_leaf: Test = None) -> bool:
    """Is it a leaf: no node, or one that the caller's test takes for a leaf?

    Source: torch.utils._pytree.tree_is_leaf
    """
    return (is_leaf is not None and is_leaf(tree)) or node_type(tree) not in NODES


def flatten(tree: Any, test: Test, leaves: list[Any]) -> TreeSpec:
    """Append the leaves to a list; gives the structure."""
    if test is not None and test(tree):
        leaves.append(tree)
        return LEAF
    kind = node_type(tree)
    node = NODES.get(kind)
    if node is None:
        leaves.append(tree)
        return LEAF
    children, context = node.flatten_fn(tree)
    return TreeSpec(kind, context, [flatten(child, test, leaves) for child in children])


def gather(tree: Any, test: Test, leaves: list[Any]) -> None:
    """Append the leaves to a list, and nothing else."""
    node = None if test is not None and test(tree) else NODES.get(node_type(tree))
    if node is None:
        leaves.append(tree)
        return
    for child in node.flatten_fn(tree)[0]:
        gather(child, test, leaves)


def flatten_with_path(
    tree: Any, test: Test, path: tuple[Any, ...], found: list[tuple[tuple[Any, ...], Any]]
) -> TreeSpec:
    """Append the leaves, each with its path, to a list; gives the structure.

    Raises:
        ValueError: A class was registered without `flatten_with_keys_fn`.
    """
    kind = node_type(tree)
    node = NODES.get(kind)
    if node is None or (test is not None and test(tree)):
        found.append((path, tree))
        return LEAF
    if node.flatten_with_keys_fn is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {kind}. Please pass a "
            "flatten_with_keys_fn argument to register_pytree_node."
        )
    children, context = node.flatten_with_keys_fn(tree)
    return TreeSpec(
        kind,
        context,
        [flatten_with_path(child, test, (*path, key), found) for key, child in children],
    )
