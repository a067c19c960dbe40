"""What is under way: collectives that somebody waits for later, and the thread of a group that does them in order.

Source: torch.distributed.Work
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from .kinds import DistBackendError


class Work:
    """Something under way; `wait` waits for it, and raises what went wrong.

    Source: torch.distributed.Work
    """

    def __init__(self, tensors: Any = None) -> None:
        self._done, self._error, self._tensors = Event(), None, tensors
        self._after: list[Callable[[Any], None]] = []
        self._lock = Lock()

    def _finish(self, error: BaseException | None = None) -> None:
        with self._lock:
            self._error = error
            self._done.set()
            after, self._after = self._after, []
        for function in after:
            function(self)

    def is_completed(self) -> bool:
        """Has it ended, well or not?"""
        return self._done.is_set()

    def is_success(self) -> bool:
        """Has it ended well?"""
        return self._done.is_set() and self._error is None

    def exception(self) -> BaseException | None:
        """What went wrong, or None."""
        return self._error

    def wait(self, timeout: timedelta | None = None) -> bool:
        """Wait until it has ended.

        Args:
            timeout: How long at most; None for as long as the group waits.

        Raises:
            DistBackendError: It took too long; or what the work raised.

        Source: torch.distributed.Work.wait
        """
        if not self._done.wait(None if not timeout else timeout.total_seconds()):
            raise DistBackendError(f"the work has not ended within {timeout}")
        if self._error is not None:
            raise self._error
        return True

    def synchronize(self) -> None:
        """Wait."""
        self.wait()

    def block_current_stream(self) -> None:
        """Wait: arrays of the CPU have no streams."""
        self.wait()

    def result(self) -> list[Any]:
        """The tensors that it writes.

        Raises:
            RuntimeError: It has not ended.
        """
        if not self.is_completed():
            raise RuntimeError(
                "Work needs to be completed before calling result(): call wait() first"
            )
        held = self._tensors
        return list(held) if isinstance(held, (list, tuple)) else [held]

    def source_rank(self) -> int:
        """Who has sent a message that `irecv` has received."""
        raise RuntimeError("only a message that was received has a source rank")

    def get_future(self) -> Any:
        """A future of the tensors that it writes.

        Source: torch.distributed.Work.get_future
        """
        from ..futures import Future

        future: Any = Future()

        def tell(work: Any) -> None:
            if work._error is None:
                future.set_result(work.result())
            else:
                future.set_exception(work._error)

        with self._lock:
            waits = not self._done.is_set()
            if waits:
                self._after.append(tell)
        if not waits:
            tell(self)
        return future


class Message(Work):
    """A message under way, that MPI is asked about.

    Args:
        until: Waits, given what to ask, what to call it, and for how long.
        request: Of mpi4py.
        held: The array that MPI reads or writes until then.
        arrived: What to do when it has arrived, given who has sent it and how many bytes.
        named: The rank in the run of who has sent it.
    """

    def __init__(
        self,
        until: Callable,
        request: Any,
        timeout: float,
        what: str,
        tensor: Any,
        held: Any,
        arrived: Callable[[int, int], None] | None = None,
        named: Callable[[int], int] = int,
    ) -> None:
        super().__init__(tensor)
        self._until, self._request, self._timeout, self._what = until, request, timeout, what
        self._held, self._arrived, self._named, self._source = held, arrived, named, -1

    def _ask(self) -> bool:
        from mpi4py import MPI

        if self._done.is_set():
            return True
        status, error = MPI.Status(), None
        try:
            if not self._request.Test(status):
                return False
            if self._arrived is not None:
                self._source = self._named(status.Get_source())
                self._arrived(self._source, status.Get_count(MPI.BYTE))
        except (MPI.Exception, RuntimeError) as caught:
            error = DistBackendError(f"{self._what}: {caught}")
        self._held = None
        self._finish(error)
        return True

    def is_completed(self) -> bool:
        return self._ask()

    def is_success(self) -> bool:
        return self._ask() and self._error is None

    def source_rank(self) -> int:
        return self._source

    def wait(self, timeout: timedelta | None = None) -> bool:
        limit = self._timeout if not timeout else timeout.total_seconds()
        self._until(self._ask, self._what, limit)
        return super().wait()


class Order:
    """The collectives of one group, one after the other: in the caller's thread, or in a thread of the group's.

    All processes call a group's collectives in one order; the thread keeps it for those that nobody waits for yet.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._queue: SimpleQueue = SimpleQueue()
        self._waiting, self._lock, self._running = 0, Lock(), Lock()
        self._thread: Thread | None = None

    def run(self, call: Callable[[], None], later: bool, tensors: Any) -> Work | None:
        """Do it now; or `later`, behind what waits already."""
        if not later and not self._waiting:
            with self._running:
                call()
            return None
        work = Work(tensors)
        with self._lock:
            self._waiting += 1
            if self._thread is None:
                self._thread = Thread(target=self._work, name=f"group {self.name}", daemon=True)
                self._thread.start()
        self._queue.put((call, work))
        if later:
            return work
        work.wait()
        return None

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            call, work = item
            error = None
            try:
                with self._running:
                    call()
            except BaseException as caught:
                error = caught
            with self._lock:
                self._waiting -= 1
            work._finish(error)
            del item, call, work

    def close(self) -> None:
        """Do what waits, and end the thread."""
        thread = self._thread
        if thread is not None:
            self._queue.put(None)
            thread.join()
            self._thread = None
