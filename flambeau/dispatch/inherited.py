"""What subclasses of Tensor inherit: the ``__torch_function__`` and ``__torch_dispatch__`` that run what was called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from .._mixed import refuse
from ..core.handler import DisableTorchFunctionSubclass
from ..core.size import Size
from ..core.tensor import Tensor


def _keep_class(result: Any, cls: type) -> Any:
    """Results, and what sequences of results hold, as tensors of `cls`."""
    if cls is Tensor:
        return result
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else result.as_subclass(cls)
    if isinstance(result, (tuple, list)) and type(result) is not Size:
        items = [_keep_class(item, cls) for item in result]
        kind: Any = type(result)
        return kind(*items) if hasattr(kind, "_fields") else kind(items)
    return result


def _torch_function(
    cls: type, func: Callable, types: Iterable[type], args: tuple = (), kwargs: Any = None
) -> Any:
    """Run a function, and give its results this class.

    Override it to see or change every call that has a tensor of the class among its operands, and
    call ``super().__torch_function__(func, types, args, kwargs)`` to go on.

    Args:
        func: The function, or the method, or ``Tensor.shape.__get__`` for a property.
        types: The operands' classes that handle functions.
        args, kwargs: What the function was called with.

    Source: torch.Tensor.__torch_function__
    """
    refuse(func)
    if not all(issubclass(cls, other) for other in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
    if func == Tensor.grad.__get__ or func == Tensor._base.__get__:  # type: ignore[attr-defined,union-attr]
        return result
    return _keep_class(result, cls)


def _torch_dispatch(
    cls: type, func: Callable, types: Iterable[type], args: tuple = (), kwargs: Any = None
) -> Any:
    """Run an operation; override it to see or change every operation on tensors of the class.

    Source: torch.Tensor.__torch_dispatch__
    """
    return func(*args, **(kwargs or {}))


_torch_dispatch.__name__ = _torch_dispatch.__qualname__ = "__torch_dispatch__"
Tensor.__torch_dispatch__ = staticmethod(partial(_torch_dispatch, Tensor))  # type: ignore[attr-defined]

_torch_function.__name__ = _torch_function.__qualname__ = "__torch_function__"
Tensor.__torch_function__ = classmethod(_torch_function)  # type: ignore[attr-defined]
