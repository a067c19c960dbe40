"""Graph: a function as a list of nodes."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .argument import map_aggregate
from .codegen import (
    CodeGen,
    PythonCode,
    inplace_methods,
    magic_methods,
    reflectable_magic_methods,
)
from .graph_part import (
    Inserting,
    Reference,
    check_path,
    check_used,
    importable,
    is_there,
    packed,
    warn_absent,
)
from .naming import Namespace, snake_case
from .naming import Namespace as _Namespace
from .node import Argument, Node, Target, map_arg
from .tree_codegen import _PyTreeCodeGen, _PyTreeInfo

__all__ = ["CodeGen", "Graph", "PythonCode"]
__all__ += ["_Namespace", "_PyTreeCodeGen", "_PyTreeInfo"]
__all__ += ["inplace_methods", "magic_methods", "reflectable_magic_methods"]


class _NodeList:
    """The nodes of a graph in order; it may change while somebody walks it.

    Source: torch.fx.graph._node_list
    """

    def __init__(self, graph: Graph, direction: str = "_next"):
        self.graph, self.direction = graph, direction

    def __len__(self) -> int:
        return self.graph._len

    def __iter__(self) -> Iterator[Node]:
        root, step = self.graph._root, self.direction
        node = getattr(root, step)
        while node is not root:
            if not node._erased:
                yield node
            node = getattr(node, step)

    def __reversed__(self) -> _NodeList:
        return _NodeList(self.graph, "_prev" if self.direction == "_next" else "_next")


class Graph:
    """A function as a list of nodes, which programs read and change.

    Args:
        owning_module: The module that `call_module` and `get_attr` look into.
        tracer_cls: The class of the tracer that records it; `Transformer` and pickling use it.
        tracer_extras: What that tracer wants kept beside the graph.

    Source: torch.fx.Graph

    Example:
        >>> import flambeau as torch
        >>> graph = torch.fx.Graph()
        >>> x = graph.placeholder("x")
        >>> y = graph.call_function(torch.add, (x, 1))
        >>> _ = graph.output(graph.call_method("relu", (y,)))
        >>> print(graph)
        graph():
            %x : [num_users=1] = placeholder[target=x]
            %add : [num_users=1] = call_function[target=torch.add](args = (%x, 1), kwargs = {})
            %relu : [num_users=1] = call_method[target=relu](args = (%add,), kwargs = {})
            return relu
    """

    def __init__(
        self,
        owning_module: Any = None,
        tracer_cls: type | None = None,
        tracer_extras: dict[str, Any] | None = None,
    ):
        self._positions: dict[Node, int] | None = None
        self._root = Node(self, "", "root", "", (), {})
        self._len = 0
        self._insert = self._root.prepend
        self._graph_namespace = Namespace()
        self._owning_module = owning_module
        self._tracer_cls, self._tracer_extras = tracer_cls, tracer_extras
        self._codegen = CodeGen()
        self._co_fields: dict[str, Any] = {}

    @property
    def owning_module(self) -> Any:
        """The module that paths are found in."""
        return self._owning_module

    @owning_module.setter
    def owning_module(self, mod: Any) -> None:
        self._owning_module = mod

    @property
    def nodes(self) -> _NodeList:
        """The nodes in order; ``reversed(graph.nodes)`` walks them back."""
        return _NodeList(self)

    def find_nodes(self, *, op: str, target: Target | None = None, sort: bool = True) -> list[Node]:
        """The nodes of this kind and target, in order.

        Args:
            op: "call_function", "call_module" and so on.
            target: Of "call_function" it has to be given, of others it may be.
            sort: There is no other order here.
        """
        if op == "call_function" and target is None:
            return [node for node in self.nodes if node.op == op]
        return [n for n in self.nodes if n.op == op and (target is None or n.target == target)]

    def output_node(self) -> Node:
        """The node that holds what the graph returns.

        Raises:
            AssertionError: The last node is none.
        """
        last = self._root._prev
        if last.op != "output":
            raise AssertionError(f"Expected output node, got op={last.op}")
        return last

    # -------------------------------------------------------------------------------- making nodes

    def create_node(
        self,
        op: str,
        target: Target,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """Add a node where nodes are being inserted: at the end, unless told otherwise.

        Args:
            op, target, args, kwargs: See `Node`.
            name: The name of its result, if it is free; the default is made of `target`.
            type_expr: The annotation of its result.

        Raises:
            AssertionError: `op` is none of a node's operations.
        """
        args, kwargs = args or (), kwargs or {}
        candidate = name if name is not None else self._target_to_str(target)
        name = self._graph_namespace.create_name(candidate, None)
        node = Node(self, name, op, target, args, kwargs, type_expr)
        self._graph_namespace.associate_name_with_obj(name, node)
        self._insert(node)
        self._len += 1
        for hook in getattr(self.owning_module, "_create_node_hooks", ()):
            hook(node)
        return node

    def _target_to_str(self, target: Target) -> str:
        """A name to begin with, made of what is called."""
        if callable(target):
            name = getattr(target, "__name__", None) or type(target).__name__
        else:
            name = target.replace(".", "_")
            if name.startswith("__") and name.endswith("__"):
                name = name[2:-2]
        return snake_case(name)

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = ...) -> Node:
        """Add an argument of the function.

        Args:
            name: Its name; with a star, ``*args`` or ``**kwargs``.
            type_expr: Its annotation.
            default_value: Its default; ``...`` for none.
        """
        args = (
            ()
            if default_value is ... or default_value is inspect.Signature.empty
            else (default_value,)
        )
        return self.create_node("placeholder", name, args=args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """Add a look at an attribute of the module, by its path."""
        owner = self.owning_module
        if owner is not None and not is_there(owner, qualified_name):
            warn_absent(qualified_name, "get_attr", "an attribute")
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(
        self,
        module_name: str,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any = None,
    ) -> Node:
        """Add the call of a submodule, by its path."""
        owner = self.owning_module
        if owner is not None and not is_there(owner, module_name):
            warn_absent(module_name, "call_module", "a submodule")
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(
        self,
        method_name: str,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any = None,
    ) -> Node:
        """Add the call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(
        self,
        the_function: Callable[..., Any],
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any = None,
        name: str | None = None,
    ) -> Node:
        """Add the call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def output(self, result: Argument, type_expr: Any = None) -> Node:
        """Add what the function returns."""
        return self.create_node("output", "output", args=(result,), type_expr=type_expr)

    def node_copy(
        self, node: Node, arg_transform: Callable[[Node], Argument] = lambda x: x
    ) -> Node:
        """Add a copy of a node of another graph.

        Args:
            node: The node.
            arg_transform: For each node among its arguments, what takes its place here.
        """
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        made.meta = copy.copy(node.meta)
        return made

    def graph_copy(
        self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False
    ) -> Any:
        """Add all nodes of another graph, but for its output.

        Args:
            g: The other graph.
            val_map: For its nodes, those that stand for them here; filled with the copies.
            return_output_node: Give the other graph's output node too?

        Returns:
            What the other graph returns, in nodes of this one.
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], lambda n: val_map[n])
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    # ------------------------------------------------------------------------------------- changing

    def erase_node(self, to_erase: Node) -> None:
        """Take a node out, which nobody uses.

        Raises:
            RuntimeError: Somebody does, or it belongs to another graph.
        """
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} "
                f"users in the graph: {to_erase.users}!"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            return
        for hook in getattr(self.owning_module, "_erase_node_hooks", ()):
            hook(to_erase)
        to_erase._remove_from_list()
        to_erase._erased = True
        self._len -= 1
        to_erase._update_args_kwargs((), {})

    def inserting_before(self, n: Node | None = None) -> Inserting:
        """From now on, or within ``with``, new nodes stand before `n`; before all if it is None."""
        if n is None:
            return self.inserting_after(self._root)
        self._check_mine(n)
        return Inserting(self, n.prepend)

    def inserting_after(self, n: Node | None = None) -> Inserting:
        """From now on, or within ``with``, new nodes stand after `n`; after all if it is None."""
        if n is None:
            return self.inserting_before(self._root)
        self._check_mine(n)
        return Inserting(self, n.append)

    def _check_mine(self, n: Node) -> None:
        if n.graph is not self:
            raise AssertionError("Node to insert before is not in graph.")

    def eliminate_dead_code(
        self, is_impure_node: Callable[[Node], bool] | None = None, impure_random: bool = True
    ) -> bool:
        """Take out the nodes that nobody uses; returns whether there were any.

        Args:
            is_impure_node: Must a node stay though nobody uses it? The default is `Node.is_impure`.
            impure_random: Do random functions stay?
        """
        self.lint()
        before = len(self.nodes)
        for node in reversed(self.nodes):
            if node.users:
                continue
            if not (is_impure_node(node) if is_impure_node else node.is_impure(impure_random)):
                self.erase_node(node)
        return len(self.nodes) < before

    def _replaced(self, old: Node, new: Node, user: Node) -> None:
        for hook in getattr(self.owning_module, "_replace_hooks", ()):
            hook(old=old, new=new.name, user=user)

    def _before(self, x: Node, y: Node) -> bool:
        """Does `x` stand before `y`?"""
        if self._positions is None:
            self._positions = {node: i for i, node in enumerate(self.nodes)}
        return self._positions[x] < self._positions[y]

    # ------------------------------------------------------------------------------------- checking

    def lint(self) -> None:
        """Check that every node is used after it is made, once named, and finds what it calls.

        Raises:
            RuntimeError: A node uses one that is not there yet, a name is there twice, or a path leads nowhere.
        """
        seen: set[Node] = set()
        names: set[str] = set()
        for node in self.nodes:
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")
            for used in node.all_input_nodes:
                check_used(used, node, self, seen)
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            seen.add(node)
            names.add(node.name)
            if self.owning_module is not None and node.op in ("get_attr", "call_module"):
                check_path(self.owning_module, node)

    # ------------------------------------------------------------------------------ writing, printing

    def python_code(
        self,
        root_module: str,
        *,
        verbose: bool = False,
        include_stride: bool = False,
        include_device: bool = False,
        colored: bool = False,
        **kwargs: Any,
    ) -> PythonCode:
        """The graph as a function's text.

        Args:
            root_module: What the text calls the module: "self".
            verbose: Add shapes and places in the program, where they are known.
            include_stride, include_device: Add these too.
            colored: Not used: the text has no colours.
        """
        namespace = Namespace()
        before = {node: node._repr_fn for node in self.nodes}

        def name(node: Node) -> str:
            return namespace.create_name(node.name, node)

        for node in self.nodes:
            node._repr_fn = name
        try:
            return self._codegen._gen_python_code(
                self.nodes,
                root_module,
                namespace,
                verbose=verbose,
                include_stride=include_stride,
                include_device=include_device,
                colored=colored,
                **kwargs,
            )
        finally:
            for node, repr_fn in before.items():
                node._repr_fn = repr_fn

    def set_codegen(self, codegen: CodeGen) -> None:
        """Let another object write this graph's text."""
        self._codegen = codegen

    def on_generate_code(
        self, make_transformer: Callable[[Any], Callable[[list[str]], list[str]]]
    ) -> Any:
        """Change the text's lines whenever it is written, from now on or within ``with``.

        Args:
            make_transformer: Given the function that changes them now, or None, returns one of a list of lines.
        """
        before = self._codegen._body_transformer
        self._codegen._body_transformer = make_transformer(before)

        @contextmanager
        def restoring() -> Iterator[None]:
            try:
                yield
            finally:
                self._codegen._body_transformer = before

        return restoring()

    def process_inputs(self, *args: Any) -> Any:
        """What the placeholders get, from what the function is called with."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out: Any) -> Any:
        """What the function returns, from the output node's value."""
        return self._codegen.process_outputs(out)

    def __str__(self) -> str:
        """The nodes, one a line."""
        lines = ["graph():"]
        for node in self.nodes:
            lines.append(f"    {node.format_node()}")
        return "\n".join(lines)

    def print_tabular(self) -> None:
        """Print the nodes as a table, with the package tabulate.

        Raises:
            ImportError: The package is not there.
        """
        try:
            from tabulate import tabulate  # type: ignore[import-untyped,unused-ignore]
        except ImportError:
            print("`print_tabular` needs the package tabulate: pip install tabulate")
            raise
        rows = [[n.op, n.name, n.target, n.args, n.kwargs] for n in self.nodes]
        print(tabulate(rows, headers=["opcode", "name", "target", "args", "kwargs"]))

    # ------------------------------------------------------------------------------ copies, pickles

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Graph:
        """The same nodes in another graph, of the same codegen."""
        memo = {} if memo is None else memo
        made = Graph(tracer_cls=self._tracer_cls)
        made._tracer_extras = copy.deepcopy(self._tracer_extras, memo)
        made._codegen = copy.deepcopy(self._codegen, memo)
        made._co_fields = self._co_fields
        found: dict[Node, Node] = {}
        output = made.graph_copy(self, found, return_output_node=True)
        if output is not None:
            result, old = output
            node = made.output(result, old.type)
            node.meta = copy.copy(old.meta)
        return made

    def __getstate__(self) -> dict[str, Any]:
        return {
            "nodes": [packed(node) for node in self.nodes],
            "codegen": self._codegen,
            "tracer_cls": importable(self._tracer_cls),
            "tracer_extras": self._tracer_extras,
            "co_fields": self._co_fields,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        Graph.__init__(self, None, state["tracer_cls"], state["tracer_extras"])
        self._codegen, self._co_fields = state["codegen"], state["co_fields"]
        found: dict[str, Node] = {}

        def node_of(x: Any) -> Any:
            return found[x.name] if isinstance(x, Reference) else x

        for op, name, target, args, kwargs, kind, meta in state["nodes"]:
            node = self.create_node(
                *(op, target, map_aggregate(args, node_of), map_aggregate(kwargs, node_of)),
                *(name, kind),
            )
            node.meta = meta
            found[name] = node
