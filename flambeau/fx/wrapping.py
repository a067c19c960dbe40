"""Functions that tracing notes as calls instead of running them with proxies."""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any

from .argument import map_aggregate
from .proxy import Proxy

_wrapped_fns_to_patch: dict[tuple[int, str], dict[str, Any]] = {}
"""For a scope's id and a name in it, the scope."""
_wrapped_methods_to_patch: list[tuple[type, str]] = []


def wrap(fn_or_name: str | Callable) -> str | Callable:
    """Let tracing note calls of a function of this module as calls, and not look inside.

    Write it at the top level of the module that calls the function: as a decorator where the function is
    defined, or with a name, ``torch.fx.wrap("len")``, for one that was imported or is built in.

    Raises:
        RuntimeError: Neither a function nor a name.
        NotImplementedError: Called elsewhere than at the top level of a module.

    Source: torch.fx.wrap
    """
    if isinstance(fn_or_name, str):
        name = fn_or_name
    elif callable(fn_or_name):
        name = fn_or_name.__name__
    else:
        raise RuntimeError(
            "Unsupported type for global function! Must be either a callable or string name, got "
            f"{type(fn_or_name).__name__}"
        )
    frame = inspect.currentframe()
    scope = frame.f_back if frame is not None else None
    if scope is None or scope.f_code.co_name != "<module>":
        raise NotImplementedError(
            "wrap must be called at the top level of a module: torch.fx.wrap(name) changes what the "
            "name means there while something is traced"
        )
    _wrapped_fns_to_patch[(id(scope.f_globals), name)] = scope.f_globals
    return fn_or_name


def find_proxy(*nested: Any) -> Proxy | None:
    """The first proxy in a nesting."""
    found: list[Proxy] = []
    map_aggregate(nested, lambda a: found.append(a) if isinstance(a, Proxy) else a)
    return found[0] if found else None


def _noted(function: Callable) -> Callable:
    """A function that becomes a node where it gets proxies."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        proxy = find_proxy(args, kwargs)
        if proxy is None:
            return function(*args, **kwargs)
        made = proxy.tracer.create_proxy("call_function", function, args, kwargs)
        made.node.meta["is_wrapped"] = True
        return made

    return wrapped


def _noted_method(cls: type, name: str) -> Callable:
    original = getattr(cls, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        proxy = find_proxy(args, kwargs)
        if proxy is None:
            return original(*args, **kwargs)
        return proxy.tracer.create_proxy("call_method", name, args, kwargs)

    return wrapped


class Patches:
    """Changes of dicts and classes that are undone at the end, the last one first."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []
        self._seen: set[int] = set()

    def item(self, scope: dict[str, Any], name: str, value: Any) -> None:
        """Let a name of a scope mean another value."""
        if name in scope:
            self._undo.append(functools.partial(scope.__setitem__, name, scope[name]))
        else:
            self._undo.append(functools.partial(scope.pop, name, None))
        scope[name] = value

    def method(self, cls: type, name: str, value: Any) -> None:
        """Let a class have another method."""
        if name in vars(cls):
            self._undo.append(functools.partial(setattr, cls, name, vars(cls)[name]))
        else:
            self._undo.append(functools.partial(delattr, cls, name))
        setattr(cls, name, value)

    def autowrap(self, scope: dict[str, Any], functions: set[int]) -> None:
        """Note calls of these functions (by their ids) under the names that a scope has for them."""
        if id(scope) in self._seen or not functions:
            return
        self._seen.add(id(scope))
        for name, value in list(scope.items()):
            if not name.startswith("_") and callable(value) and id(value) in functions:
                self.item(scope, name, _noted(value))

    def wrapped(self) -> None:
        """Note calls of all functions that programs said `wrap` of."""
        for (_, name), scope in list(_wrapped_fns_to_patch.items()):
            function = scope.get(name, getattr(builtins, name, None))
            if function is not None:
                self.item(scope, name, _noted(function))
        for cls, name in _wrapped_methods_to_patch:
            self.method(cls, name, _noted_method(cls, name))

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()


@contextmanager
def patches() -> Iterator[Patches]:
    """Changes that end with the ``with``."""
    made = Patches()
    try:
        yield made
    finally:
        made.undo()


def all_positional(function: Callable) -> Callable:
    """The same function, taking all its arguments by position, also ``*args`` and ``**kwargs`` as single ones."""
    code: CodeType = function.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    flags = code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    order = list(code.co_varnames)
    code = code.replace(
        co_argcount=count,
        co_posonlyargcount=0,
        co_kwonlyargcount=0,
        co_flags=flags,
        co_varnames=tuple(order),
    )
    made = FunctionType(
        code,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    made.__annotations__ = dict(function.__annotations__)
    made.__wrapped__ = function  # type: ignore[attr-defined]
    return made
