"""script: functions and modules under TorchScript's classes. What runs is Python's code."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
from collections.abc import Callable
from typing import Any

from ..fx import GraphModule, Tracer, symbolic_trace
from ..fx.graph import Graph
from ..nn import Module
from ._file import write, written
from ._mark import EXPORTED
from ._state import deprecated

__all__ = ["RecursiveScriptModule", "ScriptFunction", "ScriptModule", "script"]


class ScriptModule(Module):
    """A module that `script` or `trace` made, or a class written as one.

    Source: torch.jit.ScriptModule
    """

    _graph_module: GraphModule | None = None
    _method_graphs: dict[str, GraphModule] = {}  # never written to

    @property
    def original_name(self) -> str:
        """The name of the class that it was made of."""
        return type(self).__name__

    def _traced(self) -> GraphModule:
        """Its forward as a graph module."""
        return symbolic_trace(self)

    def _traced_methods(self) -> dict[str, GraphModule]:
        """Its other methods as graph modules: those that were traced, and those that `export` marked."""
        root = self.__dict__.get("_original", self)
        found = dict(self._method_graphs)
        for name in dir(type(root)):
            marked = getattr(getattr(type(root), name), "_torchscript_modifier", None)
            if marked == EXPORTED and name != "forward" and name not in found:
                tracer = Tracer()
                tracer.traced_func_name = name
                found[name] = GraphModule(root, tracer.trace(root))
        return found

    @property
    def graph(self) -> Graph:
        """The operations of forward, as `torch.fx` finds them.

        Raises:
            TraceError: Its flow depends on values: there is no one graph.
        """
        return self._traced().graph

    inlined_graph = graph

    @property
    def code(self) -> str:
        """The text of forward: of its graph, or the program's where there is no one graph."""
        return _text(self._traced, self.forward)

    def save(self, f: Any, **kwargs: Any) -> None:
        """Write it to a file: see `torch.jit.save`."""
        write(self, f, **kwargs)

    def save_to_buffer(self, **kwargs: Any) -> bytes:
        """Its file as bytes."""
        return written(self, **kwargs)

    def get_debug_state(self) -> Any:
        """Nothing is kept of runs.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "nothing is kept of how a ScriptModule ran: it runs Python's code"
        )

    def define(self, src: str) -> None:
        """Methods in TorchScript's language cannot be added.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "TorchScript's source cannot be compiled here: write a Python method"
        )


_OWN = frozenset(("_original", "_graph_module", "_method_graphs", "_original_name"))


class RecursiveScriptModule(ScriptModule):
    """What `script` makes of a module: it runs the module's methods, and shares its parameters.

    Args:
        original: The module.

    Source: torch.jit.RecursiveScriptModule
    """

    _original: Module

    def __init__(self, original: Module):
        super().__init__()
        state = self.__dict__
        state["_original"] = original
        state["_parameters"], state["_buffers"] = original._parameters, original._buffers
        state["_non_persistent_buffers_set"] = original._non_persistent_buffers_set
        state["_modules"] = {
            name: child if child is None else self._wrap(child)
            for name, child in original._modules.items()
        }
        state["training"] = original.training

    def _wrap(self, child: Module) -> Module:
        return child if isinstance(child, ScriptModule) else type(self)._of(child)

    @classmethod
    def _of(cls, child: Module) -> Module:
        return RecursiveScriptModule(child)

    @property
    def original_name(self) -> str:
        return type(self._original).__name__

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        return f"original_name={self.original_name}"

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        return self._original.forward(*args, **kwargs)

    def _traced(self) -> GraphModule:
        if self._graph_module is not None:
            return self._graph_module
        return symbolic_trace(self._original)

    @property
    def code(self) -> str:
        return _text(self._traced, self._original.forward)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            original = self.__dict__.get("_original")
            if original is not None and hasattr(original, name):
                return getattr(original, name)
            raise

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            self.__dict__[name] = value
            return
        setattr(self._original, name, value)
        if isinstance(value, Module):
            self._modules[name] = self._wrap(value)
        elif name == "training":
            self.__dict__[name] = value

    def __len__(self) -> int:
        return len(self._original)  # type: ignore[arg-type]

    def __iter__(self) -> Any:
        return iter(self._modules.values())

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int):
            return list(self._modules.values())[key]
        found = self._original[key]  # type: ignore[index]
        return self._wrap(found) if isinstance(found, Module) else found

    def __contains__(self, key: Any) -> bool:
        return key in self._original  # type: ignore[operator]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._original)})

    def __copy__(self) -> RecursiveScriptModule:
        return self._again(copy.copy(self._original), lambda graph: graph)

    def __deepcopy__(self, memo: dict[int, Any]) -> RecursiveScriptModule:
        original = copy.deepcopy(
            self._original, memo
        )  # its graphs get the same parameters from memo
        return self._again(original, lambda graph: copy.deepcopy(graph, memo))

    def _again(
        self, original: Module, graph_of: Callable[[GraphModule | None], Any]
    ) -> RecursiveScriptModule:
        made = type(self)(original)
        made._graph_module = graph_of(self._graph_module)
        made._method_graphs = {name: graph_of(item) for name, item in self._method_graphs.items()}
        return made

    def __getstate__(self) -> Any:
        raise pickle.PickleError(
            "ScriptModules cannot be saved using torch.save: use module.save(file), or torch.jit.save, "
            "or save module.state_dict()"
        )

    def __bool__(self) -> bool:
        return True


class ScriptFunction:
    """What `script` or `trace` makes of a function: calling it calls the function.

    Args:
        function: The function.
        traced: Its graph, where it was traced.

    Source: torch.jit.ScriptFunction
    """

    def __init__(self, function: Callable, traced: GraphModule | None = None):
        functools.update_wrapper(self, function)
        self._function, self._graph_module = function, traced
        self._torchdynamo_inline = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<torch.jit.ScriptFunction {self.name}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> ScriptFunction:
        return self

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self._function, "__name__", type(self._function).__name__)

    @property
    def qualified_name(self) -> str:
        """The name that TorchScript would have for it."""
        return f"__torch__.{self.name}"

    def _traced(self) -> GraphModule:
        return self._graph_module or symbolic_trace(self._function)

    @property
    def graph(self) -> Graph:
        """The operations of the function, as `torch.fx` finds them.

        Raises:
            TraceError: Its flow depends on values: there is no one graph.
        """
        return self._traced().graph

    inlined_graph = graph

    @property
    def code(self) -> str:
        """The text of its graph, or the program's where there is no one graph."""
        return _text(self._traced, self._function)

    def graph_for(self, *args: Any, **kwargs: Any) -> Graph:
        """The graph; it is the same for all arguments."""
        return self.graph

    def save(self, f: Any, **kwargs: Any) -> None:
        """Write it to a file: see `torch.jit.save`."""
        write(self, f, **kwargs)

    def save_to_buffer(self, **kwargs: Any) -> bytes:
        """Its file as bytes."""
        return written(self, **kwargs)


def _text(traced: Callable[[], GraphModule], function: Callable) -> str:
    try:
        return traced().code
    except Exception:  # the program's own code may fail in any way on proxies
        return inspect.getsource(function)


def script(
    obj: Any,
    optimize: Any = None,
    _frames_up: int = 0,
    _rcb: Any = None,
    example_inputs: Any = None,
) -> Any:
    """A function or module under TorchScript's classes, which runs Python's code.

    It can be saved by `torch.jit.save` where `torch.fx` finds its graph. PyTorch deprecates TorchScript: the
    first use of it in a program warns.

    Args:
        obj: A function, a module, or a class, which is given back as it is.
        optimize, _frames_up, _rcb, example_inputs: For a compiler: nothing is compiled.

    Raises:
        RuntimeError: A class of modules instead of a module.
        TypeError: Nothing that can be called.

    Source: torch.jit.script

    Example:
        >>> import warnings
        >>> import flambeau as torch
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     double = torch.jit.script(lambda x: 2 * x)
        >>> double(torch.ones(2))
        tensor([2., 2.])
    """
    if isinstance(obj, (ScriptModule, ScriptFunction)):
        return obj
    deprecated("script")
    if isinstance(obj, Module):
        return RecursiveScriptModule(obj)
    if inspect.isclass(obj):
        if issubclass(obj, Module):
            raise RuntimeError(
                f"Type '{obj}' cannot be compiled since it inherits from nn.Module, pass an instance "
                "instead"
            )
        return obj
    if isinstance(obj, (dict, list)):
        return obj
    if not callable(obj):
        raise TypeError(
            f"torch.jit.script takes a function or a module, not a {type(obj).__name__}"
        )
    return ScriptFunction(obj)


def script_method(fn: Callable) -> Callable:
    """Mark a method of a `ScriptModule` class: the method itself.

    Source: torch.jit.script_method
    """
    deprecated("script_method")
    return fn


def script_if_tracing(fn: Callable) -> Callable:
    """A function that would be scripted while a trace is recorded; traces here see through it.

    Source: torch.jit.script_if_tracing
    """

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    wrapper.__original_fn = fn  # type: ignore[attr-defined]
    wrapper.__script_if_tracing_wrapper = True  # type: ignore[attr-defined]
    return wrapper


_script_if_tracing = script_if_tracing


def export_opnames(m: ScriptModule) -> list[str]:
    """The names of the functions that a module's graph calls, each once, in order of the alphabet.

    Source: torch.jit.export_opnames
    """
    from ..fx.naming import target_text

    calls = ("call_function", "call_method")
    return sorted({target_text(n.target) for n in m.graph.nodes if n.op in calls})


class CompilationUnit:
    """Holds functions of TorchScript's source, which cannot be compiled here.

    Args:
        lang: The source.

    Raises:
        NotImplementedError: There is some.

    Source: torch.jit.CompilationUnit
    """

    def __init__(self, lang: str | None = None, _frames_up: int = 0):
        if lang:
            raise NotImplementedError(
                "TorchScript's source cannot be compiled here: write Python functions"
            )


class Error(RuntimeError):
    """An error of TorchScript's interpreter; nothing here raises it."""


class ScriptWarning(Warning):
    """A warning of TorchScript's compiler; nothing here gives it."""


class RecursiveScriptClass:
    """An object of a class in TorchScript; nothing here makes one."""
