"""trace: a function or module under TorchScript's classes, with the graph of a run."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from .._caller import warn
from ..core.tensor import Tensor
from ..fx import GraphModule
from ..fx.experimental.proxy_tensor import PythonKeyTracer, finish, run_noting
from ..nn import Module
from ..testing import assert_close
from ._script import RecursiveScriptModule, ScriptFunction, ScriptModule
from ._state import deprecated, state

__all__ = ["TopLevelTracedModule", "TracedModule", "TracerWarning", "TracingCheckError", "trace"]


class TracerWarning(Warning):
    """A trace may not be what the program does with other arguments.

    Source: torch.jit.TracerWarning
    """

    @staticmethod
    def ignore_lib_warnings() -> None:
        """Nothing: warnings are given for the program's own lines."""


class TracingCheckError(Exception):
    """A trace does not do what the function does.

    Source: torch.jit.TracingCheckError
    """


class TracedModule(RecursiveScriptModule):
    """A module within one that `trace` made.

    Source: torch.jit.TracedModule
    """

    @classmethod
    def _of(cls, child: Module) -> Module:
        return TracedModule(child)

    def _get_name(self) -> str:
        return self.original_name


class TopLevelTracedModule(TracedModule):
    """What `trace` makes of a module: it runs the module's forward, and has the graph of the traced run.

    Source: torch.jit.TopLevelTracedModule
    """


_NAMES = {
    "__bool__": "boolean",
    "__float__": "float",
    "__int__": "integer",
    "__index__": "index",
    "__complex__": "complex",
    "item": "number",
    "tolist": "list",
    "numpy": "NumPy array",
}


def _warn_of_value(name: str) -> None:
    warn(
        f"Converting a tensor to a Python {_NAMES[name]} might cause the trace to be incorrect. The graph "
        "cannot follow Python values, so this one is a constant in it, and the trace might not "
        "generalize to other inputs!",
        TracerWarning,
    )


@contextmanager
def tracing() -> Any:
    """Within ``with``, `torch.jit.is_tracing` says yes."""
    state.tracing += 1
    try:
        yield
    finally:
        state.tracing -= 1


def _checked_output(result: Any, strict: bool) -> None:
    """Can a traced function give that?

    Raises:
        RuntimeError: It cannot.
    """
    if isinstance(result, Tensor):
        return
    if isinstance(result, dict):
        if strict:
            raise RuntimeError(
                "Encountering a dict at the output of the tracer might cause the trace to be incorrect: "
                "that holds only if its keys do not depend on the inputs. Return a tuple or a NamedTuple, or "
                "pass strict=False to trace() to allow this behavior."
            )
        result = list(result.values())
    elif isinstance(result, list) and strict:
        warn(
            "Encountering a list at the output of the tracer might cause the trace to be incorrect: that "
            "holds only if its length does not depend on the inputs. Return a tuple, or pass strict=False",
            TracerWarning,
        )
    if not isinstance(result, (list, tuple)):
        raise RuntimeError(
            "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output from "
            "traced functions"
        )
    for item in result:
        _checked_output(item, strict)


def _graph_of(
    function: Callable, owner: Module | None, args: tuple, kwargs: dict[str, Any], strict: bool
) -> GraphModule:
    """The graph of one run; sizes stay open in it."""
    import inspect

    tracer = PythonKeyTracer(True, owner)
    bound = inspect.signature(function).bind(*args, **kwargs)
    for name, value in bound.arguments.items():
        _placeholders(tracer, name, value)
    with tracing():
        result = run_noting(tracer, function, args, kwargs, _warn_of_value)
    _checked_output(result, strict)
    tracer.create_node("output", "output", (tracer.create_arg(result),), {})
    finish(tracer.graph)
    name = type(owner).__name__ if owner is not None else function.__name__
    made = GraphModule(tracer.root, tracer.graph, name)
    made.training = owner.training if owner is not None else True
    return made


def _placeholders(tracer: PythonKeyTracer, name: str, value: Any) -> None:
    if isinstance(value, (tuple, list)):
        for i, item in enumerate(value):
            _placeholders(tracer, f"{name}_{i}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _placeholders(tracer, f"{name}_{key}", item)
    else:
        tracer.placeholder(name, value)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def _check(
    traced: GraphModule, function: Callable, args: tuple, kwargs: dict[str, Any], tolerance: float
) -> None:
    """Warn of outputs of the graph that are not the function's."""
    given = copy.deepcopy((args, kwargs))
    expected = _leaves(function(*args, **kwargs))
    for i, (mine, theirs) in enumerate(zip(_leaves(traced(*_leaves(given))), expected)):
        if not isinstance(mine, Tensor):
            continue
        try:
            assert_close(mine, theirs, rtol=tolerance, atol=1e-5, equal_nan=True)  # torch's
        except AssertionError as error:
            warn(
                f"Output nr {i + 1}. of the traced function does not match the corresponding output "
                f"of the Python function. Detailed error:\n{error}",
                TracerWarning,
            )


def _tuple(example_inputs: Any) -> tuple:
    if isinstance(example_inputs, (Tensor, dict)):
        return (example_inputs,)
    return tuple(example_inputs) if isinstance(example_inputs, (list, tuple)) else (example_inputs,)


def trace(
    func: Any,
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: list[tuple] | None = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: dict[str, Any] | None = None,
    _store_inputs: bool = True,
) -> Any:
    """A function or module under TorchScript's classes, with the graph of a run.

    Calling it runs Python's code, so its flow still follows the arguments; a file that it is saved to holds
    the graph, in which sizes are open and all else that Python decided is fixed. PyTorch deprecates TorchScript:
    the first use of it in a program warns.

    Args:
        func: A function or module.
        example_inputs: The arguments of the run: a tensor, or a tuple of tensors and nestings.
        optimize: Not used.
        check_trace: Run the graph and the function again, and warn where their outputs differ?
        check_inputs: More arguments to do that with.
        check_tolerance: How far outputs may differ.
        strict: Refuse dicts, and warn of lists, among the outputs?
        example_kwarg_inputs: Arguments by name, in place of `example_inputs`.

    Raises:
        RuntimeError: The outputs are not tensors, or nestings of them.

    Source: torch.jit.trace

    Example:
        >>> import warnings
        >>> import flambeau as torch
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     traced = torch.jit.trace(lambda x: x.relu() + 1, torch.ones(2))
        >>> traced(torch.tensor([-1.0, 1.0, 2.0]))
        tensor([1., 2., 3.])
    """
    deprecated("trace")
    kwargs = example_kwarg_inputs or {}
    args = () if example_kwarg_inputs is not None else _tuple(example_inputs)
    if isinstance(func, (ScriptModule, ScriptFunction)):
        warn(
            f"The input to trace is already a {type(func).__name__}: it stays as it is, and gets the graph of "
            "this run"
        )
        made: Any = func
        function = func.forward if isinstance(func, Module) else func._function
        owner = func if isinstance(func, Module) else None
    elif isinstance(func, Module):
        made = TopLevelTracedModule(func)
        function, owner = func.forward, func
    else:
        function, owner = func, getattr(func, "__self__", None)
        owner = owner if isinstance(owner, Module) else None
        made = ScriptFunction(func)
    traced = _graph_of(function, owner, args, kwargs, strict)
    if check_trace:
        for more in [(args, kwargs), *((_tuple(x), {}) for x in check_inputs or ())]:
            _check(traced, function, *more, check_tolerance)
    made._graph_module = traced
    return made


def trace_module(
    mod: Module,
    inputs: dict[str, Any],
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: list[dict[str, Any]] | None = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    **kwargs: Any,
) -> ScriptModule:
    """`trace` of several methods of a module.

    Args:
        mod: The module.
        inputs: For the names of methods, their example arguments.
        optimize, check_trace, check_inputs, check_tolerance, strict, kwargs: As of `trace`.

    Raises:
        AttributeError: Neither a module nor a dict.

    Source: torch.jit.trace_module
    """
    if not isinstance(mod, Module):
        raise AttributeError("expected torch.nn.Module as the first argument")
    if not isinstance(inputs, dict):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")
    deprecated("trace_module")
    made = TopLevelTracedModule(mod)
    for name, given in inputs.items():
        method, args = getattr(mod, name), _tuple(given)
        traced = _graph_of(method, mod, args, {}, strict)
        if check_trace:
            _check(traced, method, args, {}, check_tolerance)
        if name == "forward":
            made._graph_module = traced
        else:
            made._method_graphs = {**made._method_graphs, name: traced}
    return made
