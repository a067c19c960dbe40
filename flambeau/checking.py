"""Small checks that programs make of what they are given: `_assert`, the `_check` functions and `typename`."""

from __future__ import annotations

from collections.abc import Callable
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


def _assert_async(input: Tensor, assert_msg: str = "") -> None:
    """Checks that a tensor of one element is not zero.

    Raises:
        RuntimeError: It is, or has another number of elements.
        TypeError: It is no tensor.

    Source: torch._assert_async

    Example:
        >>> import flambeau as torch
        >>> torch._assert_async(torch.tensor([1.0, 2.0]).isfinite().all(), "no finite numbers")
    """
    if not isinstance(input, Tensor):
        raise TypeError(
            f"_assert_async(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    if input.numel() != 1:  # type: ignore[attr-defined]
        amount = "no values" if not input.numel() else "more than one value"  # type: ignore[attr-defined]
        raise RuntimeError(f"Boolean value of Tensor with {amount} is ambiguous")
    if not input:
        raise RuntimeError(assert_msg or "Expected Tensor with single nonzero value, but got zero")


def _assert_scalar(condition: Any, assert_msg: str) -> None:
    """Checks that a number is not zero.

    Raises:
        RuntimeError: It is.

    Source: torch._assert_scalar
    """
    if not condition:
        raise RuntimeError(assert_msg)


def _check_with(
    error_type: type[Exception],
    cond: bool | Tensor,
    message: str | Callable[[], object] | None = None,
) -> None:
    """Raise an error of a type unless a condition holds.

    Args:
        error_type: The type.
        cond: A bool, or a tensor of bools, which all have to be True.
        message: The text, or a function that gives it and is called only where it is needed.

    Raises:
        TypeError: `cond` is no bool.
        Exception: `error_type`, if it does not hold.

    Source: torch._check_with
    """
    if not isinstance(cond, (bool, Tensor)):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if cond if isinstance(cond, bool) else bool(cond._array.all()):
        return
    if message is None:
        text = "Expected cond to be True, but got False."
    else:
        text = str(message() if callable(message) else message)
    raise error_type(text)


def _check(cond: bool, message: str | Callable[[], object] | None = None) -> None:
    """Raise RuntimeError unless a condition holds.

    Source: torch._check

    Example:
        >>> import flambeau as torch
        >>> torch._check(1 + 1 == 2, lambda: "arithmetic is broken")
    """
    _check_with(RuntimeError, cond, message)


def _check_is_size(
    i: int, message: str | Callable[[], object] | None = None, *, max: int | None = None
) -> None:
    """Raise RuntimeError unless a number can be a size: not negative, and at most `max`.

    Source: torch._check_is_size
    """
    _check_with(RuntimeError, i >= 0 and (max is None or i <= max), message)


def _check_index(cond: bool, message: str | Callable[[], object] | None = None) -> None:
    """Raise IndexError unless a condition holds.

    Source: torch._check_index
    """
    _check_with(IndexError, cond, message)


def _check_value(cond: bool, message: str | Callable[[], object] | None = None) -> None:
    """Raise ValueError unless a condition holds.

    Source: torch._check_value
    """
    _check_with(ValueError, cond, message)


def _check_type(cond: bool, message: str | Callable[[], object] | None = None) -> None:
    """Raise TypeError unless a condition holds.

    Source: torch._check_type
    """
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond: bool, message: str | Callable[[], object] | None = None) -> None:
    """Raise NotImplementedError unless a condition holds.

    Source: torch._check_not_implemented
    """
    _check_with(NotImplementedError, cond, message)


def _check_tensor_all_with(
    error_type: type[Exception],
    cond: Tensor,
    message: str | Callable[[], object] | None = None,
) -> None:
    """Raise an error of a type unless all of a tensor is True.

    Source: torch._check_tensor_all_with
    """
    if not isinstance(cond, Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    _check_with(error_type, cond, message)


def _check_tensor_all(cond: Tensor, message: str | Callable[[], object] | None = None) -> None:
    """Raise RuntimeError unless all of a tensor is True.

    Source: torch._check_tensor_all
    """
    _check_tensor_all_with(RuntimeError, cond, message)


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
