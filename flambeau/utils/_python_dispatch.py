"""``__torch_dispatch__``: modes and classes of tensors that see every operation, below autograd.

Source: torch.utils._python_dispatch
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .._ops import below
from ..core import handler as _handler
from ..core.handler import state
from ..core.tensor import Tensor
from ..dispatch.torch_function import guards

__all__ = [
    "BaseTorchDispatchMode",
    "TorchDispatchMode",
    "_disable_current_modes",
    "_get_current_dispatch_mode",
    "_get_current_dispatch_mode_stack",
    "_len_torch_dispatch_stack",
    "_pop_mode_temporarily",
    "is_in_torch_dispatch_mode",
    "is_traceable_wrapper_subclass",
    "is_traceable_wrapper_subclass_type",
    "return_and_correct_aliasing",
    "transform_subclass",
]


class TorchDispatchMode:
    """A context in which every operation goes to ``__torch_dispatch__``.

    Operations have the names of ATen, ``torch.ops.aten.mm.default``, and come after autograd has noted them:
    what a handler gives is recorded with the operation's own gradient. While a mode handles an operation it is
    not in force itself.

    Source: torch.utils._python_dispatch.TorchDispatchMode

    Example:
        >>> import flambeau as torch
        >>> from flambeau.utils._python_dispatch import TorchDispatchMode
        >>> class Names(TorchDispatchMode):
        ...     def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        ...         print(func)
        ...         return func(*args, **(kwargs or {}))
        >>> with Names():
        ...     x = torch.nn.functional.linear(torch.ones(1, 2), torch.ones(3, 2))
        aten.ones.default
        aten.ones.default
        aten.t.default
        aten.mm.default
    """

    def __init__(self, _dispatch_key: Any = None) -> None:
        if _dispatch_key is not None:
            raise NotImplementedError("modes that stand at a dispatch key: flambeau has no keys")

    def __torch_dispatch__(
        self, func: Any, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must define __torch_dispatch__(self, func, types, args, kwargs)"
        )

    def __enter__(self) -> Any:
        guards.enable()
        _handler.entered.append(self)
        state.dispatch = (*(state.dispatch or ()), self)
        return self

    def __exit__(self, *exception: object) -> None:
        state.dispatch = (state.dispatch or ())[:-1]
        _handler.entered.remove(self)

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """Make a mode: the old spelling of its constructor."""
        return cls(*args, **kwargs)

    @classmethod
    def is_infra_mode(cls) -> bool:
        """Is it a part of the compiler?"""
        return False


class BaseTorchDispatchMode(TorchDispatchMode):
    """A mode that changes nothing.

    Source: torch.utils._python_dispatch.BaseTorchDispatchMode
    """

    def __torch_dispatch__(
        self, func: Any, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


# --------------------------------------------------------------------------------- the modes in force


def _get_current_dispatch_mode() -> Any:
    """The innermost mode, or None."""
    return state.dispatch[-1] if state.dispatch else None


def _get_current_dispatch_mode_stack() -> list[Any]:
    """The modes that are in force, the innermost last."""
    return list(state.dispatch or ())


def _len_torch_dispatch_stack() -> int:
    """How many modes are in force."""
    return len(state.dispatch or ())


def is_in_torch_dispatch_mode(include_infra_modes: bool = True) -> bool:
    """Is a mode in force?"""
    return bool(state.dispatch)


def any_torch_dispatch_mode_on_stack(*, include_infra_modes: bool = True) -> bool:
    """Is a mode in force?"""
    return bool(state.dispatch)


@contextmanager
def _pop_mode_temporarily(k: Any = None) -> Iterator[Any]:
    """The innermost mode, which is not in force inside."""
    before = state.dispatch
    if not before:
        raise RuntimeError("there is no TorchDispatchMode in force")
    state.dispatch = before[:-1]
    try:
        yield before[-1]
    finally:
        state.dispatch = before


@contextmanager
def _disable_current_modes() -> Iterator[list[Any]]:
    """Inside, no mode is in force."""
    before = state.dispatch
    state.dispatch = () if before is not None else None
    try:
        yield list(before or ())
    finally:
        state.dispatch = before


no_dispatch = below.bare


# ----------------------------------------------------------------------------------- classes of tensors


def is_traceable_wrapper_subclass_type(t: type) -> bool:
    """Is it a class of tensors that can be taken apart: with ``__tensor_flatten__`` and ``__tensor_unflatten__``?

    Source: torch.utils._python_dispatch.is_traceable_wrapper_subclass_type
    """
    return (
        issubclass(t, Tensor)
        and t is not Tensor
        and hasattr(t, "__tensor_flatten__")
        and hasattr(t, "__tensor_unflatten__")
    )


def is_traceable_wrapper_subclass(t: object) -> bool:
    """Is it a tensor of a class that can be taken apart?

    Source: torch.utils._python_dispatch.is_traceable_wrapper_subclass
    """
    return is_traceable_wrapper_subclass_type(type(t))


def transform_subclass(
    t: Any,
    callback: Callable[[str, Tensor], Tensor],
    outer_size: Any = None,
    outer_stride: Any = None,
) -> Any:
    """The same wrapper around other tensors.

    Args:
        t: A tensor that can be taken apart.
        callback: A function of an attribute's name and its tensor.
        outer_size, outer_stride: Of the result; those of `t` if not given.

    Raises:
        AssertionError: The result has another size than was asked for.

    Source: torch.utils._python_dispatch.transform_subclass
    """
    size = t.size() if outer_size is None else outer_size
    stride = t.stride() if outer_stride is None else outer_stride
    names, context = t.__tensor_flatten__()
    inner = {name: callback(name, getattr(t, name)) for name in names}
    made = type(t).__tensor_unflatten__(inner, context, size, stride)
    if tuple(made.shape) != tuple(size):
        raise AssertionError(f"Expected size {tuple(size)}, got {tuple(made.shape)}")
    return made


def return_and_correct_aliasing(func: Any, args: tuple, kwargs: dict | None, out: Any) -> Any:
    """What a handler should give where an operation writes into its arguments: those arguments.

    Views of wrappers share no memory here, so nothing else is to be corrected.

    Source: torch.utils._python_dispatch.return_and_correct_aliasing
    """
    schema = func._schema
    if not schema.is_mutable:
        return out
    given = schema.bind(tuple(args), dict(kwargs or {}))
    written = {
        name: given.get(a.name)
        for a in schema.arguments
        if a.is_write and a.alias_info is not None
        for name in a.alias_info.before_set
    }
    results = [
        next((written[name] for name in part.alias_info.before_set if name in written), None)
        if part.alias_info is not None
        else None
        for part in schema.returns
    ]
    if not schema.returns:
        return out
    if len(results) == 1:
        return out if results[0] is None else results[0]
    return type(out)(y if x is None else x for x, y in zip(results, out))
