"""``__torch_dispatch__``: modes and classes that see operations, below autograd.

A function's call is *lowered*: `lowering` says which operations of ATen it is, and each is offered to the
innermost `TorchDispatchMode`, then to the classes of its tensors. The handler runs without recording;
what it gives is recorded here, with the operation's own gradient (`derivative`).

Importing this module makes functions ask, as importing `overrides` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..autograd.mode import mode, no_grad
from ..core import handler
from ..core.handler import DISPATCHED, state
from ..core.pytree.tree import tree_map
from ..dispatch.torch_function import dispatch, guards
from ..func.batched import current
from ..func.rule_layer import VmapInfo
from .definition import tensors_of
from .derivative import recorded, recorded_write

bare = handler.DisableTorchDispatch


def is_seen(args: tuple, kwargs: dict[str, Any]) -> bool:
    """Is there a mode, or a tensor whose class handles operations?"""
    if state.dispatch is None:
        return False
    if state.dispatch:
        return True
    return bool(DISPATCHED) and any(type(x) in DISPATCHED for x in tensors_of([args, kwargs]))


def handling(args: tuple, kwargs: dict[str, Any]) -> list[Any]:
    """The operands that handle functions themselves, as of `handler.handlers`."""
    return handler.handlers((*args, *kwargs.values())) if guards.enabled else []


def asked(overload: Any, found: list[Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    """Give an operation to the innermost `TorchFunctionMode`, to an operand, or to the vmap that is in force."""
    mapping = current()
    rule = overload._definition.vmap
    if mapping is not None and rule is not None and mapping.any((args, kwargs)):
        in_dims = tree_map(lambda x: 0 if mapping.has(x) else None, args)
        info = VmapInfo(mapping.size, mapping.randomness)
        with mapping.aside():
            values = tree_map(mapping.value, (args, kwargs))
            return mapping.by_dims(*rule(info, in_dims, *values[0], **values[1]))
    return dispatch(overload, found, args, kwargs)


def call(overload: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Offer an operation to whoever wants to see it, and record what comes back."""
    schema = overload._schema
    found = list(tensors_of([args, kwargs]))
    if not (mode.recording and any(x.requires_grad for x in found)):
        with no_grad():
            return handled(overload, args, kwargs)
    if schema.is_view:
        return _view(overload, args, kwargs)
    if schema.is_mutable:
        return recorded_write(overload, args, kwargs, handled, bare)
    return recorded(overload, args, kwargs, handled, bare)


def _view(overload: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """A view keeps its own record, if the handler gives just that view."""
    with no_grad():
        result = handled(overload, args, kwargs)
    if any(type(x) in DISPATCHED for x in tensors_of(result)):
        return result
    with bare():
        real = overload._definition.call(overload, args, kwargs)
    pairs = zip(tensors_of(result), tensors_of(real))
    same = all(
        x.data_ptr() == y.data_ptr() and x.shape == y.shape and x.stride() == y.stride()
        for x, y in pairs
    )
    return real if same else result


def handled(overload: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """What the innermost mode, or else the tensors' classes, make of an operation.

    Raises:
        TypeError: Every handler answered NotImplemented.
    """
    classes: list[type] = []
    for x in tensors_of([args, kwargs]):
        cls = type(x)
        if cls in DISPATCHED and cls not in classes:
            at = next((i for i, c in enumerate(classes) if issubclass(cls, c)), len(classes))
            classes.insert(at, cls)
    types = tuple(classes)
    before = state.dispatch
    if before:
        innermost = before[-1]
        rule = _registered(overload, type(innermost), innermost)
        with _inside(before[:-1]):
            result = (rule or innermost.__torch_dispatch__)(overload, types, args, kwargs)
        if result is not NotImplemented:
            return result
    for cls in classes:
        rule = _registered(overload, cls, cls)
        with _inside(before):
            result = (rule or cls.__torch_dispatch__)(overload, types, args, kwargs)  # type: ignore[attr-defined]
        if result is not NotImplemented:
            return result
    raise TypeError(
        f"Multiple dispatch failed for '{overload}'; all __torch_dispatch__ handlers returned NotImplemented:\n\n"
        + "".join(f"  - tensor subclass {cls}\n" for cls in classes)
    )


@contextmanager
def _inside(dispatch: tuple | None) -> Iterator[None]:
    """A handler runs: ``__torch_function__`` was asked before, and the mode itself is not in force."""
    before = state.enabled, state.modes, state.dispatch
    state.enabled, state.modes, state.dispatch = False, (), dispatch
    try:
        yield
    finally:
        state.enabled, state.modes, state.dispatch = before


def _registered(overload: Any, cls: type, first: Any) -> Callable | None:
    """What `library.register_torch_dispatch` was given for a class or mode."""
    table = overload._definition.dispatched
    found = next((table[base] for base in cls.__mro__ if base in table), None)
    if found is None:
        return None
    return lambda overload, types, args, kwargs: found(first, overload, types, args, kwargs)


def lower(function: Any, original: Callable, *call: Any) -> Any:
    """Run a public function's call as operations of ATen; what is none runs by itself."""
    from .lowering import lowered

    args, kwargs = call
    answer = lowered(function, args, kwargs)
    if answer is not NotImplemented:
        return answer
    with _without_classes():
        return original(*args, **kwargs)


@contextmanager
def _without_classes() -> Iterator[None]:
    before, state.enabled = state.enabled, False
    try:
        yield
    finally:
        state.enabled = before


handler.lower[:] = [lower]
