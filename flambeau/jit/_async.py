"""fork and wait: calls that may run beside the program. Here they run at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._state import deprecated


class Future:
    """The result of a call that was forked.

    Source: torch.jit.Future
    """

    def __init__(self, value: Any = None):
        self._value = value

    def wait(self) -> Any:
        """The result."""
        return self._value

    value = wait

    def done(self) -> bool:
        """Is it there? Always."""
        return True

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """The result of a function of this one."""
        return Future(callback(self))


def fork(func: Callable, *args: Any, **kwargs: Any) -> Future:
    """Call a function, at once; its result is had by `wait`.

    Source: torch.jit.fork
    """
    deprecated("fork", "use `torch.compile` instead")
    return Future(func(*args, **kwargs))


def wait(future: Future) -> Any:
    """The result of a forked call.

    Source: torch.jit.wait
    """
    deprecated("wait", "use `torch.compile` instead")
    return future.wait()


_fork, _wait = fork, wait
