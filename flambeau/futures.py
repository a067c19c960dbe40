"""Values that are there later, and what is done with them then.

Source: torch.futures
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")
_log = logging.getLogger(__name__)


class Future(Generic[T]):
    """A value that some thread sets, and others wait for.

    Args:
        devices: Where tensors in the value may be; nothing depends on it on a CPU.

    Source: torch.futures.Future

    Example:
        >>> import flambeau as torch
        >>> future = torch.futures.Future()
        >>> twice = future.then(lambda f: 2 * f.value())
        >>> future.set_result(3)
        >>> twice.wait()
        6
    """

    def __init__(self, *, devices: Sequence[Any] | None = None) -> None:
        self._lock = threading.Condition()
        self._done = False
        self._value: Any = None
        self._error: Exception | None = None
        self._callbacks: list[Callable[[Any], Any]] = []

    def done(self) -> bool:
        """Is there a value, or an exception?"""
        return self._done

    def wait(self) -> T:
        """The value, when it is there.

        Raises:
            Exception: The one that was set instead.
        """
        with self._lock:
            self._lock.wait_for(self.done)
        return self.value()

    def value(self) -> T:
        """The value, which has to be there.

        Raises:
            RuntimeError: It is not.
            Exception: The one that was set instead.
        """
        if not self._done:
            raise RuntimeError("the Future is not completed yet: wait() for its value")
        if self._error is not None:
            raise self._error
        return self._value

    def then(self, callback: Callable[[Future[T]], S]) -> Future[S]:
        """A future of what ``callback(future)`` gives, which is called when this one is completed.

        What it raises is raised, as a RuntimeError, by who waits for that.
        """
        _check_callable("then", callback)
        made: Future[S] = Future()

        def run(future: Any) -> None:
            try:
                result = callback(future)
            except Exception as error:
                failure = RuntimeError(_described(error))
                failure.__cause__ = error
                made._complete(None, failure)
            else:
                made._complete(result, None)

        self._call_when_done(run)
        return made

    def add_done_callback(self, callback: Callable[[Future[T]], None]) -> None:
        """Call ``callback(future)`` when it is completed; what that raises is logged."""
        _check_callable("add_done_callback", callback)

        def run(future: Any) -> None:
            try:
                callback(future)
            except Exception as error:
                _log.error(_described(error))

        self._call_when_done(run)

    def set_result(self, result: T) -> None:
        """Complete it.

        Raises:
            RuntimeError: It is completed.
        """
        self._complete(result, None)

    def set_exception(self, result: Exception) -> None:
        """Complete it with an exception, which `wait` and `value` raise.

        Raises:
            AssertionError: It is no exception.
            RuntimeError: The future is completed.
        """
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._complete(None, result)

    def _complete(self, value: Any, error: Exception | None) -> None:
        with self._lock:
            if self._done:
                raise RuntimeError(
                    "Attempting to mark a completed Future as complete again. Note that a Future can only be marked "
                    "completed once."
                )
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._lock.notify_all()
        for callback in callbacks:
            callback(self)

    def _call_when_done(self, callback: Callable[[Any], Any]) -> None:
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)


def _check_callable(name: str, callback: Any) -> None:
    if not callable(callback):
        raise TypeError(f"{name}(): callback must be callable, not {type(callback).__name__}")


def _described(error: Exception) -> str:
    text = traceback.format_exc()
    return f"Got the following error when running the callback: {type(error).__name__}: {error}\n\n{text}"


def collect_all(futures: Sequence[Future]) -> Future[list[Future]]:
    """A future of these futures, completed when all are; with the exception of the first that has one.

    Source: torch.futures.collect_all

    Example:
        >>> import flambeau as torch
        >>> first = torch.futures.Future()
        >>> first.set_result(1)
        >>> [f.wait() for f in torch.futures.collect_all([first]).wait()]
        [1]
    """
    listed, made = list(futures), Future[list[Future]]()
    lock, missing = threading.Lock(), len(listed)

    def one_more(future: Future) -> None:
        nonlocal missing
        with lock:
            missing -= 1
            last = missing == 0
        if last:
            error = next((f._error for f in listed if f._error is not None), None)
            made._complete(None if error else listed, error)

    if not listed:
        made.set_result(listed)
    for future in listed:
        future._call_when_done(one_more)
    return made


def wait_all(futures: Sequence[Future]) -> list[Any]:
    """The values of all, when they are there.

    Raises:
        Exception: The one of the first future that has one.

    Source: torch.futures.wait_all
    """
    return [future.wait() for future in collect_all(futures).wait()]


__all__ = ["Future", "collect_all", "wait_all"]
