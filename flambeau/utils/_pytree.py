"""Trees of containers under PyTorch's names; `core.pytree` has them.

Source: torch.utils._pytree
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any

from ..core.pytree.key import GetAttrKey, MappingKey, SequenceKey, key_get, keystr
from ..core.pytree.node import BY_SERIALIZED_NAME as SERIALIZED_TYPE_TO_PYTHON_TYPE
from ..core.pytree.node import CONSTANTS as CONSTANT_NODES
from ..core.pytree.node import DICTS as STANDARD_DICT_TYPES
from ..core.pytree.node import NODES as SUPPORTED_NODES
from ..core.pytree.node import SERIALIZED as SUPPORTED_SERIALIZED_TYPES
from ..core.pytree.node import (
    ConstantNode,
    NodeDef,
    is_constant_class,
    is_namedtuple_class,
    is_structseq_class,
    register_constant,
    register_dataclass,
    register_pytree_node,
)
from ..core.pytree.node import deregister as _deregister_pytree_node
from ..core.pytree.node import node_type as _get_node_type
from ..core.pytree.node import register_again as _register_pytree_node
from ..core.pytree.node import register_namedtuple as _register_namedtuple
from ..core.pytree.spec import LEAF as _LEAF_SPEC
from ..core.pytree.spec import LeafSpec, TreeSpec
from ..core.pytree.spec import is_leaf as tree_is_leaf
from ..core.pytree.tree import (
    arg_tree_leaves,
    map_only,
    tree_all,
    tree_all_only,
    tree_any,
    tree_any_only,
    tree_flatten,
    tree_flatten_with_path,
    tree_iter,
    tree_leaves,
    tree_leaves_with_path,
    tree_map,
    tree_map_,
    tree_map_only,
    tree_map_only_,
    tree_map_with_path,
    tree_structure,
    tree_unflatten,
    treespec_dict,
    treespec_leaf,
    treespec_pprint,
    treespec_tuple,
)
from ..core.pytree.tree import broadcast_to_and_flatten as _broadcast_to_and_flatten
from ..core.pytree.written import PROTOCOL as DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL
from ..core.pytree.written import EnumEncoder, enum_object_hook, treespec_dumps, treespec_loads

PyTreeSpec = TreeSpec
PyTree = Context = DumpableContext = KeyEntry = Any
KeyPath = tuple[Any, ...]
FlattenFn = FlattenFunc = Callable[[Any], tuple[list[Any], Any]]
UnflattenFn = UnflattenFunc = Callable[[Iterable[Any], Any], Any]
FlattenWithKeysFn = FlattenWithKeysFunc = Callable[[Any], tuple[list[tuple[Any, Any]], Any]]
ToDumpableContextFn = FromDumpableContextFn = Callable[[Any], Any]
BUILTIN_TYPES = frozenset({tuple, list, *STANDARD_DICT_TYPES})
_is_leaf = tree_is_leaf
_private_register_pytree_node = register_pytree_node


def is_namedtuple(obj: Any) -> bool:
    """Is it a named tuple, or a class of them?

    Source: torch.utils._pytree.is_namedtuple
    """
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_namedtuple_instance(obj: Any) -> bool:
    """Is it a named tuple?

    Source: torch.utils._pytree.is_namedtuple_instance
    """
    return is_namedtuple_class(type(obj))


def is_structseq(obj: Any) -> bool:
    """Is it a result with named parts, or a class of them?

    Source: torch.utils._pytree.is_structseq
    """
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_instance(obj: Any) -> bool:
    """Is it a result with named parts?

    Source: torch.utils._pytree.is_structseq_instance
    """
    return is_structseq_class(type(obj))


# How Python's own containers are taken apart and put together: programs use it for classes like them.
_tuple_flatten, _tuple_unflatten, _tuple_flatten_with_keys = SUPPORTED_NODES[tuple][1:]
_list_flatten, _list_unflatten, _list_flatten_with_keys = SUPPORTED_NODES[list][1:]
_dict_flatten, _dict_unflatten, _dict_flatten_with_keys = SUPPORTED_NODES[dict][1:]
_namedtuple_flatten, _namedtuple_unflatten, _namedtuple_flatten_with_keys = SUPPORTED_NODES[
    namedtuple
][1:]
_ordereddict_flatten, _ordereddict_unflatten, _ordereddict_flatten_with_keys = SUPPORTED_NODES[
    OrderedDict
][1:]
_defaultdict_flatten, _defaultdict_unflatten, _defaultdict_flatten_with_keys = SUPPORTED_NODES[
    defaultdict
][1:]
_deque_flatten, _deque_unflatten, _deque_flatten_with_keys = SUPPORTED_NODES[deque][1:]


__all__ = [
    "BUILTIN_TYPES",
    "CONSTANT_NODES",
    "DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL",
    "SERIALIZED_TYPE_TO_PYTHON_TYPE",
    "STANDARD_DICT_TYPES",
    "SUPPORTED_NODES",
    "SUPPORTED_SERIALIZED_TYPES",
    "_LEAF_SPEC",
    "ConstantNode",
    "Context",
    "DumpableContext",
    "EnumEncoder",
    "FlattenFn",
    "FlattenFunc",
    "FlattenWithKeysFn",
    "FlattenWithKeysFunc",
    "FromDumpableContextFn",
    "GetAttrKey",
    "KeyEntry",
    "KeyPath",
    "LeafSpec",
    "MappingKey",
    "NodeDef",
    "PyTree",
    "PyTreeSpec",
    "SequenceKey",
    "ToDumpableContextFn",
    "TreeSpec",
    "UnflattenFn",
    "UnflattenFunc",
    "_broadcast_to_and_flatten",
    "_deregister_pytree_node",
    "_get_node_type",
    "_is_leaf",
    "_private_register_pytree_node",
    "_register_namedtuple",
    "_register_pytree_node",
    "arg_tree_leaves",
    "enum_object_hook",
    "is_constant_class",
    "is_namedtuple",
    "is_namedtuple_class",
    "is_namedtuple_instance",
    "is_structseq",
    "is_structseq_class",
    "is_structseq_instance",
    "key_get",
    "keystr",
    "map_only",
    "register_constant",
    "register_dataclass",
    "register_pytree_node",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_map_with_path",
    "tree_structure",
    "tree_unflatten",
    "treespec_dict",
    "treespec_dumps",
    "treespec_leaf",
    "treespec_loads",
    "treespec_pprint",
    "treespec_tuple",
]
