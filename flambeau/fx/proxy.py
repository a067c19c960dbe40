"""Proxies: they stand for values while a function is traced, and note what is done with them."""

from __future__ import annotations

import dis
import enum
import inspect
import operator
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from traceback import StackSummary
from types import FrameType
from typing import Any

from .._caller import OURS
from ..core.tensor import Tensor
from ..dispatch.torch_function import guards
from . import traceback
from .argument import base_types, map_aggregate
from .call_form import as_recorded
from .codegen import magic_methods, reflectable_magic_methods
from .graph import Graph
from .immutable_collections import immutable_dict, immutable_list
from .node import Argument, Node, Target

__all__ = ["Attribute", "GraphAppendingTracer", "ParameterProxy", "Proxy", "TraceError"]
__all__ += ["Scope", "ScopeContextManager", "TracerBase"]


class TraceError(ValueError):
    """What a program does with a proxy cannot be traced.

    Source: torch.fx.proxy.TraceError
    """


class Scope:
    """The module whose forward is being traced.

    Attributes:
        module_path: Its path.
        module_type: Its class.
    """

    def __init__(self, module_path: str, module_type: Any):
        self.module_path, self.module_type = module_path, module_type


class ScopeContextManager:
    """Within ``with``, one scope is another.

    Source: torch.fx.proxy.ScopeContextManager
    """

    def __init__(self, scope: Scope, current_scope: Scope):
        self._scope, self._before = scope, (scope.module_path, scope.module_type)
        scope.module_path, scope.module_type = current_scope.module_path, current_scope.module_type

    def __enter__(self) -> Scope:
        return self._scope

    def __exit__(self, *exception: object) -> None:
        self._scope.module_path, self._scope.module_type = self._before


class TracerBase:
    """What every tracer has: a graph, and ways to make nodes and proxies of them.

    Attributes:
        graph: The graph that is being made.
        record_stack_traces: Note the program's lines in ``node.meta["stack_trace"]``?
        check_mutable_operations: Not used here.
        trace_asserts: Make nodes of ``assert`` statements?
        proxy_buffer_attributes: Make proxies of buffers?
        traced_func_name: The method of the module that is traced.
    """

    graph: Graph
    record_stack_traces = False
    check_mutable_operations = False
    trace_asserts = False
    proxy_buffer_attributes = False
    traced_func_name = "forward"
    scope: Scope
    module_stack: dict[str, Any]

    def create_node(
        self,
        kind: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """Add a node to the graph. Override it to see or change them all."""
        node = self.graph.create_node(kind, target, args, kwargs, name, type_expr)
        stack = getattr(self, "module_stack", None)
        if stack:
            node.meta["nn_module_stack"] = dict(stack)
        if traceback.current_meta:
            node.meta = {**traceback.current_meta, **node.meta}
        if self.record_stack_traces and not node.stack_trace:
            node.stack_trace = "".join(_program_lines()) or None
        return node

    def proxy(self, node: Node) -> Any:
        """The proxy of a node."""
        return Proxy(node, self)

    def create_proxy(
        self,
        kind: str,
        target: Target,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str | None = None,
        type_expr: Any = None,
        proxy_factory_fn: Callable[[Node], Any] | None = None,
    ) -> Any:
        """Add a node, whose arguments may hold proxies, and give its proxy."""
        node_args, node_kwargs = self.create_arg(args), self.create_arg(kwargs)
        node = self.create_node(kind, target, node_args, node_kwargs, name, type_expr)
        return proxy_factory_fn(node) if proxy_factory_fn else self.proxy(node)

    def create_arg(self, a: Any) -> Argument:
        """A value as an argument of nodes: proxies become their nodes.

        Raises:
            NotImplementedError: A value that no node can hold.
        """
        if isinstance(a, Proxy):
            return a.node
        if isinstance(a, Node) or hasattr(a, "__fx_create_arg__"):
            return a.__fx_create_arg__(self) if hasattr(a, "__fx_create_arg__") else a
        if isinstance(a, tuple):
            items = [self.create_arg(item) for item in a]
            kind: Any = type(a)
            return kind(*items) if hasattr(a, "_fields") else tuple(items)
        if isinstance(a, list):
            return [self.create_arg(item) for item in a]
        if isinstance(a, dict):
            return self._dict_arg(a)
        if isinstance(a, slice):
            return slice(*map(self.create_arg, (a.start, a.stop, a.step)))
        if isinstance(a, range):
            return range(*map(self.create_arg, (a.start, a.stop, a.step)))
        if is_dataclass(a) and not isinstance(a, type):
            parts = {field.name: self.create_arg(getattr(a, field.name)) for field in fields(a)}
            return self.create_node("call_function", type(a), (), parts)
        if isinstance(a, (*base_types, enum.Enum)) or a is None or a is ...:
            return a
        if isinstance(a, type) or callable(a):
            return a
        raise NotImplementedError(
            f"argument of type: {type(a)}: a node of a graph cannot hold it; override "
            "Tracer.create_arg, or wrap the function that it goes into with torch.fx.wrap"
        )

    def _dict_arg(self, a: dict) -> dict:
        for key in a:
            if isinstance(key, Proxy):
                raise RuntimeError(
                    f"Keys for dictionaries used as an argument cannot contain a Node. Got key: {key}"
                )
        return {key: self.create_arg(value) for key, value in a.items()}

    def to_bool(self, obj: Proxy) -> bool:
        """What ``bool(proxy)`` gives: asked by ``if``, ``while``, ``assert`` and ``not``.

        Raises:
            TraceError: Always, unless a subclass knows the value.
        """
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj: Proxy) -> Iterator:
        """What ``iter(proxy)`` gives; unpacking into names is traced by itself.

        Raises:
            TraceError: Always, unless a subclass knows the length.
        """
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop "
            "or as a *args or **kwargs function argument. Its length is not known while tracing: take "
            "its items by index, or keep the function that iterates out of the trace with torch.fx.wrap"
        )

    def keys(self, obj: Proxy) -> Any:
        """What ``proxy.keys()`` gives, and what ``**proxy`` asks for."""
        return Attribute(obj, "keys")()


class GraphAppendingTracer(TracerBase):
    """A tracer that adds nodes to a graph that is there.

    Source: torch.fx.proxy.GraphAppendingTracer

    Example:
        >>> import flambeau as torch
        >>> graph = torch.fx.Graph()
        >>> tracer = torch.fx.proxy.GraphAppendingTracer(graph)
        >>> x = torch.fx.Proxy(graph.placeholder("x"), tracer)
        >>> _ = graph.output((2 * x.relu()).node)
        >>> [node.name for node in graph.nodes]
        ['x', 'relu', 'mul', 'output']
    """

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph
        self.scope = Scope("", None)
        self.module_stack = {}


def assert_fn(x: Any) -> None:
    """An ``assert`` of a traced program."""
    assert x


class Proxy:
    """Stands for a value while a function is traced: what is done with it becomes nodes of a graph.

    Args:
        node: The node whose value it is.
        tracer: Who makes the nodes; the default adds them to the node's graph.

    Source: torch.fx.Proxy

    Example:
        >>> import flambeau as torch
        >>> graph = torch.fx.Graph()
        >>> x = torch.fx.Proxy(graph.placeholder("x"))
        >>> torch.relu(x) + 1
        Proxy(add)
    """

    def __init__(self, node: Node, tracer: TracerBase | None = None):
        self.node = node
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        guards.enable()  # from now on torch's functions ask whether one of their operands is a proxy

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, k: str) -> Any:
        if k in ("__deepcopy__", "__fx_create_arg__", "__array__", "__array_interface__"):
            raise AttributeError(k)
        return Attribute(self, k)

    def __deepcopy__(self, memo: dict[int, Any]) -> Proxy:
        import copy

        made = Proxy.__new__(type(self))
        for key, value in self.__dict__.items():
            made.__dict__[key] = copy.deepcopy(value, memo) if key not in _SHARED else value
        return made

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator:
        count = _unpacked(sys._getframe(1))
        if count is None:
            return self.tracer.iter(self)
        return iter([self[i] for i in range(count)])  # type: ignore[index]

    def __bool__(self) -> bool:
        if self.tracer.trace_asserts and _is_assert(sys._getframe(1)):
            self.tracer.create_proxy("call_function", assert_fn, (self,), {})
            return True
        return self.tracer.to_bool(self)

    def keys(self) -> Any:
        """What ``**proxy`` asks for: see `TracerBase.keys`."""
        return self.tracer.keys(self)

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be "
            "recorded, please call torch.fx.wrap('len') at module scope"
        )

    @classmethod
    def __torch_function__(
        cls, orig_method: Any, types: Any, args: Any = None, kwargs: Any = None
    ) -> Any:
        args, kwargs = args or (), kwargs or {}
        tracers: dict[Any, None] = {}
        map_aggregate((args, kwargs), lambda a: _note_tracer(a, tracers))
        if len(tracers) > 1:
            raise RuntimeError(
                f"Found multiple different tracers {list(tracers)} while trying to trace operations "
                f"{orig_method}"
            )
        tracer = next(iter(tracers))
        name = called_name(orig_method)
        if getattr(orig_method, "__name__", "") == "__get__":  # a property of Tensor
            return tracer.create_proxy("call_function", getattr, (args[0], name), {})
        if is_tensor_method(orig_method):
            return tracer.create_proxy("call_method", name, args, kwargs)
        args, kwargs = as_recorded(orig_method, args, kwargs)
        return tracer.create_proxy("call_function", orig_method, args, kwargs)


def called_name(function: Any) -> str:
    """The name of a function or method; of a property's getter, the property's."""
    name: str = getattr(function, "__name__", "")
    if name == "__get__":
        return guards.names().get(function, "torch.Tensor.").split(".")[2]
    return name


def is_tensor_method(function: Any) -> bool:
    """Is it known as a method of Tensor, and not as a function of a module?"""
    name = getattr(function, "__name__", "")
    if not name or getattr(Tensor, name, None) is not function:
        return False
    public = guards.names().get(function, "torch.Tensor.")
    return public.startswith("torch.Tensor.")


_SHARED = frozenset(("node", "tracer"))


def _note_tracer(a: Any, tracers: dict[Any, None]) -> Any:
    if isinstance(a, Proxy):
        tracers.setdefault(a.tracer)
    return a


class Attribute(Proxy):
    """An attribute of a proxy; its node is made once somebody uses it as a value.

    Source: torch.fx.proxy.Attribute
    """

    def __init__(self, root: Proxy, attr: str):
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        if self._node is None:
            made = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {})
            self._node = made.node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """A proxy of a parameter: its shape is known.

    Args:
        tracer, node: As of `Proxy`.
        name: The parameter's path.
        param: The parameter.

    Source: torch.fx.proxy.ParameterProxy
    """

    def __init__(self, tracer: TracerBase, node: Node, name: str, param: Any):
        super().__init__(node, tracer)
        if not isinstance(param, Tensor):
            raise AssertionError(f"Expected Parameter, got {type(param)}")
        self.param, self.name = param, name

    def __repr__(self) -> str:
        return f"ParameterProxy({self.name})"

    @property
    def shape(self) -> Any:
        return self.param.shape

    def size(self, dim: int | None = None) -> Any:
        return self.param.size() if dim is None else self.param.size(dim)

    def dim(self) -> int:
        return self.param.dim()

    @property
    def ndim(self) -> int:
        return self.param.ndim

    def numel(self) -> int:
        return self.param.numel()

    def nelement(self) -> int:
        return self.param.nelement()


# ------------------------------------------------------------------------------------- operators


def _operator(name: str, function: Callable) -> Callable:
    def method(*args: Any, **kwargs: Any) -> Any:
        tracer = args[0].tracer
        return tracer.create_proxy("call_function", function, args, kwargs)

    method.__name__ = name
    return method


def _reflected(name: str, function: Callable) -> Callable:
    def method(self: Proxy, left: Any) -> Any:
        return self.tracer.create_proxy("call_function", function, (left, self), {})

    method.__name__ = name
    return method


for _name in (*magic_methods, "abs"):
    if _name != "div":
        _stem = _name.rstrip("_")
        setattr(Proxy, f"__{_stem}__", _operator(f"__{_stem}__", getattr(operator, _name)))
for _name in reflectable_magic_methods:
    if _name not in ("div", "getitem"):
        _stem = _name.rstrip("_")
        setattr(Proxy, f"__r{_stem}__", _reflected(f"__r{_stem}__", getattr(operator, _name)))
Proxy.__hash__ = object.__hash__  # type: ignore[method-assign]


# ----------------------------------------------------------------------------- the calling program


def _instruction(frame: FrameType) -> tuple[list[dis.Instruction], int]:
    """The instructions of a frame's code, and which of them runs."""
    found = list(dis.get_instructions(frame.f_code))
    for i, instruction in enumerate(found):
        if instruction.offset == frame.f_lasti:
            return found, i
    return found, -1


def _unpacked(frame: FrameType) -> int | None:
    """Into how many names is an iterable being unpacked right now? None if it is iterated otherwise."""
    found, i = _instruction(frame)
    if i < 0 or found[i].opname != "UNPACK_SEQUENCE":
        return None
    return int(found[i].argval)


def _is_assert(frame: FrameType) -> bool:
    """Is the value that is looked at now one that an ``assert`` is about?"""
    found, i = _instruction(frame)
    if i < 0 or (not found[i].opname.startswith("POP_JUMP") and found[i].opname != "TO_BOOL"):
        return False
    after = [x.opname for x in found[i + 1 : i + 4]]
    return "LOAD_ASSERTION_ERROR" in after or any(
        x.opname == "LOAD_COMMON_CONSTANT" for x in found[i + 1 : i + 4]
    )


def _program_lines() -> list[str]:
    """The program's frames, outermost first, without this package's own."""
    frames: list[FrameType] = []
    frame: FrameType | None = inspect.currentframe()
    while frame is not None:
        if not frame.f_code.co_filename.startswith(OURS):
            frames.append(frame)
        frame = frame.f_back
    summary = StackSummary.extract((f, f.f_lineno) for f in reversed(frames))
    return summary.format()


__all__ += ["immutable_dict", "immutable_list"]
