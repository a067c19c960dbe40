"""split_module: a graph module as a chain of modules, each a part of its nodes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..graph import Graph
from ..graph_module import GraphModule, _get_attr
from ..node import Node, map_arg

__all__ = ["split_module"]


@dataclass
class _Part:
    """One of the parts while it is made."""

    name: str
    graph: Graph = field(default_factory=Graph)
    inputs: dict[Node, Node] = field(default_factory=dict)
    outputs: dict[Node, None] = field(default_factory=dict)
    needs: dict[_Part, None] = field(default_factory=dict)
    inside: dict[Node, Node] = field(default_factory=dict)

    def __hash__(self) -> int:
        return id(self)


def split_module(
    m: GraphModule,
    root_m: Any,
    split_callback: Callable[[Node], int | str],
    qualname_map: dict[str, str] | None = None,
    keep_original_order: bool | None = False,
    keep_original_node_name: bool | None = False,
    keep_original_input_name: bool = True,
    *,
    partition_affix: str | None = None,
    **kwargs: Any,
) -> GraphModule:
    """A module that calls the parts ``submod_0``, ``submod_1`` and so on of another.

    Args:
        m: The module, traced.
        root_m: Not needed: attributes are taken from `m`.
        split_callback: For each node, the part that it belongs to.
        qualname_map: Filled with the old paths of submodules and attributes, for their new ones.
        keep_original_order: Call the parts in the order in which they begin?
        keep_original_node_name: Do nodes keep their names? Else they are named anew.
        keep_original_input_name: Name arguments of parts as the values? Else "arg_0" and so on.
        partition_affix: Stands before the part in the names of modules: ``submod_x_0``.

    Raises:
        RuntimeError: Parts need each other in a circle.

    Source: torch.fx.passes.split_module.split_module

    Example:
        >>> import flambeau as torch
        >>> from flambeau.fx.passes.split_module import split_module
        >>> traced = torch.fx.symbolic_trace(lambda x: x.sin().cos())
        >>> split = split_module(traced, None, lambda node: int(node.name == "cos"))
        >>> print(split.code.strip())
        def forward(self, x):
            submod_0 = self.submod_0(x);  x = None
            submod_1 = self.submod_1(submod_0);  submod_0 = None
            return submod_1
    """
    affix = "" if partition_affix is None else f"{partition_affix}_"
    parts: dict[str, _Part] = {}
    owner: dict[Node, _Part] = {}
    for node in m.graph.nodes:
        if node.op not in ("placeholder", "get_attr", "output"):
            name = f"{affix}{split_callback(node)}"
            owner[node] = parts.setdefault(name, _Part(name))
    for node in m.graph.nodes:
        for used in node.all_input_nodes:
            _note_use(owner.get(used), owner.get(node), used, node)
    order = list(parts.values()) if keep_original_order else _in_order(list(parts.values()))
    for node in m.graph.nodes:
        if node in owner:
            names = bool(keep_original_node_name)
            _fill(owner[node], node, names, keep_original_input_name)
    return _joined(m, order, qualname_map)


def _note_use(giver: _Part | None, taker: _Part | None, used: Node, user: Node) -> None:
    if giver is not None and giver is not taker:
        giver.outputs.setdefault(used)
        if taker is not None:
            taker.needs.setdefault(giver)


def _in_order(parts: list[_Part]) -> list[_Part]:
    """The parts, each after those that it needs."""
    done: list[_Part] = []
    while len(done) < len(parts):
        ready = [p for p in parts if p not in done and all(need in done for need in p.needs)]
        if not ready:
            raise RuntimeError("cycle exists between partitions!")
        done.append(ready[0])
    return done


def _fill(part: _Part, node: Node, keep_names: bool, keep_inputs: bool) -> None:
    """Copy a node into its part; what it uses of elsewhere becomes an argument."""

    def inside(used: Node) -> Node:
        if used not in part.inside:
            name = used.name if keep_inputs else f"arg_{len(part.inputs)}"
            last = next(reversed(part.inputs.values()), None)
            with part.graph.inserting_after(last) if last else part.graph.inserting_before():
                made = part.graph.placeholder(name, type_expr=used.type)
            made.meta = used.meta.copy()
            part.inputs[used] = part.inside[used] = made
        return part.inside[used]

    args, kwargs = map_arg(node.args, inside), map_arg(node.kwargs, inside)
    name = node.name if keep_names else None
    made = part.graph.create_node(node.op, node.target, args, kwargs, name, node.type)
    made.meta = node.meta.copy()
    part.inside[node] = made


def _joined(
    m: GraphModule,
    order: list[_Part],
    qualname_map: dict[str, str] | None,
) -> GraphModule:
    """The module that calls the parts in order."""
    graph = Graph()
    values: dict[Node, Any] = {}
    for node in m.graph.nodes:
        if node.op in ("placeholder", "get_attr"):
            values[node] = graph.node_copy(node)
    attributes: dict[str, Any] = {
        str(n.target): _get_attr(m, str(n.target)) for n in values if n.op == "get_attr"
    }
    for part in order:
        name = f"submod_{part.name}"
        results = [part.inside[node] for node in part.outputs]
        part.graph.output(results[0] if len(results) == 1 else tuple(results))
        module = GraphModule(_attributes(m, part, name, qualname_map), part.graph)
        attributes[name] = module
        called = graph.call_module(name, tuple(values[used] for used in part.inputs))
        if len(part.outputs) == 1:
            values[next(iter(part.outputs))] = called
        else:
            for i, node in enumerate(part.outputs):
                values[node] = graph.call_function(operator.getitem, (called, i))
    for node in m.graph.nodes:
        if node.op == "output":
            made = graph.output(map_arg(node.args[0], lambda n: values[n]))
            made.meta = node.meta.copy()
    return GraphModule(attributes, graph)


def _attributes(
    m: GraphModule, part: _Part, name: str, qualname_map: dict[str, str] | None
) -> dict[str, Any]:
    """The modules that a part calls, under names without dots."""
    found: dict[str, Any] = {}
    for node in part.graph.nodes:
        if node.op == "call_module":
            old = str(node.target)
            node.target = old.replace(".", "_")
            found[node.target] = _get_attr(m, old)
            if qualname_map is not None:
                qualname_map[f"{name}.{node.target}"] = old
    return found
