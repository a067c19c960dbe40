"""Helpers of nn.functional: one of two functions by an argument, and a check of sizes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def boolean_dispatch(
    arg_name: str,
    arg_index: int,
    default: bool,
    if_true: Callable,
    if_false: Callable,
    module_name: str | None,
    func_name: str | None,
) -> Callable:
    """A function that calls one of two by the value of an argument, as pooling does for `return_indices`.

    Args:
        arg_name, arg_index: Which argument it is.
        default: Its value where it is not given.
        if_true, if_false: What is called, with all arguments.
        module_name, func_name: What the function is to call itself; None for the name of `if_false`.

    Source: torch.nn.functional.boolean_dispatch

    Example:
        >>> import flambeau as torch
        >>> choose = torch.nn.functional.boolean_dispatch(
        ...     "reverse", 1, False, lambda x, reverse: x.flip(0), lambda x, reverse=False: x, None, "turned"
        ... )
        >>> choose(torch.tensor([1, 2]), reverse=True)
        tensor([2, 1])
    """

    @wraps(if_false)
    def choose(*args: Any, **kwargs: Any) -> Any:
        chosen = args[arg_index] if arg_index < len(args) else kwargs.get(arg_name, default)
        return (if_true if chosen else if_false)(*args, **kwargs)

    if func_name is not None:
        choose.__name__ = choose.__qualname__ = func_name
    if module_name is not None:
        choose.__module__ = module_name
    return choose


def assert_int_or_pair(arg: Any, arg_name: str, message: str) -> None:
    """Check that an argument is a number or has two.

    Raises:
        AssertionError: It is neither; `message` is formatted with its name.

    Source: torch.nn.functional.assert_int_or_pair
    """
    if not isinstance(arg, int) and len(arg) != 2:
        raise AssertionError(message.format(arg_name))
