"""Small checks that programs make of what they are given: `_assert` and `typename`."""

from __future__ import annotations

from typing import Any

from .core.tensor import Tensor


def _assert(condition: Any, message: str) -> Any:
    """An ``assert`` that is there under ``python -O`` too; a condition may be a tensor, or a traced value.

    Raises:
        AssertionError: The condition does not hold.

    Source: torch._assert
    """
    handler = getattr(type(condition), "__torch_function__", None)
    if handler is not None and not isinstance(condition, Tensor):
        return handler(_assert, (type(condition),), (condition, message), {})
    if not condition:
        raise AssertionError(message)


def typename(obj: Any, /) -> str:
    """A tensor's old type, "torch.FloatTensor"; the full name of anything else's class.

    Source: torch.typename

    Example:
        >>> import flambeau as torch
        >>> torch.typename(torch.ones(2)), torch.typename(3)
        ('torch.FloatTensor', 'int')
    """
    if isinstance(obj, Tensor):
        return obj.type()  # type: ignore[attr-defined,no-any-return]
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None) or ""
    return named.__qualname__ if module in ("", "builtins") else f"{module}.{named.__qualname__}"
