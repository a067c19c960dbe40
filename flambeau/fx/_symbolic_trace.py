"""Tracer: runs a function with proxies, and leaves a graph of what it did."""

from __future__ import annotations

import copy
import functools
import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from .._caller import OURS
from ..core.tensor import Tensor
from ..nn import Module, Parameter, Sequential
from ._compatibility import compatibility
from .concrete_argument import PH, PHBase, PHWithMeta, placeholder_of, trees_taken_apart
from .graph import Graph
from .graph_module import GraphModule
from .node import Argument
from .proxy import ParameterProxy, Proxy, Scope, ScopeContextManager, TracerBase
from .wrapping import (
    _autowrap_check,
    _patch_wrapped_functions,
    _Patcher,
    _wrapped_fns_to_patch,
    _wrapped_methods_to_patch,
    all_positional,
    find_proxy,
    wrap,
)

__all__ = ["PH", "PHBase", "PHWithMeta", "ProxyableClassMeta", "Tracer", "is_fx_tracing"]
__all__ += [
    "ScriptObject",
    "_Patcher",
    "_autowrap_check",
    "_orig_module_call",
    "_orig_module_getattr",
]
__all__ += ["_patch_wrapped_functions", "_wrapped_fns_to_patch", "_wrapped_methods_to_patch"]
__all__ += ["FunctionType", "compatibility"]
__all__ += ["is_fx_symbolic_tracing", "symbolic_trace", "wrap"]

_NN = Module.__module__.rpartition(".")[0]
_orig_module_call, _orig_module_getattr = Module.__call__, Module.__getattr__
_tracing: list[Tracer] = []
"""The tracers at work, the innermost last."""


class ScriptObject:
    """An object of a class in C++ that TorchScript knows; nothing here is one."""


def is_fx_tracing() -> bool:
    """Is a function being traced right now?

    Source: torch.fx._symbolic_trace.is_fx_tracing
    """
    return bool(_tracing)


is_fx_symbolic_tracing = is_fx_tracing


class ProxyableClassMeta(type):
    """A metaclass of classes that may be made of proxies: making one then is a node of the graph.

    Source: torch.fx.ProxyableClassMeta
    """

    def __init__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]):
        super().__init__(name, bases, attrs)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = cls.__new__(cls)  # type: ignore[call-overload]
        if not is_fx_tracing():
            made.__init__(*args, **kwargs)
            return made
        proxy = find_proxy(args, kwargs)
        if proxy is not None:
            return proxy.tracer.create_proxy("call_function", cls, args, kwargs)
        made.__init__(*args, **kwargs)
        return made


class Tracer(TracerBase):
    """Runs a function or module with proxies, and makes a graph of what they meet.

    Args:
        autowrap_modules: Modules whose functions are noted as calls, where they get proxies.
        autowrap_functions: Functions that are noted as calls wherever the program calls them by name.
        param_shapes_constant: Give shapes of parameters as numbers?

    Source: torch.fx.Tracer

    Example:
        >>> import flambeau as torch
        >>> class Leaves(torch.fx.Tracer):
        ...     def is_leaf_module(self, m, path):
        ...         return False
        >>> graph = Leaves().trace(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()))
        >>> [node.op for node in graph.nodes][:3]
        ['placeholder', 'get_attr', 'get_attr']
    """

    _proxy_buffer_attributes = False

    def __init__(
        self,
        autowrap_modules: tuple[ModuleType, ...] = (math,),
        autowrap_functions: tuple[Callable, ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:
        super().__init__()
        self._autowrap_function_ids = {
            id(value)
            for module in autowrap_modules
            for name, value in vars(module).items()
            if not name.startswith("_") and callable(value)
        } | {id(function) for function in autowrap_functions}
        self._autowrap_search = list(autowrap_modules)
        self.param_shapes_constant = param_shapes_constant
        self.submodule_paths: dict[Module, str] | None = None
        self.root_module_name = ""
        self.scope = Scope("", None)
        self.module_stack: dict[str, Any] = {}
        self.num_calls: dict[str, int] = {}
        self.tensor_attrs: dict[Any, str] = {}
        self._qualname_counter: dict[str, int] = {}

    # ------------------------------------------------------------------------- what may be overridden

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Is a call of this module one node, rather than what its forward does?

        True of torch.nn's own modules, but for Sequential.
        """
        package = ".".join(type(m).__module__.split(".")[:2])
        return package in ("torch.nn", _NN) and not isinstance(m, Sequential)

    def path_of_module(self, mod: Module) -> str:
        """The path of a submodule of the module that is traced.

        Raises:
            NameError: It is none.
        """
        if self.submodule_paths:
            path = self.submodule_paths.get(mod)
            if path is not None:
                return path
        for name, module in self.root.named_modules():
            if module is mod:
                return name
        raise NameError("module is not installed as a submodule")

    def call_module(
        self, m: Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """What the call of a submodule gives: a node's proxy for a leaf, else what its forward gives.

        Args:
            m: The submodule.
            forward: Runs it.
            args, kwargs: What it is called with.
        """
        path = self.path_of_module(m)
        with ScopeContextManager(self.scope, Scope(path, type(m))):
            count = self.num_calls.get(path, 0)
            self.num_calls[path] = count + 1
            key = f"{path}@{count}" if count else path
            self.module_stack[key] = (path, type(m))
            try:
                if self.is_leaf_module(m, path):
                    return self.create_proxy("call_module", path, args, kwargs)
                return forward(*args, **kwargs)
            finally:
                self.module_stack.pop(key, None)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What a look at an attribute of a module gives: for parameters, and buffers if wanted, a proxy."""
        if isinstance(attr_val, Parameter):
            return self._found_in(self.root.named_parameters(), attr_val, parameter_proxy_cache)
        if self.proxy_buffer_attributes and isinstance(attr_val, Tensor):
            return self._found_in(self.root.named_buffers(), attr_val, parameter_proxy_cache)
        return attr_val

    _module_getattr = getattr

    def _found_in(self, named: Any, value: Any, cache: dict[str, Any]) -> Any:
        for name, item in named:
            if item is value:
                if name not in cache:
                    factory = None
                    if self.param_shapes_constant:
                        factory = functools.partial(self._parameter_proxy, name, value)
                    cache[name] = self.create_proxy(
                        "get_attr", name, (), {}, proxy_factory_fn=factory
                    )
                return cache[name]
        return value

    def _parameter_proxy(self, name: str, value: Any, node: Any) -> ParameterProxy:
        return ParameterProxy(self, node, name, value)

    def get_fresh_qualname(self, prefix: str) -> str:
        """A name of an attribute that the module does not have yet: `prefix` and a number."""
        number = self._qualname_counter.get(prefix, -1) + 1
        while hasattr(self.root, f"{prefix}{number}"):
            number += 1
        self._qualname_counter[prefix] = number
        return f"{prefix}{number}"

    def create_arg(self, a: Any) -> Argument:
        """A value as an argument of nodes; tensors become attributes of the module, and are looked up.

        Raises:
            NameError: A parameter or a module that does not belong to the module that is traced.
        """
        if isinstance(a, Parameter):
            for name, parameter in self.root.named_parameters():
                if parameter is a:
                    return self.create_node("get_attr", name, (), {})
            raise NameError("parameter is not a member of this module")
        if isinstance(a, Tensor):
            for name, buffer in self.root.named_buffers():
                if buffer is a:
                    return self.create_node("get_attr", name, (), {})
            return self._held(a, "_tensor_constant")
        if isinstance(a, Module) and not isinstance(a, Proxy):
            for name, module in self.root.named_modules():
                if module is a:
                    return self.create_node("get_attr", name, (), {})
            return self._held(a, f"_{type(a).__name__.lower()}_constant")
        if isinstance(type(a), ProxyableClassMeta) and not isinstance(a, tuple):
            return self._held(a, f"_{type(a).__name__}_constant_")
        return super().create_arg(a)

    def _held(self, a: Any, prefix: str) -> Argument:
        """A look at a value that the module is given as an attribute."""
        name = self.tensor_attrs.get(a)
        if name is None:
            name = self.get_fresh_qualname(prefix)
            self.tensor_attrs[a] = name
            setattr(self.root, name, a)
        return self.create_node("get_attr", name, (), {})

    # -------------------------------------------------------------------------------------- tracing

    def create_args_for_root(
        self,
        root_fn: Callable,
        is_module: bool,
        concrete_args: dict[str, Any] | tuple | None = None,
    ) -> tuple[Callable, list[Any]]:
        """Placeholders for the arguments of a function.

        Args:
            root_fn: The function.
            is_module: Is its first argument the module?
            concrete_args: Values that some arguments keep, by name; `PH` for leaves that do not.

        Returns:
            The function to run, and what to run it with.
        """
        function: Any = inspect.unwrap(root_fn)
        code = function.__code__
        count = code.co_argcount + code.co_kwonlyargcount
        names, args = list(code.co_varnames[:count]), []
        if is_module:
            if not names:
                raise RuntimeError("``self`` argument cannot be part of *args expansion!")
            args, names = [self.root], names[1:]
        if isinstance(concrete_args, tuple):
            if len(names) != len(concrete_args):
                raise RuntimeError(
                    f"Tracing expected {len(names)} arguments but got {len(concrete_args)} "
                    "concrete arguments"
                )
            concrete_args = dict(zip(names, concrete_args))
        signature, types = inspect.signature(function), _annotations(function)
        args += [placeholder_of(self, n, types, signature, concrete_args) for n in names]
        stars = (
            bool(code.co_flags & inspect.CO_VARARGS),
            bool(code.co_flags & inspect.CO_VARKEYWORDS),
        )
        if code.co_kwonlyargcount or any(stars):
            places = iter(code.co_varnames[count:])
            for mark, there in zip(("*", "**"), stars):
                if there:
                    args.append(self._proxy_placeholder(mark + next(places)))
            root_fn = all_positional(function)
        if concrete_args is None:
            return root_fn, args
        self_name = list(code.co_varnames[:1]) if is_module else []
        return trees_taken_apart(self, root_fn, args, self_name + names)

    def _proxy_placeholder(self, name: str) -> Any:
        return self.create_proxy("placeholder", name, (), {})

    def trace(
        self, root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None
    ) -> Graph:
        """The graph of a module's forward, or of a function.

        Args:
            root: The module or function.
            concrete_args: Values that some arguments keep.

        Raises:
            TraceError: The program's flow depends on values that are not there yet.
        """
        self.root, function, is_module = self._start(root)
        self.root_module_name = type(self.root).__name__
        self.graph = Graph(tracer_cls=type(self))
        if is_module and hasattr(type(self.root), "__fx_tracer_extras__"):
            self.graph._tracer_extras = type(self.root).__fx_tracer_extras__
        self.submodule_paths = {module: name for name, module in self.root.named_modules()}
        self.tensor_attrs = {}
        _collect_tensors(self.root, "", self.tensor_attrs)
        annotation = _annotations(inspect.unwrap(function)).get("return")
        _tracing.append(self)
        try:
            run, args = self.create_args_for_root(function, is_module, concrete_args)
            with _patched(self, function):
                result = self.create_arg(run(*args))
            self.create_node("output", "output", (result,), {}, type_expr=annotation)
        finally:
            _tracing.pop()
            self.submodule_paths = None
        return self.graph

    def _start(self, root: Any) -> tuple[Any, Callable, bool]:
        """The module to look attributes up in, the function to run, and does it take the module?"""
        if not isinstance(root, Module):
            return Module(), root, False
        name = self.traced_func_name
        if not hasattr(type(root), name):
            raise AssertionError(f"traced_func_name={name} doesn't exist in {type(root).__name__}")
        return root, getattr(type(root), name), True

    def __deepcopy__(self, memo: dict[int, Any]) -> Tracer:
        made = Tracer.__new__(type(self))
        for key, value in self.__dict__.items():
            made.__dict__[key] = value if key in _NOT_COPIED else copy.deepcopy(value, memo)
        return made


def _annotations(function: Any) -> dict[str, Any]:
    """A function's annotations; none of this package's own, whose names mean nothing in the program."""
    code = getattr(function, "__code__", None)
    if code is not None and code.co_filename.startswith(OURS):
        return {}
    return getattr(function, "__annotations__", {})


_NOT_COPIED = frozenset(("_autowrap_search", "root"))


def _collect_tensors(module: Module, prefix: str, found: dict[Any, str]) -> None:
    """Tensors that are plain attributes of a module or its submodules, and their paths."""
    for name, value in module.__dict__.items():
        if isinstance(value, Tensor):
            found[value] = prefix + name
    for name, child in module.named_children():
        _collect_tensors(child, f"{prefix}{name}.", found)


@contextmanager
def _patched(tracer: Tracer, function: Callable) -> Iterator[_Patcher]:
    """Let modules and wrapped functions tell the tracer of their calls."""
    call, look = Module.__call__, Module.__getattr__  # perhaps of a trace that this one is within
    cache: dict[str, Any] = {}

    def called(module: Any, *args: Any, **kwargs: Any) -> Any:
        forward = getattr(module, "forward", module)
        scope = getattr(forward, "__globals__", {})
        _autowrap_check(made, scope, tracer._autowrap_function_ids)
        return tracer.call_module(module, functools.partial(call, module), args, kwargs)

    def looked(module: Any, name: str) -> Any:
        return tracer.getattr(name, look(module, name), cache)

    with _Patcher() as made:
        made.patch_method(Module, "__getattr__", looked)
        made.patch_method(Module, "__call__", called)
        _patch_wrapped_functions(made)
        for scope in (getattr(function, "__globals__", {}), *map(vars, tracer._autowrap_search)):
            _autowrap_check(made, scope, tracer._autowrap_function_ids)
        yield made


def symbolic_trace(
    root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None
) -> GraphModule:
    """A module whose forward is generated from a graph of what `root` does.

    Args:
        root: A module or function. It is run once, with proxies in place of its arguments.
        concrete_args: Values that some of its arguments keep, so that its flow may depend on them.

    Raises:
        TraceError: The program's flow depends on values that are not there yet.

    Source: torch.fx.symbolic_trace

    Example:
        >>> import flambeau as torch
        >>> traced = torch.fx.symbolic_trace(lambda x, y: torch.relu(x) + y)
        >>> print(traced.code.strip())
        def forward(self, x, y):
            relu = torch.relu(x);  x = None
            add = relu + y;  relu = y = None
            return add
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else root.__name__
    return GraphModule(tracer.root, graph, name)
