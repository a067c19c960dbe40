"""GraphModule: a module whose forward is generated from a graph."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from .._source import Source
from ..core.tensor import Tensor
from ..nn import Module, Parameter
from .codegen import PythonCode
from .graph import Graph
from .tree_codegen import _PyTreeCodeGen

__all__ = ["GraphModule", "reduce_graph_module"]
__all__ += ["_USER_PRESERVED_ATTRIBUTES_KEY", "_CodeOnlyModule", "_assign_attr", "_copy_attr"]
__all__ += ["_del_attr", "_get_attr", "_has_attr"]

_USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"
_HOOKS = ("_create_node_hooks", "_erase_node_hooks", "_replace_hooks", "_deepcopy_hooks")


class _CodeOnlyModule(Module):
    """Holds the attributes of a module that was packed."""

    def __init__(self, body: dict[str, Any]):
        super().__init__()
        self.__dict__ = body


# --------------------------------------------------------------------- attributes by their paths


def _get_attr(model: Module, attr_name: str) -> Any:
    """The attribute at a path."""
    place: Any = model
    for part in attr_name.split("."):
        place = getattr(place, part)
    return place


def _has_attr(model: Module, attr_name: str) -> bool:
    """Is there an attribute at a path?"""
    place: Any = model
    for part in attr_name.split("."):
        if not hasattr(place, part):
            return False
        place = getattr(place, part)
    return True


def _del_attr(model: Module, attr_name: str) -> None:
    """Take away the attribute at a path."""
    path, _, name = attr_name.rpartition(".")
    delattr(_get_attr(model, path) if path else model, name)


def _assign_attr(from_obj: Any, to_module: Module, target: str) -> None:
    """Put an object at a path of a module, making the modules on the way."""
    *path, name = target.split(".")
    for part in path:
        inner = getattr(to_module, part, None)
        if inner is None:
            inner = Module()
            setattr(to_module, part, inner)
        to_module = inner
    if isinstance(from_obj, Tensor) and not isinstance(from_obj, Parameter):
        to_module.register_buffer(name, from_obj)
    else:
        setattr(to_module, name, from_obj)


def _copy_attr(from_module: Module, to_module: Module, target: str) -> None:
    """Put what one module has at a path at the same path of another."""
    *path, name = target.split(".")
    for part in path:
        found, inner = getattr(from_module, part), getattr(to_module, part, None)
        if found is inner:  # the module is there as a whole
            return
        if inner is None:
            inner = Module()
            setattr(to_module, part, inner)
        from_module, to_module = found, inner
    value = getattr(from_module, name)
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        persistent = name not in getattr(from_module, "_non_persistent_buffers_set", ())
        if name in getattr(from_module, "_buffers", {name: None}):
            to_module.register_buffer(name, value, persistent)
        else:  # a tensor that is a plain attribute
            to_module.register_buffer(name, value)
    else:
        setattr(to_module, name, value)


def compiled(code: PythonCode, title: str) -> Callable[..., Any]:
    """The function that a graph's text defines; tracebacks show its lines."""
    source = Source(title, **code.globals)
    source.lines = code.src.split("\n")
    return source.function("forward")


class GraphModule(Module):
    """A module whose forward is generated from a graph.

    Each object has a class of its own, with its own ``forward``.

    Args:
        root: A module, or a dict of paths and what stands there. What the graph's `call_module` and
            `get_attr` name is taken from it, shared and not copied.
        graph: The graph.
        class_name: What the module is called when it is printed.

    Raises:
        RuntimeError: The dict lacks what a node names.

    Source: torch.fx.GraphModule

    Example:
        >>> import flambeau as torch
        >>> graph = torch.fx.Graph()
        >>> y = graph.call_method("mul", (graph.placeholder("x"), 2))
        >>> _ = graph.output(y)
        >>> torch.fx.GraphModule({}, graph)(torch.ones(2))
        tensor([2., 2.])
    """

    meta: dict[str, Any]
    _code: str

    def __new__(cls: type[GraphModule], *args: Any, **kwargs: Any) -> GraphModule:
        for made in cls.__mro__:
            qualname = made.__qualname__.split(".")[-1]
            if qualname != "GraphModuleImpl":
                cls = made
                break
        return super().__new__(type("GraphModuleImpl", (cls,), {"__module__": __name__}))

    def __init__(
        self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule"
    ):
        super().__init__()
        type(self).__name__ = class_name
        if isinstance(root, Module):
            if hasattr(root, "training"):
                self.training = root.training
            self._copy_named(root, graph)
        elif isinstance(root, dict):
            self._assign_named(root, graph)
        else:
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        if graph._tracer_cls is not None and "<locals>" not in graph._tracer_cls.__qualname__:
            self._tracer_cls = graph._tracer_cls
        self._tracer_extras = graph._tracer_extras or {}
        self.meta = dict(getattr(root, "meta", {}) if isinstance(root, Module) else {})
        for name in _HOOKS:
            self.__dict__[name] = []
        self.graph = graph

    def _copy_named(self, root: Module, graph: Graph) -> None:
        for node in graph.nodes:
            if node.op in ("get_attr", "call_module"):
                _copy_attr(root, self, str(node.target))

    def _assign_named(self, root: dict[str, Any], graph: Graph) -> None:
        wanted = [n for n in graph.nodes if n.op in ("get_attr", "call_module")]
        for node in wanted:
            if node.target not in root:
                raise RuntimeError(
                    f"Node {node} referenced target {node.target} but that target was not "
                    "provided in ``root``!"
                )
        for target in sorted(
            dict.fromkeys(str(n.target) for n in wanted), key=lambda t: t.count(".")
        ):
            _assign_attr(root[target], self, target)

    # ---------------------------------------------------------------------------- graph and code

    @property
    def graph(self) -> Graph:
        """The graph. After changes of it, call `recompile`; assigning one does it."""
        return self._graph

    @graph.setter
    def graph(self, g: Graph) -> None:
        if not isinstance(g, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(g)}")
        self.__dict__["_graph"] = g
        g.owning_module = self
        self.recompile()

    @property
    def code(self) -> str:
        """The text of forward."""
        return self._code

    def recompile(self) -> PythonCode:
        """Write forward again, from the graph as it is now; returns its text."""
        codegen = self._graph._codegen
        if isinstance(codegen, _PyTreeCodeGen):
            self._in_spec = codegen.pytree_info.in_spec
            self._out_spec = codegen.pytree_info.out_spec
        written = self._graph.python_code(root_module="self")
        self._code = written.src
        self._lineno_map = written._lineno_map
        cls: Any = type(self)
        cls.forward = compiled(written, f"graph {cls.__name__}")
        return written

    def print_readable(
        self,
        print_output: bool = True,
        include_stride: bool = False,
        include_device: bool = False,
        colored: bool = False,
        **kwargs: Any,
    ) -> str:
        """The text of the module and of the graph modules within it, with shapes where they are known.

        Args:
            print_output: Print it too?
            include_stride, include_device: Add these to shapes.
            colored: Not used: the text has no colours.
        """
        text = _readable(self, type(self).__name__, include_stride, include_device)
        if print_output:
            print(text)
        return text

    def __str__(self) -> str:
        hint = "# To see more debug info, please use `graph_module.print_readable()`"
        return "\n".join([super().__str__(), self._code, hint])

    # ---------------------------------------------------------------------------------- submodules

    def add_submodule(self, target: str, m: Module) -> bool:
        """Put a module at a path; returns False if something other than a module is in the way."""
        *path, name = target.split(".")
        place: Module = self
        for part in path:
            inner = getattr(place, part, None)
            if inner is None:
                inner = Module()
                setattr(place, part, inner)
            if not isinstance(inner, Module):
                return False
            place = inner
        place.add_module(name, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Take away the module at a path; returns False if there is none.

        It does not look whether the graph needs it: `delete_all_unused_submodules` does.
        """
        *path, name = target.split(".")
        place: Any = self
        for part in path:
            place = getattr(place, part, None)
            if not isinstance(place, Module):
                return False
        if not isinstance(getattr(place, name, None), Module):
            return False
        delattr(place, name)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Take away the modules that the graph neither calls nor looks into."""
        used: set[str] = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                parts = str(node.target).split(".")
                used |= {".".join(parts[: i + 1]) for i in range(len(parts))}
                if node.op == "call_module":
                    called = self.get_submodule(str(node.target))
                    used |= {f"{node.target}.{name}" for name, _ in called.named_modules() if name}
        for name, _ in list(self.named_modules()):
            if name and name not in used:
                self.delete_submodule(name)

    # -------------------------------------------------------------------------------------- hooks

    def _register_create_node_hook(self, f: Callable) -> None:
        """Call `f` with each node that is made."""
        self._create_node_hooks.append(f)

    def _unregister_create_node_hook(self, f: Callable) -> None:
        self._create_node_hooks.remove(f)

    def _register_erase_node_hook(self, f: Callable) -> None:
        """Call `f` with each node that is taken out."""
        self._erase_node_hooks.append(f)

    def _unregister_erase_node_hook(self, f: Callable) -> None:
        self._erase_node_hooks.remove(f)

    def _register_replace_node_hook(self, f: Callable) -> None:
        """Call ``f(old=node, new=name, user=node)`` where a node begins to use another one."""
        self._replace_hooks.append(f)

    def _unregister_replace_node_hook(self, f: Callable) -> None:
        self._replace_hooks.remove(f)

    def _register_deepcopy_hook(self, f: Callable) -> None:
        """Call `f` with each deep copy of this module."""
        self._deepcopy_hooks.append(f)

    def _unregister_deepcopy_hook(self, f: Callable) -> None:
        self._deepcopy_hooks.remove(f)

    # ----------------------------------------------------------------------------- copies, pickles

    def __copy__(self) -> GraphModule:
        made = GraphModule(self, copy.copy(self.graph), type(self).__name__)
        made.meta = dict(self.meta)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        state = {k: v for k, v in self.__dict__.items() if k not in ("_graph", *_HOOKS)}
        made.__dict__.update(copy.deepcopy(state, memo))
        _finish(made, copy.deepcopy(self.graph, memo), type(self).__name__)
        made.__dict__.update({name: list(self.__dict__[name]) for name in _HOOKS})
        for hook in made._deepcopy_hooks:
            hook(made)
        return made

    def __reduce__(self) -> Any:
        state = {k: v for k, v in self.__dict__.items() if k not in _HOOKS}
        state.pop("_graph")
        base = type(self).__mro__[1]
        return reduce_graph_module, (state, self.graph, type(self).__name__, base)

    def _reduce_in_files(self) -> Any:
        """What `torch.save` writes: plain data, so that reading it runs no code of the file."""
        portable = import_module(
            f"{__package__}.portable"
        )  # it makes graph modules: it stands above
        return portable.unpacked_module, (portable.packed_module(self),)

    def to_folder(self, folder: str | os.PathLike, module_name: str = "FxModule") -> None:
        """Write the module as a Python package: its text, its state, and modules that have no short text.

        Args:
            folder: Where to; it is made if it is not there.
            module_name: The name of the class in the text.
        """
        from .folder import write

        write(self, Path(folder), module_name)


def _finish(made: GraphModule, graph: Graph, name: str) -> None:
    type(made).__name__ = name
    for hooks in _HOOKS:
        made.__dict__.setdefault(hooks, [])
    made.graph = graph


def reduce_graph_module(
    state: dict[str, Any], graph: Graph, name: str, base: type[GraphModule] = GraphModule
) -> GraphModule:
    """A graph module from its parts, as pickles hold them."""
    made = base.__new__(base)
    made.__dict__.update(state)
    _finish(made, graph, name)
    return made


def _readable(module: Any, name: str, include_stride: bool, include_device: bool) -> str:
    written = module.graph.python_code(
        "self", verbose=True, include_stride=include_stride, include_device=include_device
    )
    name = name or type(module).__name__
    text = f"class {name}(torch.nn.Module):\n" + written.src.lstrip("\n")
    inner = [""]
    for child_name, child in module.named_children():
        if isinstance(child, GraphModule):
            inner.append(_readable(child, child_name, include_stride, include_device))
    return _indented(text) + _indented("\n".join(inner))


def _indented(text: str) -> str:
    first, *others = text.split("\n")
    return "\n".join([first, *("    " + line if line.strip() else "" for line in others)])
