"""Who handles torch's functions: classes with ``__torch_function__``, and the modes that are entered."""

from __future__ import annotations

from _thread import _local as local  # `threading` loads late
from collections.abc import Iterable
from typing import Any

import numpy as np

from .._mixed import described, is_pytorchs
from .device import device
from .dtype import dtype
from .size import Size
from .tensor import Tensor


class State(local):
    """What this thread's calls are handed to.

    Attributes:
        enabled: Do classes handle functions?
        modes: The `TorchFunctionMode`s that are entered, the innermost last.
        casting: The contexts of `autocast` that are in force, the innermost last.
        dispatch: The `TorchDispatchMode`s that are entered; None while operations run by themselves.
    """

    enabled = True
    modes: tuple[Any, ...] = ()
    casting: tuple[Any, ...] = ()
    dispatch: tuple[Any, ...] | None = ()


state = State()
entered: list[Any] = []
"""The modes that are entered in any thread: empty nearly always, and quick to look at."""
casters: list[Any] = []
"""The same of contexts of `autocast`."""

DISPATCHED: set[type] = set()
"""Classes of tensors with a ``__torch_dispatch__`` of their own that were met."""
lower: list[Any] = []
"""What takes a function's call to ``__torch_dispatch__``: filled by `_ops.below` when it loads."""


def is_lowered(values: Iterable[Any]) -> bool:
    """Does a mode or a class with ``__torch_dispatch__`` want to see the operations of a call?"""
    if state.dispatch is None or not lower:
        return False
    return bool(state.dispatch) or (bool(DISPATCHED) and any(map(_is_dispatched, values)))


def _is_dispatched(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_dispatched, value))
    return value.__class__ in DISPATCHED


def mapped() -> Any:
    """The innermost mode, if it is that of a vmap."""
    mode = state.modes[-1] if state.modes else None
    return mode if hasattr(mode, "around") else None


def disabled(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """A ``__torch_function__`` for subclasses whose results are to be plain tensors: no class handles.

    Source: torch._C._disabled_torch_function_impl
    """
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


class DisableTorchFunctionSubclass:
    """Inside, no class handles functions: a subclass's tensors are taken as plain ones.

    Source: torch._C.DisableTorchFunctionSubclass

    Example:
        >>> import flambeau as torch
        >>> class Tagged(torch.Tensor):
        ...     pass
        >>> x = torch.ones(2).as_subclass(Tagged)
        >>> with torch._C.DisableTorchFunctionSubclass():
        ...     type(x + 1).__name__
        'Tensor'
    """

    def __enter__(self) -> None:
        self.before = state.enabled
        state.enabled = False

    def __exit__(self, *exception: object) -> None:
        state.enabled = self.before


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """Inside, neither classes nor modes handle functions.

    Source: torch._C.DisableTorchFunction
    """

    def __enter__(self) -> None:
        super().__enter__()
        self.modes, state.modes = state.modes, ()

    def __exit__(self, *exception: object) -> None:
        state.modes = self.modes
        super().__exit__()


class DisableTorchDispatch(DisableTorchFunction):
    """Inside, operations run by themselves: neither ``__torch_function__`` nor ``__torch_dispatch__`` is asked.

    Source: torch._C._DisableTorchDispatch
    """

    def __enter__(self) -> None:
        super().__enter__()
        self.dispatch, state.dispatch = state.dispatch, None

    def __exit__(self, *exception: object) -> None:
        state.dispatch = self.dispatch
        super().__exit__()


# --------------------------------------------------------------------------- finding the handler

PLAIN: set[type] = {
    *(Tensor, int, float, bool, complex, str, type(None), slice, type(...), Size, dtype, device),
    np.ndarray,
}
"""Classes that certainly handle nothing."""

INTRINSIC: set[type] = set()
"""Classes of flambeau's own tensors, which handle functions also where no user's class does."""


def handles(cls: type) -> bool:
    """Does the class handle functions?

    Raises:
        TypeError: It is PyTorch's own, whose handler would give the call back, without end.
    """
    handler = getattr(cls, "__torch_function__", None)
    if handler is None or handler is disabled or cls is Tensor:
        return False
    if is_pytorchs(cls):
        raise TypeError(f"a function of flambeau was given {described(cls)}")
    return True


def handlers(values: Iterable[Any]) -> list[Any]:
    """One operand of each class that handles functions: from the left, subclasses before their bases.

    A list or tuple of operands counts as its items. Where classes are not to handle, only those of
    our own do.
    """
    found: list[Any] = []
    for value in values:
        cls = value.__class__
        if cls in PLAIN:
            continue
        if cls is list or cls is tuple:
            for item in value:
                if item.__class__ not in PLAIN:
                    _insert(found, item)
        else:
            _insert(found, value)
    return found


def _insert(found: list[Any], operand: Any) -> None:
    cls = type(operand)
    if not handles(cls) or not (state.enabled or cls in INTRINSIC):
        return
    classes = [type(item) for item in found]
    if cls not in classes:
        at = next((i for i, c in enumerate(classes) if issubclass(cls, c)), len(classes))
        found.insert(at, operand)


def is_overridden(operand: object) -> bool:
    """Does the operand's class handle functions?"""
    cls = operand.__class__
    return cls not in PLAIN and (state.enabled or cls in INTRINSIC) and handles(cls)
