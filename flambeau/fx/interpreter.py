"""Interpreter and Transformer: run a graph node by node, or make another graph of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..nn import Module
from ._symbolic_trace import Tracer
from .argument import Argument, map_aggregate
from .graph import Graph
from .graph_module import GraphModule
from .node import Node, Target, map_arg
from .proxy import Proxy
from .traceback import set_current_meta

__all__ = ["Interpreter", "Transformer"]


class Interpreter:
    """Runs a graph module node by node. Override a method to change what some of its nodes do.

    Args:
        module: The module.
        garbage_collect_values: Forget values that no node needs any more?
        graph: Another graph than the module's own, over the same module.

    Source: torch.fx.Interpreter

    Example:
        >>> import flambeau as torch
        >>> class Negative(torch.fx.Interpreter):
        ...     def call_function(self, target, args, kwargs):
        ...         return -super().call_function(target, args, kwargs)
        >>> traced = torch.fx.symbolic_trace(lambda x: torch.relu(x))
        >>> Negative(traced).run(torch.ones(2))
        tensor([-1., -1.])
    """

    def __init__(
        self, module: Module, garbage_collect_values: bool = True, graph: Graph | None = None
    ):
        self.module = module
        self.submodules = dict(module.named_modules())
        self.graph: Graph = module.graph if graph is None else graph  # type: ignore[assignment]
        self.env: dict[Node, Any] = {}
        self.name = "Interpreter"
        self.garbage_collect_values = garbage_collect_values
        self.extra_traceback = True
        self.args_iter: Iterator[Any] = iter(())
        self.user_to_last_uses: dict[Node, list[Node]] = {}
        if garbage_collect_values:
            self.user_to_last_uses = self._last_uses()

    def _last_uses(self) -> dict[Node, list[Node]]:
        seen: set[Node] = set()
        found: dict[Node, list[Node]] = {}
        for node in reversed(self.graph.nodes):
            for used in node.all_input_nodes:
                if used not in seen:
                    found.setdefault(node, []).append(used)
            seen.update(node.all_input_nodes)
        return found

    def run(
        self,
        *args: Any,
        initial_env: dict[Node, Any] | None = None,
        enable_io_processing: bool = True,
    ) -> Any:
        """What the graph gives.

        Args:
            args: The arguments, as its placeholders take them.
            initial_env: Values of nodes, which are not run then.
            enable_io_processing: Let the graph's codegen take arguments apart and put results together?
        """
        self.env = {} if initial_env is None else initial_env
        if enable_io_processing:
            args = self.graph.process_inputs(*args)
        self.args_iter = iter(args)
        for node in self.graph.nodes:
            if node in self.env:
                continue
            try:
                with set_current_meta(node):
                    self.env[node] = self.run_node(node)
            except Exception as error:
                if self.extra_traceback:
                    _explain(error, node)
                raise
            for used in self.user_to_last_uses.get(node, ()):
                self.env.pop(used, None)
            if node.op == "output":
                result = self.env[node]
                return self.graph.process_outputs(result) if enable_io_processing else result
        return None

    def boxed_run(self, args_list: list[Any]) -> Any:
        """`run`, with the arguments in a list, which is emptied, so that they may be freed on the way."""
        args = tuple(args_list)
        args_list.clear()
        return self.run(*args)

    def run_node(self, n: Node) -> Any:
        """The value of one node."""
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        return getattr(self, n.op)(n.target, args, kwargs)

    def placeholder(self, target: Target, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The next argument, or the default.

        Raises:
            RuntimeError: There is neither.
        """
        if str(target).startswith("*"):
            return list(self.args_iter)
        try:
            return next(self.args_iter)
        except StopIteration:
            if args:
                return args[0]
            raise RuntimeError(
                f"Expected positional argument for parameter {target}, but one was not passed in!"
            ) from None

    def get_attr(self, target: Target, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The attribute at a path."""
        return self.fetch_attr(str(target))

    def call_function(self, target: Target, args: tuple, kwargs: dict[str, Any]) -> Any:
        """What a function gives."""
        assert not isinstance(target, str)
        return target(*args, **kwargs)

    def call_method(self, target: Target, args: tuple, kwargs: dict[str, Any]) -> Any:
        """What a method of the first argument gives."""
        owner, *others = args
        return getattr(owner, str(target))(*others, **kwargs)

    def call_module(self, target: Target, args: tuple, kwargs: dict[str, Any]) -> Any:
        """What a submodule gives."""
        return self.fetch_attr(str(target))(*args, **kwargs)

    def output(self, target: Target, args: tuple, kwargs: dict[str, Any]) -> Any:
        """What the graph gives."""
        return args[0]

    def fetch_attr(self, target: str) -> Any:
        """The attribute of the module at a path.

        Raises:
            RuntimeError: There is none.
        """
        place: Any = self.module
        parts = target.split(".")
        for i, part in enumerate(parts):
            if not hasattr(place, part):
                raise RuntimeError(f"Node referenced nonexistent target {'.'.join(parts[: i + 1])}")
            place = getattr(place, part)
        return place

    def fetch_args_kwargs_from_env(self, n: Node) -> tuple[tuple, dict[str, Any]]:
        """A node's arguments, with values in place of nodes."""
        return self.map_nodes_to_values(n.args, n), self.map_nodes_to_values(n.kwargs, n)

    def map_nodes_to_values(self, args: Argument, n: Node) -> Any:
        """A nesting with values in place of nodes.

        Raises:
            RuntimeError: A node that has no value.
        """

        def value(used: Node) -> Any:
            if used not in self.env:
                raise RuntimeError(
                    f"Node {n} referenced nonexistent value {used}! Run Graph.lint() to "
                    "diagnose such issues"
                )
            return self.env[used]

        return map_arg(args, value)


def _explain(error: Exception, node: Node) -> None:
    """Say in an error's message which node it came from."""
    said = f"While executing {node.format_node()}"
    if node.stack_trace:
        said += f"\nOriginal traceback:\n{node.stack_trace}"
    message, *others = error.args or ("",)
    if isinstance(message, str) and not isinstance(error, KeyError):  # which shows its key
        error.args = (f"{message}\n\n{said}" if message else said, *others)
    else:
        error.add_note(said)


class Transformer(Interpreter):
    """Makes another graph module of one: what its methods give for a node stands in its place.

    Args:
        module: The module.

    Source: torch.fx.Transformer

    Example:
        >>> import flambeau as torch
        >>> class Swap(torch.fx.Transformer):
        ...     def call_function(self, target, args, kwargs):
        ...         return super().call_function(torch.sigmoid, args, kwargs)
        >>> traced = torch.fx.symbolic_trace(lambda x: torch.relu(x))
        >>> [str(node.target) for node in Swap(traced).transform().graph.nodes][:1]
        ['x']
    """

    def __init__(self, module: GraphModule):
        super().__init__(module)
        self.new_graph = Graph()
        self.new_graph.set_codegen(module.graph._codegen)
        self.tracer: Tracer = _TransformerTracer(self.new_graph, module)

    def placeholder(self, target: Target, args: tuple, kwargs: dict[str, Any]) -> Any:
        default = args[0] if args else ...
        return Proxy(self.new_graph.placeholder(str(target), default_value=default), self.tracer)

    def get_attr(self, target: Target, args: tuple, kwargs: dict[str, Any]) -> Any:
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_module(self, target: Target, args: tuple, kwargs: dict[str, Any]) -> Any:
        return self.tracer.call_module(self.fetch_attr(str(target)), lambda: None, args, kwargs)

    def call_function(self, target: Target, args: tuple, kwargs: dict[str, Any]) -> Any:
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def call_method(self, target: Target, args: tuple, kwargs: dict[str, Any]) -> Any:
        return self.tracer.create_proxy("call_method", target, args, kwargs)

    def transform(self) -> GraphModule:
        """The other module."""
        result = super().run(enable_io_processing=False)
        if result is not None:

            def node_of(a: Any) -> Any:
                return a.node if isinstance(a, Proxy) else a

            old = self.graph.output_node()
            made = self.new_graph.output(map_aggregate(result, node_of), old.type)
            made.meta.update(old.meta)
        return GraphModule(self.module, self.new_graph)


class _TransformerTracer(Tracer):
    def __init__(self, graph: Graph, module: Module):
        super().__init__()
        self.graph, self.root = graph, module
        self.submodule_paths = {mod: name for name, mod in module.named_modules()}

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        return True
