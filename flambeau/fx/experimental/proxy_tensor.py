"""make_fx: a graph of what a function does with given values, so that its flow may depend on their shapes.

The function runs once, as it is. A mode (`overrides.TorchFunctionMode`) sees each of torch's functions that
it calls, and notes those that give tensors. Tensors that nobody noted are constants of the graph. Sizes are
numbers, or, where they shall stay open, integers that carry their node (`SymInt`).
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from typing import Any

from ...autograd.node import next_sequence
from ...core.size import Size
from ...core.tensor import Tensor
from ...dispatch.function_mode import TorchFunctionMode
from ...dispatch.torch_function import guards
from ...nn import Module, Parameter
from ...nn import functional as F
from ..argument import map_aggregate
from ..call_form import as_recorded
from ..graph import Graph
from ..graph_module import GraphModule, _assign_attr
from ..node import Node
from ..passes.shape_prop import _extract_tensor_metadata
from ..proxy import Scope, TracerBase, called_name, is_tensor_method
from .sym_node import SymInt

__all__ = ["PythonKeyTracer", "get_proxy_mode", "make_fx"]

_modes: list[_Noting] = []
_COMPOSITES = frozenset((F.multi_head_attention_forward,))
"""Functions that are noted as what they call, because PyTorch has no operation of that size."""
_DATA = frozenset(("tensor", "as_tensor", "asarray", "from_numpy", "frombuffer", "scalar_tensor"))
"""Functions that make tensors of data: constants, unless the data hold sizes that stay open."""
_VALUES = frozenset(
    ("__bool__", "__float__", "__int__", "__index__", "__complex__", "item", "tolist", "numpy")
)
_SIZES = frozenset(("size", "__len__", "numel", "nelement"))
_LOOKS = frozenset(("stride", "dim", "ndimension", "storage_offset"))


def get_proxy_mode() -> _Noting | None:
    """The mode that notes what is called now; None if nothing is traced.

    Source: torch.fx.experimental.proxy_tensor.get_proxy_mode
    """
    return _modes[-1] if _modes else None


class PythonKeyTracer(TracerBase):
    """Makes the graph of a run with values.

    Args:
        open_sizes: Do sizes of tensors stay open? Then they are `SymInt`s.
        owner: A module whose parameters and buffers keep their paths; other tensors get new ones.

    Attributes:
        root: Holds the constants that the graph looks up.
        scope: The module that runs.
        nodes: For a tensor's id, the tensor and its node.
        depends: The nodes whose values depend on the arguments.
        sized: Those whose sizes may.

    Source: torch.fx.experimental.proxy_tensor.PythonKeyTracer
    """

    def __init__(self, open_sizes: bool = False, owner: Module | None = None) -> None:
        super().__init__()
        self.root = Module()
        self.paths: dict[int, str] = {}
        self.unsaved: set[str] = set()
        if owner is not None:
            for named in (owner.named_buffers, owner.named_parameters):
                for path, value in named(remove_duplicate=False):
                    self.paths.setdefault(id(value), path)
            self.unsaved = unsaved_buffers(owner)
        self.graph = Graph()
        self.scope = Scope("", None)
        self.module_stack: dict[str, Any] = {}
        self.open_sizes = open_sizes
        self.nodes: dict[int, tuple[Tensor, Node]] = {}
        self.depends: set[Node] = set()
        self.sized: set[Node] = set()
        self.counts = {"param": 0, "tensor": 0}
        self.began = next_sequence()

    def note(self, value: Any, node: Node) -> None:
        """From now on a tensor is the value of a node."""
        self.nodes[id(value)] = value, node
        describe(node, value)

    def create_node(self, kind: str, target: Any, args: Any, kwargs: Any, *more: Any) -> Node:
        node = super().create_node(kind, target, args, kwargs, *more)
        for found in (self.depends, self.sized):
            if not found.isdisjoint(node.all_input_nodes):
                found.add(node)
        return node

    def create_arg(self, a: Any) -> Any:
        """A value as an argument of nodes: tensors become the nodes that gave them, or look-ups."""
        if isinstance(a, Tensor):
            found = self.nodes.get(id(a))
            return self._constant(a) if found is None else found[1]
        if isinstance(a, SymInt):
            return a.node
        return super().create_arg(a)

    def _constant(self, a: Tensor) -> Node:
        path = self.paths.get(id(a))
        if path is None:
            if a.grad_fn is not None and a.grad_fn.sequence > self.began:
                raise RuntimeError(
                    "the function computes something of tensors in a way that tracing does not see, by "
                    f"{a.grad_fn.name()}: wrap it in a function of torch.library.custom_op"
                )
            kind = "param" if isinstance(a, Parameter) else "tensor"
            path = f"_{kind}_constant{self.counts[kind]}"
            self.counts[kind] += 1
        _assign_attr(a, self.root, path)
        if path in self.unsaved:
            place, _, name = path.rpartition(".")
            self.root.get_submodule(place)._non_persistent_buffers_set.add(name)
        node = self.create_node("get_attr", path, (), {})
        self.note(a, node)
        return node

    def placeholder(self, name: str, value: Any, sized: bool = True) -> Node:
        """An argument of the graph for a value.

        Args:
            name: Its name.
            value: What it is now.
            sized: May its sizes change?
        """
        node = self.create_node("placeholder", name, (), {})
        if isinstance(value, Tensor):
            self.note(value, node)
        else:
            node.meta["val"] = value
        self.depends.add(node)
        if sized:
            self.sized.add(node)
        return node

    def is_open(self, value: Any, sizes: bool = False) -> bool:
        """Does it depend on the graph's arguments; or do its sizes?"""
        if isinstance(value, SymInt):
            return True
        found = self.nodes.get(id(value))
        return found is not None and found[1] in (self.sized if sizes else self.depends)


def unsaved_buffers(owner: Module) -> set[str]:
    """The paths of buffers that no state_dict has."""
    return {
        f"{path}.{name}" if path else name
        for path, module in owner.named_modules(remove_duplicate=False)
        for name in module._non_persistent_buffers_set
    }


def describe(node: Node, value: Any) -> None:
    """Note in a node's `meta` what its value is like."""
    node.meta["val"] = value
    if isinstance(value, Tensor):
        node.meta["tensor_meta"] = _extract_tensor_metadata(value)


def finish(graph: Graph) -> None:
    """Take out sizes that nobody uses, and let no node hold the value that it was traced with.

    What stays in ``meta["val"]`` is what the values were like: tensors without memory (device "meta").
    """
    for node in reversed(graph.nodes):
        if not node.users and isinstance(node.meta.get("val"), int) and node.op != "placeholder":
            graph.erase_node(node)

    def without_memory(x: Any) -> Any:
        if isinstance(x, Tensor):
            return x.detach().to("meta")
        return int(x) if isinstance(x, SymInt) else x

    for node in graph.nodes:
        if "val" in node.meta:
            node.meta["val"] = map_aggregate(node.meta["val"], without_memory)


class _Noting(TorchFunctionMode):
    """Notes the functions that give tensors.

    Args:
        tracer: Makes the nodes.
        on_value: Called with the name of a function that gives Python's numbers of a tensor.
    """

    def __init__(self, tracer: PythonKeyTracer, on_value: Callable[[str], Any]):
        super().__init__()
        self.tracer, self.on_value = tracer, on_value

    def __enter__(self) -> Any:
        _modes.append(self)
        return super().__enter__()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        _modes.remove(self)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _COMPOSITES:
            guard = guards.table.get(id(func))
            with self:
                return (func if guard is None else guard.original)(*args, **kwargs)
        name = called_name(func)
        if name in _VALUES and args and self.tracer.is_open(args[0]):
            self.on_value(name)
        if self.tracer.open_sizes and (name == "shape" or name in _SIZES):
            return self._size(name, args, kwargs)
        result = func(*map_aggregate(args, _plain), **map_aggregate(kwargs, _plain))
        if name not in _LOOKS and (name == "__setitem__" or _holds_tensor(result)):
            self._note(func, name, args, kwargs, result)
        return result

    def _note(self, func: Any, name: str, args: tuple, kwargs: dict, result: Any) -> None:
        create_arg = self.tracer.create_arg
        given = list(_leaves((args, kwargs)))
        if name in _DATA and not any(map(self.tracer.is_open, given)):
            return
        kind, target, args, kwargs = _call(func, name, args, kwargs)
        try:
            args, kwargs = create_arg(args), create_arg(kwargs)
        except NotImplementedError:
            if not any(map(self.tracer.is_open, given)):
                return  # a constant
            raise
        self._name(result, self.tracer.create_node(kind, target, args, kwargs))

    def _name(self, result: Any, node: Node) -> None:
        """Find the node again by its result, or look-ups by the parts of it."""
        if isinstance(result, Tensor):
            self.tracer.note(result, node)
            return
        describe(node, result)
        for i, part in enumerate(result if isinstance(result, (tuple, list)) else ()):
            if _holds_tensor(part):
                item = self.tracer.create_node("call_function", operator.getitem, (node, i), {})
                self._name(part, item)

    def _size(self, name: str, args: tuple, kwargs: dict) -> Any:
        """A size, or sizes, that carry their nodes."""
        x, *others = args
        if name in ("numel", "nelement"):
            return self._open(x.numel(), "call_method", "numel", (x,))
        dims = [*others, *kwargs.values()] or [None]
        if name == "__len__":
            dims = [0]
        if dims[0] is not None:
            return self._open(x.size(int(dims[0])), "call_method", "size", (x, int(dims[0])))
        sizes = [self._open(n, "call_method", "size", (x, i)) for i, n in enumerate(x.shape)]
        return Size(sizes)

    def _open(self, value: int, kind: str, target: Any, args: tuple) -> Any:
        if not self.tracer.is_open(args[0], sizes=True):
            return value
        node = self.tracer.create_node(kind, target, self.tracer.create_arg(args), {})
        node.meta["val"] = value
        return SymInt(value, node, self.tracer)


def _plain(a: Any) -> Any:
    return int(a) if isinstance(a, SymInt) else a


def _leaves(a: Any) -> Iterator[Any]:
    if isinstance(a, (tuple, list)):
        for item in a:
            yield from _leaves(item)
    elif isinstance(a, dict):
        yield from _leaves(tuple(a.values()))
    elif isinstance(a, slice):
        yield from (a.start, a.stop, a.step)
    else:
        yield a


def _holds_tensor(a: Any) -> bool:
    return any(isinstance(leaf, Tensor) for leaf in _leaves(a))


_OPERATORS = {
    **{f"__{name}__": getattr(operator, name) for name in ("getitem", "setitem", "invert")},
    **{f"__{name.rstrip('_')}__": getattr(operator, name) for name in ("and_", "or_", "xor")},
    **{f"__{name}__": getattr(operator, name) for name in ("pow", "eq", "ne", "lshift")},
    **{f"__{name}__": getattr(operator, name) for name in ("rshift", "floordiv", "neg", "sub")},
}
_REFLECTED = {
    f"__r{name.rstrip('_')}__": getattr(operator, name)
    for name in ("sub", "truediv", "pow", "floordiv", "mod", "matmul", "and_", "or_", "xor")
}


def _call(func: Any, name: str, args: tuple, kwargs: dict) -> tuple[str, Any, tuple, dict]:
    """How a call is noted: its kind, its target and its arguments."""
    if getattr(func, "__name__", "") == "__get__":
        return "call_function", getattr, (args[0], name), {}
    if name in _OPERATORS and not kwargs:
        return "call_function", _OPERATORS[name], args, kwargs
    if name in _REFLECTED and len(args) == 2:
        return "call_function", _REFLECTED[name], args[::-1], kwargs
    if is_tensor_method(func):
        return "call_method", name, args, kwargs
    return "call_function", func, *as_recorded(func, args, kwargs)


def refuse_value(name: str) -> None:
    """What `make_fx` does where a program asks for a number of a tensor that depends on the arguments.

    Raises:
        RuntimeError: Always.
    """
    raise RuntimeError(
        f"It appears that you're trying to get value out of a tracing tensor with {name}: the graph "
        "would keep the value that it has now. Compute with tensors instead, for example torch.where "
        "in place of an if"
    )


def make_fx(
    f: Callable[..., Any],
    decomposition_table: Any = None,
    tracing_mode: str = "real",
    _allow_non_fake_inputs: bool = False,
    *,
    pre_dispatch: bool = False,
    record_module_stack: bool = False,
    **kwargs: Any,
) -> Callable[..., GraphModule]:
    """A function that gives the graph of what `f` does with its arguments.

    The nodes are calls of torch's functions and methods.

    Args:
        f: A function of tensors, in tuples, lists and dicts.
        tracing_mode: "real" and "fake" keep sizes as they are; "symbolic" leaves them open.
        decomposition_table, pre_dispatch, record_module_stack, kwargs: Not used: nodes call the functions
            that the program calls.

    Raises:
        RuntimeError: `f` asks for a number of a tensor that depends on the arguments.

    Source: torch.fx.experimental.proxy_tensor.make_fx

    Example:
        >>> import flambeau as torch
        >>> from flambeau.fx.experimental.proxy_tensor import make_fx
        >>> graph = make_fx(lambda x: x.sin() if x.shape[0] > 1 else x)(torch.ones(2))
        >>> print(graph.code.strip())
        def forward(self, x_1):
            sin = torch.sin(x_1);  x_1 = None
            return sin
    """
    if tracing_mode not in ("real", "fake", "symbolic"):
        raise AssertionError(f"Unexpected tracing type: {tracing_mode}")

    def traced(*args: Any) -> GraphModule:
        names = _argument_names(f, len(args))
        tracer = PythonKeyTracer(tracing_mode == "symbolic")
        for name, arg in zip(names, args):
            _placeholders(tracer, f"{name}_1", arg)
        result = run_noting(tracer, f, args)
        tracer.create_node("output", "output", (tracer.create_arg(result),), {})
        finish(tracer.graph)
        return GraphModule(tracer.root, tracer.graph, getattr(f, "__name__", "GraphModule"))

    return traced


def run_noting(
    tracer: PythonKeyTracer,
    function: Callable,
    args: tuple,
    kwargs: dict[str, Any] | None = None,
    on_value: Callable[[str], Any] = refuse_value,
) -> Any:
    """What a function gives, while a tracer notes what it does."""
    with _Noting(tracer, on_value):
        return function(*args, **(kwargs or {}))


def _argument_names(f: Callable, count: int) -> list[str]:
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = [p.name for p in parameters if p.kind in kinds][:count]
    return names + [f"arg{i}" for i in range(len(names), count)]


def _placeholders(tracer: PythonKeyTracer, name: str, arg: Any) -> None:
    for leaf in _leaves(arg):
        if isinstance(leaf, Tensor):
            tracer.placeholder(name, leaf)
