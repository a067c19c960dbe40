"""The main process's side of worker processes: starting them, hearing of them, ending them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection, reduction
from typing import Any
from weakref import WeakValueDictionary

from .channel import Parcel, Receiver
from .worker import GOODBYE, Assignment, End, Job, Label, run

GRACE = 0.25
"""Seconds that workers get to finish the batch that they are at, before they are told to end."""
ROOM = 32 << 10
"""Bytes of messages in a pipe, which holds 64 KB."""


class Hand:
    """A worker process, and the pipes to it and from it.

    A worker that is sending a batch does not read. So that the main process never waits for it to do so, which would be
    for ever, no more is sent than the pipe holds.

    Attributes:
        outbox: Messages that wait until there is room, and whether each will be answered.
        unread: Sizes of those that the worker may not have read yet, and the same of them.
    """

    def __init__(self, context: Any, assignment: Assignment) -> None:
        theirs, self.jobs = context.Pipe(duplex=False)
        results, answers = context.Pipe()
        self.receiver = Receiver(results, Label)
        self.outbox: deque[tuple[bytes, bool]] = deque()
        self.unread: deque[tuple[int, bool]] = deque()
        self.process = context.Process(target=run, args=(assignment, theirs, answers), daemon=True)
        try:
            self.process.start()
        finally:  # so that their end closes with the worker
            theirs.close()
            answers.close()

    def post(self, content: bytes, is_answered: bool) -> None:
        """Send a message, now or when there is room.

        Raises:
            OSError: The worker has ended.
        """
        self.outbox.append((content, is_answered))
        self._send()

    def answered(self) -> None:
        """The worker has answered, so it has read everything up to that question."""
        while self.unread and not self.unread.popleft()[1]:
            pass
        self._send()

    def _send(self) -> None:
        while self.outbox and self._has_room(len(self.outbox[0][0])):
            content, is_answered = self.outbox.popleft()
            self.unread.append((len(content), is_answered))
            self.jobs.send_bytes(content)

    def _has_room(self, size: int) -> bool:
        """A worker that has answered everything reads."""
        asked = any(is_answered for _, is_answered in self.unread)
        return not asked or size + sum(size for size, _ in self.unread) <= ROOM

    def dismiss(self) -> None:
        """Let it end as soon as it has no batch in hand."""
        with suppress(OSError):  # it has ended already, or its pipe is full
            if os.name == "posix":
                os.set_blocking(self.jobs.fileno(), False)
            self.jobs.send_bytes(GOODBYE)
        self.jobs.close()
        self.receiver.connection.close()

    def fate(self) -> str:
        """How it ended."""
        self.process.join(GRACE)
        code = self.process.exitcode
        if code is None:
            return "it closed its pipe"
        if code >= 0:
            return f"its exit status was {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = ", as by a system that runs out of memory" if name == "SIGKILL" else ""
        return f"it was killed by {name}{hint}"


class Pool:
    """Worker processes of a loader, for one epoch or (persistent) for several.

    Every message says of which epoch it is, and `epochs` has those that somebody still iterates over: what comes
    for others is dropped. So an epoch that was left early leaves nothing to the next one, and several may
    be under way at once.
    """

    def __init__(self, loader: Any, make: Any, seed: int) -> None:
        self.ahead = loader.num_workers * loader.prefetch_factor
        self.timeout, self.persistent = loader.timeout, loader.persistent_workers
        self.epochs: WeakValueDictionary[int, Any] = WeakValueDictionary()
        self.ended: list[int] = []
        self.owner, self.closed = os.getpid(), False
        self.hands: list[Hand] = []
        context = loader.multiprocessing_context or multiprocessing.get_context()
        start, count = loader.worker_init_fn, loader.num_workers
        try:
            with _interrupts_later(context):
                for number in range(count):
                    given = Assignment(make, start, seed, number, count)
                    self.hands.append(Hand(context, given))
        except BaseException:
            self.close()
            raise

    # ------------------------------------------------------------------------------- messages

    def send(self, worker: int, message: Any) -> None:
        """Send a message to a worker.

        Raises:
            RuntimeError: It has ended.
        """
        self._require_open()
        hand = self.hands[worker]
        content = bytes(reduction.ForkingPickler.dumps(message))
        with self._whole():
            try:
                hand.post(content, isinstance(message, Job))
            except OSError:
                raise _loss([hand]) from None

    def order(self, worker: int, epoch: int, number: int, index: Any) -> None:
        """Let a worker make a batch."""
        content = bytes(reduction.ForkingPickler.dumps(index))
        returned = self.hands[worker].receiver.tenant.take_returned()
        self.send(worker, Job(epoch, number, content, returned))

    def forget(self) -> None:
        """Tell the workers which epochs have ended since the last time."""
        while self.ended and self.is_usable():
            epoch = self.ended.pop()
            for worker in range(len(self.hands)):
                self.send(worker, End(epoch))

    def receive(self, deadline: float | None) -> None:
        """Wait for messages, and bring them to their epochs.

        Raises:
            RuntimeError: A worker has ended, or it is past the deadline.
        """
        self._require_open()
        listened = {hand.receiver.connection: hand for hand in self.hands}
        sentinels = [hand.process.sentinel for hand in self.hands]
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = connection.wait([*listened, *sentinels], left)
        speaking = [hand for source, hand in listened.items() if source in ready]
        if not speaking:
            dead = [hand for hand in self.hands if hand.process.sentinel in ready]
            late = f"DataLoader timed out after {self.timeout} seconds"
            error = _loss(dead) if dead else RuntimeError(late)
            self.close(grace=0)
            raise error
        for hand in speaking:
            self._deliver(hand)

    def _deliver(self, hand: Hand) -> None:
        with self._whole():
            try:
                parcel = hand.receiver.receive()
                hand.answered()
            except (EOFError, OSError):
                raise _loss([hand]) from None
        if parcel.message.refusal:
            _warn_unshared(parcel)
        epoch = self.epochs.get(parcel.label.epoch)
        if epoch is not None:
            epoch.accept(parcel)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Part of a message would be no message: an interrupt in the midst of one ends the pool."""
        try:
            yield
        except BaseException:
            self.close(grace=0)
            raise

    def _require_open(self) -> None:
        if not self.is_usable():
            raise RuntimeError(
                "the workers of this DataLoader's iterator have ended, or belong to another process: begin a "
                "new epoch with iter(loader)"
            )

    def is_usable(self) -> bool:
        """Are its workers there, and this process's?"""
        return not self.closed and os.getpid() == self.owner

    # ------------------------------------------------------------------------------------ ends

    def leave(self, epoch: int) -> None:
        """Nobody wants more of an epoch. The workers are told with the next message: this may be called by the
        garbage collector in the midst of one.
        """
        self.epochs.pop(epoch, None)
        if self.persistent:
            self.ended.append(epoch)
        else:
            self.close()

    def close(self, grace: float = GRACE) -> None:
        """End the workers; those that are at a batch have some time to finish it."""
        if self.closed or os.getpid() != self.owner:
            return
        self.closed = True
        for hand in self.hands:
            hand.dismiss()
        processes = [hand.process for hand in self.hands]
        _join(processes, grace)
        for process in processes:
            process.terminate()
        _join(processes, GRACE)
        for process in processes:
            process.kill()
            process.join()
            process.close()

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be ending, and has ended the workers then
            self.close()


def _join(processes: list[Any], seconds: float) -> None:
    """Wait so long for processes to end."""
    deadline = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))


def _loss(dead: list[Hand]) -> RuntimeError:
    """What to say when workers have ended that should not have."""
    pids = ", ".join(str(hand.process.pid) for hand in dead)
    fates = "; ".join(dict.fromkeys(hand.fate() for hand in dead))
    return RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly: {fates}")


_UNSHARED: list[str] = []


def _warn_unshared(parcel: Parcel) -> None:
    """Say so the first time only."""
    if not _UNSHARED:
        _UNSHARED.append(parcel.message.refusal)
        warnings.warn(
            "DataLoader: batches travel through pipes, which is slower than shared memory; that could not "
            f"be used: {parcel.message.refusal}. A larger /dev/shm (docker run --shm-size=) or fewer batches "
            "ahead (prefetch_factor=) may help",
            RuntimeWarning,
            stacklevel=5,
        )


@contextmanager
def _interrupts_later(context: Any) -> Iterator[None]:
    """Processes that start here have SIGINT blocked, until they ignore it: a Ctrl-C meanwhile is for the
    main process alone.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    if context.get_start_method() == "forkserver":  # which is for all, and would block it in all
        from multiprocessing import forkserver

        forkserver.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
