"""Node: one line of a graph, what it computes, of which nodes, and who uses it."""

from __future__ import annotations

import keyword
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .argument import Argument, BaseArgumentTypes, base_types, map_aggregate
from .immutable_collections import immutable_dict, immutable_list
from .naming import found, snake_case, target_text, torch_path, type_repr
from .naming import qualified_name as _get_qualified_name
from .naming import type_repr as _type_repr

if TYPE_CHECKING:
    from .graph import Graph

__all__ = ["Argument", "Node", "Target", "has_side_effect", "map_aggregate", "map_arg"]

Target = str | Callable[..., Any]

OPERATIONS = (
    *("placeholder", "get_attr", "call_function", "call_module", "call_method", "output", "root"),
)
_legal_ops = dict.fromkeys(OPERATIONS)
_side_effectful_functions: set[Callable] = {operator.setitem}
_KEPT_CHECKS = ("_assert", "_assert_async", "_check", "sym_constrain_range")


def has_side_effect(fn: Callable) -> Callable:
    """Say that a function does more than give a result, so that its nodes stay when nobody uses them.

    Source: torch.fx.has_side_effect
    """
    _side_effectful_functions.add(fn)
    return fn


def map_arg(a: Any, fn: Callable[[Node], Any]) -> Any:
    """The same nesting with `fn` of every node in it.

    Source: torch.fx.map_arg

    Raises:
        AssertionError: `fn` cannot be called.
    """
    if not callable(fn):
        raise AssertionError("torch.fx.map_arg(a, fn): fn must be a callable")
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


class Node:
    """One operation of a `Graph`; made by `Graph.create_node` and its kin.

    Attributes:
        graph: The graph that it belongs to.
        name: The name of its result, which no other node of the graph has.
        op: "placeholder", "get_attr", "call_function", "call_module", "call_method" or "output".
        target: What is called: a function, the name of a method, the path of a module or attribute,
            the name of an argument.
        args, kwargs: What it is called with: nestings of nodes and plain values. Assigning them keeps
            `users` of the other nodes right.
        users: The nodes that use it, as keys, in the order in which they began to.
        type: The annotation of its result, if there is one.
        meta: What passes know of it. It is copied with the node.

    Source: torch.fx.Node

    Example:
        >>> import flambeau as torch
        >>> graph = torch.fx.Graph()
        >>> x = graph.placeholder("x")
        >>> y = graph.call_function(torch.add, (x, 1))
        >>> y.args, list(x.users)
        ((x, 1), [add])
    """

    def __init__(
        self,
        graph: Graph,
        name: str,
        op: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        return_type: Any = None,
    ):
        if op not in _legal_ops:
            raise AssertionError(f"op {op!r} is not one of {', '.join(OPERATIONS)}")
        if op == "call_function":
            if not callable(target):
                raise ValueError(
                    f"Node [graph = {graph}, name = {name!r}] target {target} has type "
                    f"{torch_path(_get_qualified_name(type(target)))} but a Callable is expected"
                )
        elif not isinstance(target, str):
            raise ValueError(
                f"Node [graph = {graph}, name = {name!r}] target {target} has type "
                f"{_get_qualified_name(type(target))} but a str is expected"
            )
        self.graph, self.name, self.op, self.target = graph, name, op, target
        self.type = return_type
        self.users: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self._input_nodes: dict[Node, None] = {}
        self._args: tuple[Argument, ...] = ()
        self._kwargs: dict[str, Argument] = immutable_dict()
        self._repr_fn: Callable[[Node], str] | None = None
        self._prev = self._next = self
        self._erased = False
        self._update_args_kwargs(args, kwargs)

    # ------------------------------------------------------------------------- place in the graph

    @property
    def next(self) -> Node:
        """The node after this one; after the last, the graph's root."""
        return self._next

    @property
    def prev(self) -> Node:
        """The node before this one."""
        return self._prev

    def prepend(self, x: Node) -> None:
        """Move `x`, a node of the same graph, to the place before this one.

        Raises:
            AssertionError: `x` belongs to another graph.
        """
        if x.graph is not self.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if x is self:
            return
        self.graph._positions = None
        x._remove_from_list()
        before = self._prev
        before._next, x._prev = x, before
        x._next, self._prev = self, x

    def append(self, x: Node) -> None:
        """Move `x` to the place after this one."""
        self._next.prepend(x)

    def _remove_from_list(self) -> None:
        self.graph._positions = None
        before, after = self._prev, self._next
        before._next, after._prev = after, before

    def __lt__(self, other: Node) -> bool:
        return self.graph._before(self, other)

    def __gt__(self, other: Node) -> bool:
        return self.graph._before(other, self)

    def __le__(self, other: Node) -> bool:
        return self is other or self < other

    def __ge__(self, other: Node) -> bool:
        return self is other or self > other

    # ---------------------------------------------------------------------------------- arguments

    @property
    def args(self) -> tuple[Argument, ...]:
        """The positional arguments."""
        return self._args

    @args.setter
    def args(self, a: tuple[Argument, ...]) -> None:
        self._update_args_kwargs(a, self._kwargs)

    @property
    def kwargs(self) -> dict[str, Argument]:
        """The arguments by name."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, k: dict[str, Argument]) -> None:
        self._update_args_kwargs(self._args, k)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes that it uses, each once, in the order of its arguments."""
        return list(self._input_nodes)

    def _update_args_kwargs(self, args: Any, kwargs: Any) -> None:
        for node in self._input_nodes:
            node.users.pop(self, None)
        self._input_nodes = {}

        def note(x: Any) -> Any:
            if isinstance(x, Node):
                self._input_nodes.setdefault(x)
                x.users.setdefault(self)
            return x

        self._args = map_aggregate(args, note)
        self._kwargs = map_aggregate(kwargs, note)

    def update_arg(self, idx: int, arg: Argument) -> None:
        """Put another value in the place of one positional argument."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Argument) -> None:
        """Add a positional argument before the one that has this place now.

        Raises:
            AssertionError: There is no such place.
        """
        if not 0 <= idx <= len(self.args):
            raise AssertionError("insert_args index must be between 0 and len(self.args)")
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key: str, arg: Argument) -> None:
        """Put another value in the place of one argument by name."""
        self.kwargs = {**self.kwargs, key: arg}

    def replace_all_uses_with(
        self,
        replace_with: Node,
        delete_user_cb: Callable[[Node], bool] = lambda user: True,
        *,
        propagate_meta: bool = False,
    ) -> list[Node]:
        """Let every user of this node use another one; returns those users.

        Args:
            replace_with: The other node.
            delete_user_cb: Asked of each user; those for which it says no keep this node.
            propagate_meta: Give `replace_with` this node's `meta` too, if it has none.

        Raises:
            AssertionError: `propagate_meta`, and the other node has its own `meta`.
        """
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError(
                    "Called node.replace_all_uses_with(replace_with, propagate_meta=True), "
                    "but replace_with already has .meta keys"
                )
            replace_with.meta.update(self.meta)
        chosen = [user for user in self.users if delete_user_cb(user)]
        for user in chosen:
            self.graph._replaced(self, replace_with, user)
            user.replace_input_with(self, replace_with)
        return chosen

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Use another node wherever this one uses `old_input`."""

        def other(node: Node) -> Any:
            return new_input if node is old_input else node

        self._update_args_kwargs(map_arg(self.args, other), map_arg(self.kwargs, other))

    _replace_input_with = replace_input_with

    # --------------------------------------------------------------------------------- properties

    @property
    def stack_trace(self) -> str | None:
        """The program's lines that made it, where the tracer noted them (`Tracer.record_stack_traces`)."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace: str | None) -> None:
        self.meta["stack_trace"] = trace

    def is_impure(self, impure_random: bool = True) -> bool:
        """Must it stay even if nobody uses its result?

        True of arguments and outputs, of checks, of functions under `has_side_effect`, and of random
        ones unless `impure_random` is False. A method in place (``x.add_``) is not noticed, as in PyTorch.
        """
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            function = self.target
            if function in _side_effectful_functions or _is_check(function):
                return True
            name = getattr(function, "__name__", "")
            return bool(impure_random and name in _RANDOM and _is_public(function))
        if self.op == "call_module":
            module = self.graph.owning_module
            if module is None:
                raise AssertionError("self.graph.owning_module not set for purity check")
            called = module.get_submodule(self.target)
            return bool(getattr(called, "_is_impure", False))
        return False

    def normalized_arguments(
        self,
        root: Any,
        arg_types: tuple[Any, ...] | None = None,
        kwarg_types: dict[str, Any] | None = None,
        normalize_to_only_use_kwargs: bool = False,
    ) -> Any:
        """The arguments as `operator_schemas` settles them by the target's signature; None if it cannot.

        Args:
            root: The module that paths of modules are found in.
            arg_types, kwarg_types: Types, where more than one signature could be meant.
            normalize_to_only_use_kwargs: All by name?
        """
        from .operator_schemas import normalize_function, normalize_module

        if self.op == "call_function":
            return normalize_function(
                self.target,  # type: ignore[arg-type]
                self.args,
                self.kwargs,
                arg_types,
                kwarg_types,
                normalize_to_only_use_kwargs=normalize_to_only_use_kwargs,
            )
        if self.op == "call_module":
            return normalize_module(
                root, str(self.target), self.args, self.kwargs, normalize_to_only_use_kwargs
            )
        return None

    # ------------------------------------------------------------------------------------ printing

    def __repr__(self) -> str:
        return self._repr_fn(self) if self._repr_fn else self.name

    def _pretty_print_target(self, target: Any) -> str:
        return target_text(target)

    def format_node(
        self,
        placeholder_names: list[str] | None = None,
        maybe_return_typename: list[str] | None = None,
        *,
        include_tensor_metadata: bool = False,
    ) -> str | None:
        """The node as a line of ``print(graph)``.

        Args:
            placeholder_names: Takes the line of a placeholder, which then gives None.
            maybe_return_typename: Its first item takes the annotation of an output.
            include_tensor_metadata: Add shape and dtype where `meta` has them?
        """
        if self.op == "placeholder" and placeholder_names is not None:
            placeholder_names.append(
                f"{self.target} : {type_repr(self.type)}" if self.type else str(self.target)
            )
            return None
        if self.op == "output":
            if self.type and maybe_return_typename:
                maybe_return_typename[0] = f" -> {type_repr(self.type)}"
            return f"return {self.args[0]}"
        kind = f": {type_repr(self.type)} " if self.type else ": "
        users = f"[num_users={len(self.users)}]"
        if include_tensor_metadata:
            users = f"{_known_tensor(self)}{users}"
        head = f"%{self.name} {kind}{users} = {self.op}[target={target_text(self.target)}]"
        if self.op == "get_attr":
            return head
        if self.op == "placeholder":
            return f"{head}(default={self.args[0]})" if self.args else head
        return f"{head}(args = {_format_arg(self.args)}, kwargs = {_format_arg(self.kwargs)})"

    # ------------------------------------------------------------------------------------- renaming

    def _rename(self, candidate: str) -> None:
        if candidate != self.name:
            self.name = self.graph._graph_namespace.create_name(candidate, None)
            self.graph._graph_namespace._rename_object(self, self.name)

    def _name_exactly(self, name: str) -> None:
        """Give it a name that the graph would keep from it because Python has the same: "input"."""
        if name != self.name and name.isidentifier() and not keyword.iskeyword(name):
            self.name = name
            self.graph._graph_namespace._rename_object(self, name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            "a torch.fx.Node is pickled with its graph only: pickle the GraphModule or the Graph"
        )


def _known_tensor(node: Node) -> str:
    value: Any = node.meta.get("val", node.meta.get("tensor_meta"))
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype}{list(value.shape)} "
    return ""


def _format_arg(arg: Any, max_list_len: float = float("inf")) -> str:
    """An argument of a node in listings: nodes with a percent sign, strings without quotes."""
    if isinstance(arg, (list, tuple)):
        items = [_format_arg(a, max_list_len) for i, a in enumerate(arg) if i < max_list_len]
        if len(arg) >= max_list_len + 1:
            items.append(f"...[total_len={len(arg)}]")
        text = ", ".join(items)
        if isinstance(arg, list):
            return f"[{text}]"
        return f"({text},)" if len(arg) == 1 else f"({text})"
    if isinstance(arg, dict):
        return "{" + ", ".join(f"{k}: {_format_arg(v, max_list_len)}" for k, v in arg.items()) + "}"
    return f"%{arg}" if isinstance(arg, Node) else str(arg)


_RANDOM = frozenset(
    (
        *("bernoulli", "dropout", "alpha_dropout", "feature_dropout", "multinomial", "normal"),
        *("poisson", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like"),
        *("randperm", "rrelu"),
    )
)


def _is_public(function: Any) -> bool:
    return getattr(found(f"torch.{function.__name__}"), "__name__", None) == function.__name__


def _is_check(function: Any) -> bool:
    name = getattr(function, "__name__", "")
    return name in _KEPT_CHECKS and found(f"torch.{name}") is function


__all__ += ["BaseArgumentTypes", "base_types", "immutable_list", "snake_case"]
__all__ += ["_format_arg", "_get_qualified_name", "_type_repr"]
