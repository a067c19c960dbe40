"""Context managers that are decorators too.

Source: torch.utils._contextlib
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["_DecoratorContextManager", "_NoParamDecoratorContextManager", "context_decorator"]


def context_decorator(ctx: Any, func: Callable) -> Callable:
    """A function that runs inside a context: a new one for each call, and for each step of a generator.

    Args:
        ctx: A context manager, or a function that makes one.
        func: The function.

    Raises:
        RuntimeError: `func` is a class, whose constructor alone would run inside.
    """
    make = ctx if callable(ctx) and not hasattr(ctx, "__enter__") else (lambda: ctx)
    if inspect.isclass(func):
        raise RuntimeError(
            "Cannot decorate classes; it is ambiguous whether only the constructor or all methods should have the "
            "context manager applied; decorate the methods"
        )
    if inspect.isgeneratorfunction(func):
        return _stepwise(make, func)

    @functools.wraps(func)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with make():
            return func(*args, **kwargs)

    return decorated


def _stepwise(make: Callable, func: Callable) -> Callable:
    """A generator whose steps run inside a context, and whose caller does not."""

    @functools.wraps(func)
    def decorated(*args: Any, **kwargs: Any) -> Iterator[Any]:
        generator = func(*args, **kwargs)
        try:
            with make():
                value = next(generator)
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    with make():
                        generator.close()
                    raise
                except BaseException as error:
                    with make():
                        value = generator.throw(error)
                else:
                    with make():
                        value = generator.send(sent)
        except StopIteration as end:
            return end.value

    return decorated


class _DecoratorContextManager:
    """A base of context managers that can decorate functions: they define ``__enter__`` and ``__exit__``."""

    def __call__(self, orig_func: Callable) -> Callable:
        return context_decorator(self.clone, orig_func)

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> Any:
        raise NotImplementedError

    def clone(self) -> Any:
        """A new one of the same arguments: override it if there are any."""
        return self.__class__()


class _NoParamDecoratorContextManager(_DecoratorContextManager):
    """One without arguments, which decorates without brackets too."""

    def __new__(cls, orig_func: Callable | None = None) -> Any:
        made = super().__new__(cls)
        return made if orig_func is None else made(orig_func)
