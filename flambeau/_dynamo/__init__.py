"""The names of PyTorch's compiler of Python code: there is none here, and what only gives it advice is taken.

Source: torch._dynamo
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._lazy import attach as _attach
from ..compiler import (
    allow_in_graph,
    assume_constant_result,
    compile,
    disable,
    is_compiling,
    list_backends,
    nonstrict_trace,
    reset,
    set_stance,
    substitute_in_graph,
)
from ..compiler.backend import lookup_backend, register_backend
from ..nn.optimized import OptimizedModule
from . import exc, utils
from .config import CONFIG as config

__getattr__, __dir__ = _attach(__name__)
patch_dynamo_config = config.patch


def optimize(
    backend: Any = "inductor", *, nopython: bool = False, **options: Any
) -> Callable[[Callable], Any]:
    """A decorator: `torch.compile` in its old spelling.

    Source: torch._dynamo.optimize
    """
    return lambda model: compile(model, backend=backend, fullgraph=nopython)


def optimize_assert(backend: Any, **options: Any) -> Callable[[Callable], Any]:
    """`optimize` of functions that have to be one graph.

    Source: torch._dynamo.optimize_assert
    """
    return optimize(backend, nopython=True)


def run(fn: Callable | None = None) -> Any:
    """Let a function run what was compiled before and compile nothing new: the function itself.

    Source: torch._dynamo.run
    """
    return disable(fn)


def _mark(fn: Any = None) -> Any:
    return disable(fn)


disallow_in_graph = forbid_in_graph = dont_skip_tracing = disable_nested_graph_breaks = _mark


def graph_break(msg: str = "") -> None:
    """End a graph here: there is none.

    Source: torch._dynamo.graph_break
    """


skip_frame = step_unsupported = graph_break


def is_dynamo_disable_recursive(method: Callable) -> bool | None:
    """How a function was kept out of graphs: None, as nobody notes it.

    Source: torch._dynamo.is_dynamo_disable_recursive
    """
    return None


def mark_dynamic(
    t: Any,
    index: Any,
    *,
    hint_override: int | None = None,
    min: int | None = None,
    max: int | None = None,
    specialize_on: Any = None,
) -> None:
    """Say that a size of a tensor will vary: all may, here.

    Source: torch._dynamo.mark_dynamic
    """


def maybe_mark_dynamic(t: Any, index: Any) -> None:
    """Say that a size of a tensor may vary.

    Source: torch._dynamo.maybe_mark_dynamic
    """


def mark_static(t: Any, index: Any = None) -> None:
    """Say that a size of a tensor will not vary.

    Source: torch._dynamo.mark_static
    """


def mark_static_address(t: Any, guard: bool = False) -> None:
    """Say that a tensor will stay where it is.

    Source: torch._dynamo.mark_static_address
    """


def export(f: Callable, *extra_args: Any, **extra_kwargs: Any) -> Any:
    """Raises NotImplementedError: `torch.export.export` makes graphs of programs.

    Source: torch._dynamo.export
    """
    raise NotImplementedError(
        "torch._dynamo.export: flambeau does not read Python's code; torch.export.export(model, args) makes a graph "
        "by running it"
    )


def explain(f: Callable, *extra_args: Any, **extra_kwargs: Any) -> Any:
    """Raises NotImplementedError: there are no graphs to explain; `kernels.explain` shows kernels.

    Source: torch._dynamo.explain
    """
    raise NotImplementedError(
        "torch._dynamo.explain: flambeau makes no graphs of functions; torch.kernels.explain(function)(*args) shows the "
        "kernels that a call runs"
    )


__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result",
    "config",
    "disable",
    "disable_nested_graph_breaks",
    "disallow_in_graph",
    "dont_skip_tracing",
    "exc",
    "explain",
    "export",
    "forbid_in_graph",
    "graph_break",
    "is_compiling",
    "is_dynamo_disable_recursive",
    "list_backends",
    "lookup_backend",
    "mark_dynamic",
    "mark_static",
    "mark_static_address",
    "maybe_mark_dynamic",
    "nonstrict_trace",
    "optimize",
    "optimize_assert",
    "patch_dynamo_config",
    "register_backend",
    "reset",
    "run",
    "set_stance",
    "skip_frame",
    "step_unsupported",
    "substitute_in_graph",
    "utils",
]
