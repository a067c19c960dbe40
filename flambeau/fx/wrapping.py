"""Functions that tracing notes as calls instead of running them with proxies."""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import Callable
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


class _Patcher:
    """Changes of dicts and classes, which are undone at the end of ``with``, the last one first.

    Source: torch.fx._symbolic_trace._Patcher
    """

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []
        self.visited: set[int] = set()
        self._patched: set[tuple[int, str]] = set()

    def patch(
        self, frame_dict: dict[str, Any], name: str, new_fn: Callable, deduplicate: bool = True
    ) -> None:
        """Let a name of a scope mean another function; `deduplicate`: only the first time."""
        if self._is_done(frame_dict, name, deduplicate):
            return
        if name in frame_dict:
            self._undo.append(functools.partial(frame_dict.__setitem__, name, frame_dict[name]))
        else:
            self._undo.append(functools.partial(frame_dict.pop, name, None))
        frame_dict[name] = new_fn

    def patch_method(
        self, cls: type, name: str, new_fn: Callable, deduplicate: bool = True
    ) -> None:
        """Let a class have another method; `deduplicate`: only the first time."""
        if self._is_done(cls, name, deduplicate):
            return
        if name in vars(cls):
            self._undo.append(functools.partial(setattr, cls, name, vars(cls)[name]))
        else:
            self._undo.append(functools.partial(delattr, cls, name))
        setattr(cls, name, new_fn)

    def _is_done(self, place: Any, name: str, deduplicate: bool) -> bool:
        key = id(place), name
        done = deduplicate and key in self._patched
        self._patched.add(key)
        return done

    def visit_once(self, thing: Any) -> bool:
        """Is it met for the first time?"""
        new = id(thing) not in self.visited
        self.visited.add(id(thing))
        return new

    def revert_all_patches(self) -> None:
        """Undo all."""
        while self._undo:
            self._undo.pop()()
        self._patched.clear()

    def __enter__(self) -> _Patcher:
        return self

    def __exit__(self, *exception: object) -> None:
        self.revert_all_patches()
        self.visited.clear()


def _autowrap_check(patcher: _Patcher, frame_dict: dict[str, Any], function_ids: set[int]) -> None:
    """Note calls of these functions (by their ids) under the names that a scope has for them."""
    if not function_ids or not patcher.visit_once(frame_dict):
        return
    for name, value in list(frame_dict.items()):
        if not name.startswith("_") and callable(value) and id(value) in function_ids:
            patcher.patch(frame_dict, name, _noted(value))


def _patch_wrapped_functions(patcher: _Patcher) -> None:
    """Note calls of all functions that programs said `wrap` of."""
    for (_, name), scope in list(_wrapped_fns_to_patch.items()):
        function = scope.get(name, getattr(builtins, name, None))
        if function is not None:
            patcher.patch(scope, name, _noted(function))
    for cls, name in _wrapped_methods_to_patch:
        patcher.patch_method(cls, name, _noted_method(cls, name))


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
