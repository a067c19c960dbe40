"""Patterns in graphs, and what is put in their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..nn import Module
from ._symbolic_trace import symbolic_trace
from .graph import Graph
from .graph_module import GraphModule, _copy_attr, _has_attr
from .node import Node
from .passes.utils.matcher_utils import InternalMatch, SubgraphMatcher

__all__ = ["Match", "ReplacedPatterns", "replace_pattern", "replace_pattern_with_filters"]

Filter = Callable[[InternalMatch, Graph, Graph], bool]


class Match(NamedTuple):
    """A place where a pattern was found.

    Attributes:
        anchor: The node that gives the pattern's result.
        nodes_map: For the pattern's nodes, those of the graph.

    Source: torch.fx.subgraph_rewriter.Match
    """

    anchor: Node
    nodes_map: dict[Node, Node]


@dataclass
class ReplacedPatterns:
    """A place where a pattern was found, and the nodes that stand there now.

    Source: torch.fx.subgraph_rewriter.ReplacedPatterns
    """

    anchor: Node
    nodes_map: dict[Node, Node]
    replacements: list[Node]


def replace_pattern(
    gm: GraphModule, pattern: Callable | GraphModule, replacement: Callable | GraphModule
) -> list[Match]:
    """Put `replacement` wherever a graph does what `pattern` does.

    Args:
        gm: The module, which is changed and recompiled.
        pattern, replacement: Functions or modules of as many arguments; they are traced.

    Returns:
        The places, as they were before.

    Source: torch.fx.replace_pattern

    Example:
        >>> import flambeau as torch
        >>> traced = torch.fx.symbolic_trace(lambda x, y: torch.relu(x + y))
        >>> found = torch.fx.replace_pattern(
        ...     traced, lambda a, b: torch.relu(a + b), lambda a, b: torch.sigmoid(a * b)
        ... )
        >>> print(traced.code.strip())
        def forward(self, x, y):
            mul = x * y;  x = y = None
            sigmoid = torch.sigmoid(mul);  mul = None
            return sigmoid
    """
    done = _replace(gm, pattern, replacement)
    return [Match(anchor=m.anchor, nodes_map=m.nodes_map) for m in done]


def replace_pattern_with_filters(
    gm: GraphModule,
    pattern: Callable | Graph | GraphModule,
    replacement: Callable | Graph | GraphModule | None = None,
    match_filters: list[Filter] | None = None,
    ignore_literals: bool = False,
    replacement_callback: Callable[[InternalMatch, Graph, Graph], Graph] | None = None,
    node_name_match: str = "",
) -> list[ReplacedPatterns]:
    """`replace_pattern` where all filters agree.

    Args:
        gm: The module, which is changed and recompiled.
        pattern, replacement: Functions, modules or graphs.
        match_filters: Each is asked with the match, the graph and the pattern's graph.
        ignore_literals: Do numbers and strings of the pattern stand for any?
        replacement_callback: Makes the replacement for each match, in place of `replacement`.
        node_name_match: Only look at nodes whose name contains it.

    Source: torch.fx.subgraph_rewriter.replace_pattern_with_filters
    """
    return _replace(
        *(gm, pattern, replacement, match_filters),
        *(ignore_literals, replacement_callback, node_name_match),
    )


def _graph(of: Any) -> Graph:
    if isinstance(of, GraphModule):
        return of.graph
    return of if isinstance(of, Graph) else symbolic_trace(of).graph


def _replace(
    gm: GraphModule,
    pattern: Any,
    replacement: Any = None,
    filters: list[Filter] | None = None,
    ignore_literals: bool = False,
    callback: Any = None,
    name_part: str = "",
) -> list[ReplacedPatterns]:
    graph, wanted = gm.graph, _graph(pattern)
    matcher = SubgraphMatcher(
        wanted, match_output=False, match_placeholder=False, ignore_literals=ignore_literals
    )
    matches = [
        match
        for match in matcher.match(graph, name_part)
        if all(agrees(match, graph, wanted) for agrees in filters or ())
    ]
    fixed = None
    if replacement is not None:
        fixed = _graph(replacement)
    elif callback is None:
        raise AssertionError(
            "Must provide either a replacement GraphModule or a replacement callback"
        )
    changed: dict[Node, Node] = {}
    done = [
        _put(graph, match, fixed or callback(match, graph, wanted), changed) for match in matches
    ]
    gm.recompile()
    if isinstance(replacement, Module):
        _add_attributes(gm, replacement)
    return done


def _put(
    graph: Graph, match: InternalMatch, new: Graph, changed: dict[Node, Node]
) -> ReplacedPatterns:
    """Put a copy of `new` in the place of a match.

    changed: For nodes that earlier matches replaced, those that stand there now.
    """
    inputs = [n for n in new.nodes if n.op == "placeholder"]
    if len(match.placeholder_nodes) != len(inputs):
        raise AssertionError(
            f"the pattern has {len(match.placeholder_nodes)} arguments, its replacement {len(inputs)}"
        )
    given = [changed.get(n, n) if isinstance(n, Node) else n for n in match.placeholder_nodes]
    values: dict[Any, Any] = dict(zip(inputs, given))
    place = _first_user_place(graph, match, given)
    before = set(graph.nodes)
    with graph.inserting_before(place):
        result = graph.graph_copy(new, values)
    made = [n for n in graph.nodes if n not in before]
    results = result if isinstance(result, (tuple, list)) else (result,)
    if len(match.returning_nodes) != len(results):
        raise AssertionError("the pattern and its replacement return different numbers of values")
    for old, value in zip(match.returning_nodes, results):
        old.replace_all_uses_with(value)
        changed[old] = value
    for node in reversed(list(graph.nodes)):
        if node in match.nodes and node.op not in ("placeholder", "output") and not node.users:
            graph.erase_node(node)
    nodes_map = {k: v for k, v in match.nodes_map.items() if isinstance(v, Node)}
    return ReplacedPatterns(match.anchors[0], nodes_map, made)


def _first_user_place(graph: Graph, match: InternalMatch, given: list[Any]) -> Node:
    """Where the replacement can stand: after its inputs, before all that use the results."""
    inside = set(match.nodes)
    users = {u for n in match.returning_nodes for u in n.users if u not in inside}
    for node in graph.nodes:
        if node in users:
            return node
    return match.returning_nodes[-1].next if match.returning_nodes else graph.output_node()


def _add_attributes(gm: GraphModule, replacement: Module) -> None:
    """Give the module the submodules and attributes of a replacement that it lacks; drop unused ones."""
    gm.delete_all_unused_submodules()
    source: Any = replacement
    if isinstance(replacement, GraphModule):
        replacement.graph.lint()
    for node in gm.graph.nodes:
        if node.op in ("call_module", "get_attr") and not _has_attr(gm, str(node.target)):
            if not _has_attr(source, str(node.target)):
                raise RuntimeError(
                    f'Attempted to create a "{node.op}" node during subgraph rewriting with target '
                    f"{node.target}, but the referenced attribute does not exist in the replacement "
                    "GraphModule"
                )
            _copy_attr(source, gm, str(node.target))
    gm.graph.lint()
