"""Which classes are nodes of trees, and how each is taken apart and put together.

Python's containers are here; programs add their own with `register_pytree_node`. A class is looked up
as it is: a subclass of dict that nobody registered is a leaf.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..._caller import warn
from ..result import NamedResult
from ..size import Size
from .key import GetAttrKey, MappingKey, SequenceKey


class NodeDef(NamedTuple):
    """How objects of one class are taken apart: into children, and what else putting them together takes."""

    type: Any
    flatten_fn: Callable[[Any], tuple[list[Any], Any]]
    unflatten_fn: Callable[[Iterable[Any], Any], Any]
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Any]] | None


class SerializedDef(NamedTuple):
    """How a node is written in JSON."""

    name: str
    to_dumpable: Callable[[Any], Any] | None
    from_dumpable: Callable[[Any], Any] | None


NODES: dict[Any, NodeDef] = {}
SERIALIZED: dict[Any, SerializedDef] = {}
BY_SERIALIZED_NAME: dict[str, Any] = {}
CONSTANTS: set[type] = set()


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[list[Any], Any]],
    unflatten_fn: Callable[[Iterable[Any], Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Any], Any] | None = None,
    from_dumpable_context: Callable[[Any], Any] | None = None,
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Make objects of a class nodes of trees.

    Args:
        cls: The class.
        flatten_fn: Gives an object's children, a list, and its context: what else it is made of.
        unflatten_fn: Makes an object of children and a context.
        serialized_type_name: What `treespec_dumps` calls the class.
        to_dumpable_context, from_dumpable_context: A context as what JSON can hold, and back.
        flatten_with_keys_fn: Gives pairs of a key and a child, and the context: what paths are made of.

    Raises:
        ValueError: The class is a node already, or only one of the two functions for JSON is given.

    Source: torch.utils._pytree.register_pytree_node

    Example:
        >>> from flambeau.utils import _pytree
        >>> class Pair:
        ...     def __init__(self, a, b):
        ...         self.a, self.b = a, b
        >>> _pytree.register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda c, _: Pair(*c))
        >>> _pytree.tree_leaves([Pair(1, 2), 3])
        [1, 2, 3]
    """
    if cls in NODES:
        raise ValueError(f"{cls!r} is already registered as pytree node.")
    enter(
        cls,
        NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn),
        serialized_type_name,
        to_dumpable_context,
        from_dumpable_context,
    )


def enter(
    cls: Any,
    node: NodeDef,
    name: str | None = None,
    to_dumpable: Callable[[Any], Any] | None = None,
    from_dumpable: Callable[[Any], Any] | None = None,
) -> None:
    """Put a node into the tables, in place of another of its class.

    Raises:
        ValueError: `to_dumpable` without `from_dumpable`, or the other way round.
    """
    if (to_dumpable is None) != (from_dumpable is None):
        raise ValueError(
            f"Both to_dumpable_context and from_dumpable_context for {cls} must be None or registered."
        )
    NODES[cls] = node
    if name is not None:
        SERIALIZED[cls] = SerializedDef(name, to_dumpable, from_dumpable)
        BY_SERIALIZED_NAME[name] = cls


def deregister(cls: type) -> None:
    """Make objects of a class leaves again.

    Raises:
        KeyError: It is no node.
    """
    del NODES[cls]
    serialized = SERIALIZED.pop(cls, None)
    if serialized is not None:
        del BY_SERIALIZED_NAME[serialized.name]
    CONSTANTS.discard(cls)


def register_again(
    cls: type,
    flatten_fn: Callable,
    unflatten_fn: Callable,
    to_str_fn: Any = None,
    maybe_from_str_fn: Any = None,
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Any], Any] | None = None,
    from_dumpable_context: Callable[[Any], Any] | None = None,
    flatten_with_keys_fn: Callable | None = None,
) -> None:
    """The old spelling of `register_pytree_node`, which takes a class again, with a warning.

    Source: torch.utils._pytree._register_pytree_node
    """
    warn(
        "`torch.utils._pytree._register_pytree_node` is deprecated. "
        "Please use `torch.utils._pytree.register_pytree_node` instead.",
        FutureWarning,
    )
    if to_str_fn is not None or maybe_from_str_fn is not None:
        warn("`to_str_fn` and `maybe_from_str_fn` is deprecated.", FutureWarning)
    if cls in NODES:
        warn(f"{cls} is already registered as pytree node. Overwriting the previous registration.")
    enter(
        cls,
        NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn),
        serialized_type_name,
        to_dumpable_context,
        from_dumpable_context,
    )


# ------------------------------------------------------------------------------- Python's containers


def _sequence(kind: Callable[[Iterable[Any]], Any]) -> tuple[Callable, Callable, Callable]:
    """Sequences that are made of nothing but their items."""
    return (
        lambda items: (list(items), None),
        lambda children, _: kind(children),
        lambda items: ([(SequenceKey(i), item) for i, item in enumerate(items)], None),
    )


def _mapping(
    context: Callable[[Any], Any], make: Callable[[Iterable[Any], Any], Any]
) -> tuple[Callable, Callable, Callable]:
    return (
        lambda items: (list(items.values()), context(items)),
        make,
        lambda items: (
            [(MappingKey(key), value) for key, value in items.items()],
            context(items),
        ),
    )


def is_namedtuple_class(cls: type) -> bool:
    """Is it a class that `collections.namedtuple` or `typing.NamedTuple` made, or a subclass of one?"""
    if not (isinstance(cls, type) and issubclass(cls, tuple)):
        return False
    fields = getattr(cls, "_fields", None)
    return isinstance(fields, tuple) and all(type(field) is str for field in fields)


def is_structseq_class(cls: type) -> bool:
    """Is it a class of results with named parts?"""
    return isinstance(cls, type) and issubclass(cls, NamedResult) and cls is not NamedResult


def node_type(tree: Any) -> Any:
    """Under what an object would be found in the table of nodes."""
    cls = tree.__class__
    if cls in NODES:
        return cls
    if is_namedtuple_class(cls):
        return namedtuple
    if is_structseq_class(cls):
        enter(cls, NodeDef(cls, *_sequence(cls)))
    return cls


def _name_of_factory(context: Any) -> dict[str, Any]:
    factory, keys = context
    return {
        "default_factory_module": getattr(factory, "__module__", None),
        "default_factory_name": getattr(factory, "__qualname__", None),
        "dict_context": keys,
    }


def _named_factory(written: dict[str, Any]) -> list[Any]:
    from importlib import import_module

    module, name = written["default_factory_module"], written["default_factory_name"]
    factory = None if module is None else getattr(import_module(module), name)
    return [factory, written["dict_context"]]


def _name_of_namedtuple(cls: type) -> str:
    if cls not in SERIALIZED:
        raise NotImplementedError(
            f"Can't serialize TreeSpec of namedtuple class {cls}: give it a name with "
            "`_register_namedtuple(cls, serialized_type_name=...)`"
        )
    return SERIALIZED[cls].name


def register_namedtuple(cls: type, *, serialized_type_name: str) -> None:
    """Give a class of named tuples a name, so that `treespec_dumps` can write it.

    Source: torch.utils._pytree._register_namedtuple
    """
    SERIALIZED[cls] = SerializedDef(serialized_type_name, None, None)
    BY_SERIALIZED_NAME[serialized_type_name] = cls


def _enter_containers() -> None:
    def container(cls: Any, functions: tuple, name: str, *dumpable: Any) -> None:
        enter(cls, NodeDef(cls, *functions), name, *dumpable)

    container(tuple, _sequence(tuple), "builtins.tuple")
    container(list, _sequence(list), "builtins.list")
    container(Size, _sequence(Size), "torch.Size")
    container(dict, _mapping(list, lambda new, keys: dict(zip(keys, new))), "builtins.dict")
    container(
        OrderedDict,
        _mapping(list, lambda new, keys: OrderedDict(zip(keys, new))),
        "collections.OrderedDict",
    )
    container(
        defaultdict,
        _mapping(
            lambda items: [items.default_factory, list(items)],
            lambda new, context: defaultdict(context[0], zip(context[1], new)),
        ),
        "collections.defaultdict",
        _name_of_factory,
        _named_factory,
    )
    keyed = _sequence(list)[2]
    container(
        deque,
        (
            lambda items: (list(items), items.maxlen),
            lambda new, most: deque(new, maxlen=most),
            lambda items: (keyed(items)[0], items.maxlen),
        ),
        "collections.deque",
    )
    container(
        namedtuple,
        (
            lambda items: (list(items), type(items)),
            lambda new, cls: cls(*new),
            lambda items: (
                [(GetAttrKey(field), part) for field, part in zip(items._fields, items)],
                type(items),
            ),
        ),
        "collections.namedtuple",
        _name_of_namedtuple,
        lambda name: BY_SERIALIZED_NAME[name],
    )


_enter_containers()
DICTS = frozenset((dict, OrderedDict, defaultdict))
"""Mappings that fit each other whatever the order of their keys is."""


# ---------------------------------------------------------------------------- dataclasses, constants


def register_dataclass(
    cls: type,
    *,
    field_names: list[str] | None = None,
    drop_field_names: list[str] | None = None,
    serialized_type_name: str | None = None,
) -> None:
    """Make objects of a dataclass nodes, whose children are the fields.

    Fields whose value is None are no children, but noted in the context.

    Args:
        cls: The class: a dataclass, or one whose constructor takes `field_names` as keywords.
        field_names: The fields; those that a dataclass's constructor takes if not given.
        drop_field_names: Fields that are left out, and get their defaults again.
        serialized_type_name: What `treespec_dumps` calls the class.

    Raises:
        ValueError: The names are not those that the constructor takes.

    Source: torch.utils._pytree.register_dataclass

    Example:
        >>> from dataclasses import dataclass
        >>> from flambeau.utils import _pytree
        >>> @dataclass
        ... class Point:
        ...     x: int
        ...     y: int
        >>> _pytree.register_dataclass(Point)
        >>> _pytree.tree_map(lambda n: n + 1, Point(1, 2))
        Point(x=2, y=3)
    """
    fields = _fields(cls, field_names, drop_field_names or [])

    def flatten_with_keys(obj: Any) -> tuple[list[tuple[Any, Any]], Any]:
        values = [(name, getattr(obj, name)) for name in fields]
        given = [(GetAttrKey(name), value) for name, value in values if value is not None]
        absent = [name for name, value in values if value is None]
        return given, [[key.name for key, _ in given], absent]

    def flatten(obj: Any) -> tuple[list[Any], Any]:
        given, context = flatten_with_keys(obj)
        return [value for _, value in given], context

    def unflatten(values: Iterable[Any], context: Any) -> Any:
        given, absent = context
        return cls(**dict(zip(given, values)), **dict.fromkeys(absent))

    register_pytree_node(
        cls,
        flatten,
        unflatten,
        serialized_type_name=serialized_type_name,
        flatten_with_keys_fn=flatten_with_keys,
    )


def _fields(cls: type, given: list[str] | None, dropped: list[str]) -> list[str]:
    if not dataclasses.is_dataclass(cls):
        if given is None:
            raise ValueError(
                "field_names must be specified with a list of all fields used to initialize "
                f"{cls}, as it is not a dataclass."
            )
        return [name for name in given if name not in dropped]
    taken = [field.name for field in dataclasses.fields(cls) if field.init]
    names = taken if given is None else given
    names = [name for name in names if name not in dropped]
    missing, unknown = {*taken} - {*names} - {*dropped}, {*names} - {*taken}
    if missing or unknown:
        raise ValueError(
            f"field_names of {cls} must be the fields that its constructor takes: "
            f"{', '.join(taken)}. Missing: {sorted(missing)}; unknown: {sorted(unknown)}. "
            "Name in drop_field_names what is to be left out"
        )
    return names


@dataclasses.dataclass(frozen=True)
class ConstantNode:
    """The context of a constant: the object itself."""

    value: Any


def register_constant(cls: type) -> None:
    """Make objects of a class parts of the tree's structure: nodes without children.

    Raises:
        TypeError: The class compares or hashes its objects by identity, so that no two trees would fit.

    Source: torch.utils._pytree.register_constant
    """
    for name in ("__eq__", "__hash__"):
        if getattr(cls, name, None) in (None, getattr(object, name)):
            raise TypeError(
                f"register_constant(cls) expects `cls` to have a non-default `{name}` implementation."
            )
    register_pytree_node(
        cls,
        lambda obj: ([], ConstantNode(obj)),
        lambda _, context: context.value,
        flatten_with_keys_fn=lambda obj: ([], ConstantNode(obj)),
    )
    CONSTANTS.add(cls)


def is_constant_class(cls: type) -> bool:
    """Are objects of the class constants?"""
    return cls in CONSTANTS
