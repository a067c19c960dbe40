"""torch.overrides: classes and modes that handle torch's functions (``__torch_function__``).

Importing this module makes all functions ask their operands whether they handle them; see "guards" in
dispatch/torch_function.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import FunctionType
from typing import Any

from .core import handler as _handler
from .core.handler import DisableTorchFunctionSubclass, handlers, handles
from .core.tensor import Tensor
from .dispatch.function_mode import TorchFunctionMode
from .dispatch.torch_function import dispatch, guards

guards.enable()


def is_tensor_like(inp: Any) -> bool:
    """Is it a Tensor, or an object whose class handles functions?

    Source: torch.overrides.is_tensor_like

    Example:
        >>> import flambeau as torch
        >>> torch.overrides.is_tensor_like(torch.ones(2)), torch.overrides.is_tensor_like([1.0])
        (True, False)
    """
    return isinstance(inp, Tensor) or hasattr(type(inp), "__torch_function__")


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Does one of the operands, or a mode, want to handle functions?

    Source: torch.overrides.has_torch_function

    Example:
        >>> import flambeau as torch
        >>> class Tagged(torch.Tensor):
        ...     pass
        >>> torch.overrides.has_torch_function((torch.ones(2).as_subclass(Tagged), 1))
        True
    """
    if _handler.state.modes:
        return True
    return _handler.state.enabled and any(handles(type(arg)) for arg in relevant_args)


def has_torch_function_unary(arg: Any) -> bool:
    """`has_torch_function` of one operand."""
    return has_torch_function((arg,))


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` of several operands."""
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable, relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Give a call of a function of one's own to the operand or mode that handles it.

    Args:
        public_api: The function.
        relevant_args: Its operands.
        args, kwargs: What it was called with.

    Raises:
        TypeError: Every handler answered NotImplemented.

    Source: torch.overrides.handle_torch_function

    Example:
        >>> import flambeau as torch
        >>> from flambeau.overrides import handle_torch_function, has_torch_function
        >>> def twice(x):
        ...     if has_torch_function((x,)):
        ...         return handle_torch_function(twice, (x,), x)
        ...     return 2 * x
        >>> class Logged(torch.Tensor):
        ...     @classmethod
        ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
        ...         return func.__name__
        >>> twice(torch.ones(2).as_subclass(Logged))
        'twice'
    """
    found = handlers(relevant_args)
    if found or _handler.state.modes:
        return dispatch(public_api, found, args, kwargs)
    return Tensor.__torch_function__(public_api, (Tensor,), args, kwargs)  # type: ignore[attr-defined]


def wrap_torch_function(dispatcher: Callable) -> Callable:
    """Decorator: make a function one that operands can handle.

    Args:
        dispatcher: A function of the same arguments that gives the operands.

    Source: torch.overrides.wrap_torch_function
    """

    def decorate(function: Callable) -> Callable:
        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return decorate


def _get_overloaded_args(relevant_args: Iterable[Any]) -> list[Any]:
    """One operand of each class that handles functions, in the order in which they are asked."""
    return handlers(relevant_args)


def resolve_name(f: Any) -> str | None:
    """The full name of a public function, method or property getter; None for others.

    Source: torch.overrides.resolve_name

    Example:
        >>> import flambeau as torch
        >>> torch.overrides.resolve_name(torch.nn.functional.relu)
        'torch.nn.functional.relu'
        >>> torch.overrides.resolve_name(torch.Tensor.shape.__get__)
        'torch.Tensor.shape.__get__'
    """
    try:
        return guards.names().get(f)
    except TypeError:
        return None


def is_tensor_method_or_property(func: Callable) -> bool:
    """Is it a method of Tensor, or the getter of a property?

    Source: torch.overrides.is_tensor_method_or_property
    """
    return func in _methods()


def _methods() -> set[Any]:
    found: set[Any] = set()
    for item in Tensor.__dict__.values():
        if isinstance(item, property):
            found.add(item.__get__)
        elif isinstance(item, FunctionType):
            found.add(item)
    return found


def get_overridable_functions() -> dict[Any, list[Callable]]:
    """Every function that classes can handle, by the class or namespace that it is found in.

    Source: torch.overrides.get_overridable_functions

    Example:
        >>> import flambeau as torch
        >>> functions = torch.overrides.get_overridable_functions()
        >>> torch.Tensor.add in functions[torch.Tensor]
        True
    """
    handled = guards.overridable()
    found: dict[Any, list[Callable]] = {Tensor: []}
    for item in Tensor.__dict__.values():
        if isinstance(item, property) and item.fget in handled:
            found[Tensor].append(item.__get__)
        elif isinstance(item, FunctionType) and item in handled:
            found[Tensor].append(item)
    for space, functions in guards.namespaces.items():
        place = "torch" if space == "torch" else f"torch.{space}"
        found[place] = [
            f for f in functions.values() if isinstance(f, FunctionType) and f in handled
        ]
    return found


def get_ignored_functions() -> set[Callable]:
    """The public functions that classes cannot handle.

    Source: torch.overrides.get_ignored_functions
    """
    handled = guards.overridable()
    everything = (f for functions in guards.namespaces.values() for f in functions.values())
    return {f for f in everything if f not in handled}


def get_testing_overrides() -> dict[Callable, Callable]:
    """For every function that classes can handle one of the same arguments that gives -1.

    A class that uses these handles everything, which tests of such classes look at.

    Source: torch.overrides.get_testing_overrides
    """
    return {
        function: _stub(function)
        for found in get_overridable_functions().values()
        for function in found
    }


def _stub(function: Callable) -> Callable:
    @wraps(function)
    def minus_one(*args: Any, **kwargs: Any) -> int:
        return -1

    return minus_one


def _get_current_function_mode() -> Any:
    """The innermost mode that is in force, or None."""
    return _handler.state.modes[-1] if _handler.state.modes else None


def _get_current_function_mode_stack() -> list[Any]:
    """The modes that are in force, the innermost last."""
    return list(_handler.state.modes)


def _push_mode(mode: TorchFunctionMode) -> None:
    """Put a mode in force."""
    mode.__enter__()


def _pop_mode() -> Any:
    """Take the innermost mode out of force; gives it."""
    mode = _handler.state.modes[-1]
    mode.__exit__()
    return mode


@contextmanager
def _pop_mode_temporarily() -> Iterator[Any]:
    """The innermost mode, which is not in force inside."""
    mode = _pop_mode()
    try:
        yield mode
    finally:
        _push_mode(mode)


@contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """Inside a ``__torch_dispatch__``: let functions ask classes and modes again.

    Source: torch.overrides.enable_reentrant_dispatch
    """
    before, _handler.state.enabled = _handler.state.enabled, True
    try:
        yield
    finally:
        _handler.state.enabled = before


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing.

    Source: torch.overrides.BaseTorchFunctionMode
    """

    def __torch_function__(
        self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


__all__ = [
    "BaseTorchFunctionMode",
    "DisableTorchFunctionSubclass",
    "TorchFunctionMode",
    "enable_reentrant_dispatch",
    "get_ignored_functions",
    "get_overridable_functions",
    "get_testing_overrides",
    "handle_torch_function",
    "has_torch_function",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]
