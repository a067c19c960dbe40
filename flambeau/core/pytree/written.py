"""Structures as JSON: PyTorch's protocol 1, so that either library reads what the other wrote."""

from __future__ import annotations

import json
from enum import Enum
from importlib import import_module
from typing import Any

from .node import BY_SERIALIZED_NAME, SERIALIZED
from .spec import LEAF, TreeSpec

PROTOCOL = 1


def treespec_dumps(treespec: TreeSpec, protocol: int | None = None) -> str:
    """A structure as JSON.

    Raises:
        TypeError: It is no structure.
        ValueError: An unknown protocol.
        NotImplementedError: A class was registered without `serialized_type_name`.

    Source: torch.utils._pytree.treespec_dumps

    Example:
        >>> from flambeau.utils import _pytree
        >>> spec = _pytree.tree_structure([1, {"a": 2}])
        >>> _pytree.treespec_loads(_pytree.treespec_dumps(spec)) == spec
        True
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"treespec_dumps(treespec, protocol): Expected `treespec` to be instance of TreeSpec "
            f"but got item of type {type(treespec)}."
        )
    chosen = PROTOCOL if protocol is None else protocol
    _check(chosen)
    return json.dumps((chosen, _written(treespec)), cls=EnumEncoder)


def treespec_loads(serialized: str) -> TreeSpec:
    """The structure that `treespec_dumps` wrote.

    Raises:
        ValueError: An unknown protocol.
        NotImplementedError: A class that is not registered here.

    Source: torch.utils._pytree.treespec_loads
    """
    protocol, schema = json.loads(serialized, object_hook=enum_object_hook)
    _check(protocol)
    return _read(schema)


def _check(protocol: Any) -> None:
    if protocol != PROTOCOL:
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [{PROTOCOL}]")


def _written(spec: TreeSpec) -> dict[str, Any]:
    if spec.is_leaf():
        return {"type": None, "context": None, "children_spec": []}
    if spec.type not in SERIALIZED:
        raise NotImplementedError(
            f"Serializing {spec.type} in pytree is not registered: give register_pytree_node "
            "a serialized_type_name."
        )
    known = SERIALIZED[spec.type]
    if known.to_dumpable is not None:
        context = known.to_dumpable(spec.context)
    else:
        try:
            context = json.dumps(spec.context, cls=EnumEncoder)
        except TypeError as error:
            raise TypeError(
                f"Unable to serialize context. Please make the context json dump-able, or give {known.name} "
                "a to_dumpable_context and a from_dumpable_context."
            ) from error
    return {
        "type": known.name,
        "context": context,
        "children_spec": [_written(child) for child in spec.children()],
    }


def _read(schema: dict[str, Any]) -> TreeSpec:
    name, context, children = schema["type"], schema["context"], schema["children_spec"]
    if name is None and context is None and not children:
        return LEAF
    if name not in BY_SERIALIZED_NAME:
        raise NotImplementedError(f"Deserializing {name} in pytree is not registered.")
    cls = BY_SERIALIZED_NAME[name]
    known = SERIALIZED[cls]
    if known.from_dumpable is not None:
        context = known.from_dumpable(context)
    else:
        context = json.loads(context, object_hook=enum_object_hook)
    return TreeSpec(cls, context, [_read(child) for child in children])


class EnumEncoder(json.JSONEncoder):
    """Members of enumerations, which keys of dicts may be, by their class and value."""

    def default(self, o: Any) -> Any:
        if not isinstance(o, Enum):
            return super().default(o)
        cls = type(o)
        return {
            "__enum__": True,
            "fqn": f"{cls.__module__}:{cls.__qualname__}",
            "name": o.name,
        }


def enum_object_hook(obj: dict[str, Any]) -> Any:
    """A member of an enumeration that `EnumEncoder` wrote.

    Raises:
        ValueError: What is named is no enumeration.
    """
    if "__enum__" not in obj:
        return obj
    module, _, name = obj["fqn"].partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not (isinstance(found, type) and issubclass(found, Enum)):
        raise ValueError(f"{obj['fqn']} is no enumeration")
    return found[obj["name"]]
