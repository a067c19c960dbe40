"""Backends of the program's own: they get the graph of a function's run, and give what runs in its place.

Note: graphs. The function runs once for each kind of arguments, as for `torch.export`; its graph holds whatever Python
decided. A function that asks for a number of a tensor has no one graph, and runs as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._dynamo.exc import Unsupported
from ..autograd.mode import is_grad_enabled
from ..core.tensor import Tensor
from ..fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode
from ..nn import Module
from ..utils import _pytree as pytree
from ._dims import combined_args
from ._trace import _Tracing
from ._unlift import held
from .graph_signature import InputKind


def captured(function: Callable, backend: Callable, fullgraph: bool, options: Any) -> Callable:
    """A function whose runs a backend compiles.

    Args:
        function: The function, method or module.
        backend: ``backend(graph_module, example_inputs)``; gives a function of the inputs.
        fullgraph: Refuse what has no one graph?
        options: Goes to the backend by name, if there is any.
    """
    known: dict[Any, Callable | None] = {}
    owner = function if isinstance(function, Module) else getattr(function, "__self__", None)
    root = owner if isinstance(owner, Module) else Module()
    named = functools.partial(backend, options=options) if options else backend

    def compiled(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = pytree.tree_flatten((args, kwargs))
        modes = tuple(module.training for module in root.modules())
        key = (spec, tuple(map(_kind, leaves)), modes, is_grad_enabled())
        try:
            is_known = key in known
        except TypeError:  # an argument that cannot be told from others
            return function(*args, **kwargs)
        if not is_known:
            known[key] = _made(root, function, named, args, kwargs, fullgraph)
        run = known[key]
        return function(*args, **kwargs) if run is None else run(leaves)

    if not isinstance(function, Module):
        functools.update_wrapper(compiled, function)
    return compiled


def _kind(leaf: Any) -> Any:
    """What a graph depends on of an argument."""
    if isinstance(leaf, Tensor):
        return leaf.shape, leaf.stride(), leaf.dtype, leaf.device, leaf.requires_grad
    return type(leaf), leaf


def _made(
    root: Module, function: Callable, backend: Callable, args: tuple, kwargs: dict, fullgraph: bool
) -> Callable | None:
    """What runs in place of the function for such arguments; None if it has no one graph.

    Raises:
        Unsupported: It has none, and should.
    """
    leaves = pytree.tree_leaves((args, kwargs))
    wanted: list[dict[int, Any]] = [{} for _ in leaves]
    combined = combined_args(root if function is root else function, args, kwargs)
    tracing = _Tracing(root, args, kwargs, combined, wanted, _refuse, function)
    try:
        program = tracing.program()
    except GuardOnDataDependentSymNode as error:
        if fullgraph:
            raise Unsupported(f"the function has no one graph: {error}") from error
        return None
    graph = program.graph
    specs = program.graph_signature.input_specs
    places = [n for n in graph.nodes if n.op == "placeholder"]
    lifted = [held(program, s) for s in specs if s.kind is not InputKind.USER_INPUT]
    for node in places[len(lifted) :]:
        if not isinstance(node.meta["val"], Tensor):  # a constant of the graph
            graph.erase_node(node)
    program.graph_module.recompile()
    tensors = [x for x in leaves if isinstance(x, Tensor)]
    run = backend(program.graph_module, [*lifted, *tensors])
    out_spec = program.call_spec.out_spec

    def call(given: list[Any]) -> Any:
        result = run(*lifted, *(x for x in given if isinstance(x, Tensor)))
        return pytree.tree_unflatten(list(result), out_spec)

    return call


def _refuse(name: str) -> None:
    raise GuardOnDataDependentSymNode(f"it asks for a number of a tensor ({name})")
