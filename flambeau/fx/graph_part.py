"""Parts of graphs: where nodes are inserted, how they are checked, how they are pickled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._caller import warn
from .naming import target_text
from .node import Node, map_arg


class Reference:
    """A node of the same graph in a pickle."""

    def __init__(self, name: str):
        self.name = name


def packed(node: Node) -> tuple[Any, ...]:
    def named(n: Node) -> Reference:
        return Reference(n.name)

    args, kwargs = map_arg(node.args, named), map_arg(node.kwargs, named)
    return node.op, node.name, node.target, args, kwargs, node.type, _kept_meta(node.meta)


def _kept_meta(meta: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in meta.items() if key != "val"}


def importable(cls: Any) -> Any:
    return None if cls is None or "<locals>" in cls.__qualname__ else cls


class Inserting:
    """Where nodes are inserted for now; leaving the ``with`` ends it."""

    def __init__(self, graph: Any, insert: Callable[[Node], None]):
        self.graph, self.before = graph, graph._insert
        graph._insert = insert

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        self.graph._insert = self.before


def check_used(used: Node, node: Node, graph: Any, seen: set[Node]) -> None:
    if used.graph is not graph:
        raise RuntimeError(
            f"Argument '{used}' of Node '{node}' does not belong to this Graph, but was used as an "
            "argument! If you are copying nodes from another graph, make sure to use "
            "``arg_transform`` on node_copy() to remap values"
        )
    if used not in seen:
        raise RuntimeError(
            f"Argument '{used}' of Node '{node}' was used before it has been defined! "
            f"Please check that Nodes in the graph are topologically ordered\n{graph}"
        )


def check_path(owner: Any, node: Node) -> None:
    place = owner
    parts = str(node.target).split(".")
    for i, part in enumerate(parts):
        if not hasattr(place, part):
            path = ".".join(parts[:i])
            raise RuntimeError(
                f"Node {node} target {node.target} references nonexistent attribute {part} of {path}"
            )
        place = getattr(place, part)
    if node.op == "call_module" and not hasattr(place, "forward"):
        raise RuntimeError(
            f"Node {node} target {node.target} {target_text(type(place))} does not reference an nn.Module"
        )


def is_there(owner: Any, path: str) -> bool:
    for part in path.split("."):
        if not hasattr(owner, part):
            return False
        owner = getattr(owner, part)
    return True


def warn_absent(path: str, call: str, what: str) -> None:
    warn(
        f"Attempted to insert a {call} Node for {path!r}, which the graph's owning GraphModule "
        f"does not have: add {what} of that name (GraphModule.add_submodule) before it is used"
    )
