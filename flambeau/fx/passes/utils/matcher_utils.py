"""SubgraphMatcher: the places of a graph that do what a pattern does."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ...graph import Graph
from ...graph_module import _get_attr
from ...node import Node

__all__ = ["InternalMatch", "SubgraphMatcher"]


@dataclass
class InternalMatch:
    """A place where a pattern was found.

    Attributes:
        anchors: The graph's nodes that stand for the pattern's last ones.
        nodes_map: For the pattern's nodes, those of the graph.
        placeholder_nodes: For its arguments, in order, what stands there.
        returning_nodes: The nodes that give its results.
        name_node_map: For names that a pattern gave, the nodes.

    Source: torch.fx.passes.utils.matcher_utils.InternalMatch
    """

    anchors: list[Node]
    nodes_map: dict[Node, Any] = field(default_factory=dict)
    other_nodes_map: dict[Node, Any] = field(default_factory=dict)
    placeholder_nodes: list[Any] = field(default_factory=list)
    returning_nodes: list[Node] = field(default_factory=list)
    name_node_map: dict[str, Node] = field(default_factory=dict)

    @property
    def nodes(self) -> list[Node]:
        """The graph's nodes, without those that stand for arguments."""
        outside = {id(n) for n in self.placeholder_nodes}
        return [n for n in self.nodes_map.values() if isinstance(n, Node) and id(n) not in outside]

    def __copy__(self) -> InternalMatch:
        return InternalMatch(
            anchors=self.anchors,
            nodes_map=self.nodes_map.copy(),
            other_nodes_map=self.other_nodes_map.copy(),
            placeholder_nodes=self.placeholder_nodes.copy(),
            returning_nodes=self.returning_nodes.copy(),
        )


class SubgraphMatcher:
    """Finds a pattern in graphs.

    Args:
        pattern: The pattern's graph.
        match_output: Must its output be the graph's?
        match_placeholder: Must its arguments be the graph's?
        remove_overlapping_matches: Leave out places that share nodes with earlier ones?
        ignore_literals: Do numbers and strings of the pattern stand for any?

    Raises:
        ValueError: A pattern without nodes, or one in which an argument is not used.

    Source: torch.fx.passes.utils.matcher_utils.SubgraphMatcher
    """

    def __init__(
        self,
        pattern: Graph,
        match_output: bool = False,
        match_placeholder: bool = False,
        remove_overlapping_matches: bool = True,
        ignore_literals: bool = False,
    ):
        self.pattern = pattern
        self.match_output, self.match_placeholder = match_output, match_placeholder
        self.remove_overlapping_matches = remove_overlapping_matches
        self.ignore_literals = ignore_literals
        if not len(pattern.nodes):
            raise ValueError("SubgraphMatcher cannot be initialized with an empty pattern")
        for node in pattern.nodes:
            if node.op != "output" and not node.users:
                raise ValueError(
                    "SubgraphMatcher cannot be initialized with an pattern with dead code: "
                    f"nobody uses its node {node}"
                )
        output = pattern.output_node()
        self.pattern_placeholder_nodes = [n for n in pattern.nodes if n.op == "placeholder"]
        self.pattern_returning_nodes = output.all_input_nodes
        if match_output:
            self.pattern_anchors = [output]
        else:
            self.pattern_anchors = [n for n in output.all_input_nodes if len(n.users) == 1]
            if not self.pattern_anchors:
                self.pattern_anchors = output.all_input_nodes[-1:]

    def match(self, graph: Graph, node_name_match: str = "") -> list[InternalMatch]:
        """The places of a graph where the pattern is, in order, and none that shares nodes with another.

        Args:
            graph: The graph.
            node_name_match: Only begin at nodes whose name contains it.
        """
        candidates: dict[Node, list[Node]] = defaultdict(list)
        for anchor in self.pattern_anchors:
            for node in graph.nodes:
                if self._looks_like(anchor, node) and node_name_match in node.name:
                    candidates[anchor].append(node)
        choices = [[(a, n) for n in candidates[a]] for a in self.pattern_anchors]
        found: list[InternalMatch] = []

        def search(level: int, match: InternalMatch) -> None:
            if level == len(choices):
                self._settle(match)
                if self._is_contained(match.nodes_map):
                    found.append(match)
                return
            for anchor, node in choices[level]:
                tried = copy.copy(match)
                tried.anchors = [*match.anchors, node]
                if self._match_nodes(anchor, node, tried):
                    search(level + 1, tried)

        search(0, InternalMatch(anchors=[]))
        return self._apart(found) if self.remove_overlapping_matches else found

    def _settle(self, match: InternalMatch) -> None:
        match.placeholder_nodes = [
            match.nodes_map.get(p, match.other_nodes_map.get(p))
            for p in self.pattern_placeholder_nodes
        ]
        match.returning_nodes = [match.nodes_map[p] for p in self.pattern_returning_nodes]

    def _apart(self, matches: list[InternalMatch]) -> list[InternalMatch]:
        kept: list[InternalMatch] = []
        taken: set[Node] = set()
        for match in matches:
            inner = {
                n
                for p, n in match.nodes_map.items()
                if isinstance(n, Node) and p.op not in ("placeholder", "output", "get_attr")
            }
            if taken.isdisjoint(inner):
                taken |= inner
                kept.append(match)
        return kept

    def _is_contained(self, nodes_map: dict[Node, Any]) -> bool:
        """Does nobody outside use what stands for the pattern's inner nodes?"""
        inside = {n for n in nodes_map.values() if isinstance(n, Node)}
        for pattern_node, node in nodes_map.items():
            if pattern_node.op == "placeholder" or not isinstance(node, Node):
                continue
            if pattern_node in self.pattern_returning_nodes or node.op == "get_attr":
                continue
            if any(user not in inside for user in node.users):
                return False
        return True

    # ---------------------------------------------------------------------------------- comparing

    def _looks_like(self, pattern: Node, node: Node) -> bool:
        if not self.match_placeholder and pattern.op == "placeholder":
            return True
        if pattern.op != node.op:
            return False
        if pattern.op in ("placeholder", "output"):
            return True
        if pattern.op == "get_attr":
            return self._same_attribute(pattern, node)
        if pattern.op == "call_module":
            return self._same_module(pattern, node)
        return pattern.target == node.target

    def _same_attribute(self, pattern: Node, node: Node) -> bool:
        mine, other = pattern.graph.owning_module, node.graph.owning_module
        if mine is None or other is None:
            return pattern.target == node.target
        return type(_get_attr(mine, str(pattern.target))) is type(
            _get_attr(other, str(node.target))
        )

    def _same_module(self, pattern: Node, node: Node) -> bool:
        mine, other = pattern.graph.owning_module, node.graph.owning_module
        if mine is None or other is None:
            return pattern.target == node.target
        return pattern.target == node.target or type(_get_attr(mine, str(pattern.target))) is type(
            _get_attr(other, str(node.target))
        )

    def _match_literals(self, pattern: Any, value: Any, match: InternalMatch) -> bool:
        if isinstance(pattern, Node):
            if pattern.op != "placeholder":
                return False
            known = match.other_nodes_map
            if pattern in known:
                return self.ignore_literals or bool(known[pattern] == value)
            known[pattern] = value
            return True
        if isinstance(value, Node):
            return False
        if self.ignore_literals:
            return True
        return type(pattern) is type(value) and bool(pattern == value)

    def _match_args(self, pattern: Any, value: Any, match: InternalMatch) -> bool:
        if isinstance(pattern, Node) and isinstance(value, Node):
            return self._match_nodes(pattern, value, match)
        if isinstance(pattern, (list, tuple)) and isinstance(value, (list, tuple)):
            return len(pattern) == len(value) and all(
                self._match_args(p, v, match) for p, v in zip(pattern, value)
            )
        if isinstance(pattern, dict) and isinstance(value, dict):
            return pattern.keys() == value.keys() and all(
                self._match_args(pattern[key], value[key], match) for key in pattern
            )
        if isinstance(pattern, slice) and isinstance(value, slice):
            names = ("start", "stop", "step")
            return all(
                self._match_args(getattr(pattern, n), getattr(value, n), match) for n in names
            )
        return self._match_literals(pattern, value, match)

    def _match_nodes(self, pattern: Node, node: Node, match: InternalMatch) -> bool:
        """Does a node do what the pattern's does, with arguments that do? Notes it in the match."""
        if pattern in match.nodes_map:
            return bool(match.nodes_map[pattern] is node)
        if any(node is other for other in match.nodes_map.values()):
            return False
        if not self._looks_like(pattern, node):
            return False
        before = match.nodes_map.copy(), match.other_nodes_map.copy()
        match.nodes_map[pattern] = node
        if pattern.op == "placeholder":
            return True
        args, other = _settled(pattern, node)
        if self._match_args(args, other, match):
            return True
        match.nodes_map, match.other_nodes_map = before
        return False


def _settled(pattern: Node, node: Node) -> tuple[Any, Any]:
    """The arguments of both, by name where their signature tells, so that f(x, 1) is like f(x, a=1)."""
    if pattern.op == "call_function" and (pattern.kwargs or node.kwargs):
        from ...operator_schemas import normalize_function

        mine, other = (
            normalize_function(n.target, n.args, n.kwargs, normalize_to_only_use_kwargs=True)  # type: ignore[arg-type]
            for n in (pattern, node)
        )
        if mine is not None and other is not None:
            return mine.kwargs, other.kwargs
    return (pattern.args, pattern.kwargs), (node.args, node.kwargs)
