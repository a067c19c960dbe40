"""Worker processes of a loader: what they run, and what they know about themselves."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import random
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any, NamedTuple

import numpy as np

from ..._failure import Failure
from .arena import Arena, Returned
from .channel import Packed, Packer, Sender
from .fetch import Fetcher, IterableFetcher

WATCH = 1.0
"""Seconds between looks at whether the main process is alive, where no event tells."""
GOODBYE = b""
"""The last message to a worker. With fork the pipe's end is not enough: younger processes may hold it open."""


@dataclass
class WorkerInfo:
    """What a worker knows about itself.

    Attributes:
        id: Its number, from 0.
        num_workers: How many there are.
        seed: What its random generators began with.
        dataset: Its copy of the dataset.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """What this worker process knows about itself; None in the main process.

    Source: torch.utils.data.get_worker_info
    """
    return _info


class Job(NamedTuple):
    """What a worker is told to make: batch `number` of an epoch, of a pickled index.

    Attributes:
        returned: Shared memory that nobody looks at any more.
    """

    epoch: int
    number: int
    index: bytes
    returned: Returned


class End(NamedTuple):
    """What a worker is told when nobody wants more of an epoch."""

    epoch: int


class Label(NamedTuple):
    """What stands on an answer, which is a batch or a Failure.

    Attributes:
        ended: There is no batch, for the worker's samples have ended.
    """

    epoch: int
    number: int
    worker: int
    ended: bool = False


class Assignment(NamedTuple):
    """What a worker is given when it starts.

    Attributes:
        make: Makes a fetcher; a partial function with the dataset among its keywords.
        start: The user's function that is called with the worker's number first.
    """

    make: Callable[[], Fetcher]
    start: Callable | None
    base_seed: int
    number: int
    count: int


def seed_generators(base: int, worker: int) -> None:
    """Give a worker random numbers of its own, in Python, NumPy and here."""
    from ... import manual_seed  # type: ignore[attr-defined]

    random.seed(base + worker)
    manual_seed(base + worker)
    words = [worker, base & 0xFFFFFFFF, base >> 32, 0]
    np.random.seed(np.random.SeedSequence(words).generate_state(4))  # noqa: NPY002 users draw from it


def run(assignment: Assignment, jobs: Any, results: Any) -> None:
    """A worker's life: seed, start, then make batches until the main process says goodbye or ends."""
    from ... import set_num_threads  # type: ignore[attr-defined]

    _leave_signals_to_main()
    threading.Thread(target=_end_with_main, daemon=True).start()
    set_num_threads(1)
    seed_generators(assignment.base_seed, assignment.number)
    worker, sender = _Worker(assignment), Sender(results)
    with contextlib.suppress(OSError):  # nobody reads any more
        for told in Inbox(jobs):
            if isinstance(told, End):
                worker.fetchers.pop(told.epoch, None)
            else:
                sender.send(worker.answer(told))


def _leave_signals_to_main() -> None:
    """Ctrl-C reaches all processes of a terminal: what comes of it is the main process's to decide.

    And handlers that a forked worker has inherited are not for it: it ends when it is told to.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    unblock_interrupts()


def unblock_interrupts() -> None:
    """After a start with SIGINT blocked (see `Pool`)."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


class Inbox:
    """What the main process has sent, in order, until it says goodbye."""

    def __init__(self, jobs: Any) -> None:
        self.jobs = jobs

    def __iter__(self) -> Inbox:
        return self

    def __next__(self) -> Job | End:
        try:
            content = self.jobs.recv_bytes()
        except (EOFError, OSError):
            content = GOODBYE
        if content == GOODBYE:
            raise StopIteration
        return pickle.loads(content)


def _end_with_main() -> None:
    """End this process at once when the main process has ended, in whatever code it is then."""
    main: Any = multiprocessing.parent_process()
    is_child = os.getppid() == main.pid
    while True:
        ended = connection.wait([main.sentinel], WATCH)
        # With fork, workers that began later hold the other end of the sentinel too.
        if ended or (is_child and os.getppid() != main.pid):
            os._exit(1)


class _Worker:
    """Makes batches. Each epoch has a fetcher of its own, for several may be under way at once."""

    def __init__(self, assignment: Assignment) -> None:
        global _info
        self.make, self.number = assignment.make, assignment.number
        self.where = f"in DataLoader worker process {self.number}"
        self.arena = Arena()
        self.packer = Packer(self.arena)
        self.fetchers: dict[int, Fetcher] = {}
        self.failure: Failure | None = None
        dataset = assignment.make.keywords["dataset"]  # type: ignore[attr-defined]
        seed = assignment.base_seed + self.number
        _info = WorkerInfo(self.number, assignment.count, seed, dataset)
        try:
            if assignment.start is not None:
                assignment.start(self.number)
        except Exception:
            self.failure = Failure(self.where)

    def answer(self, job: Job) -> Packed:
        """The batch, or what went wrong, ready to be sent."""
        self.arena.accept(job.returned)
        value, ended = self._value(job)
        label = Label(job.epoch, job.number, self.number, ended)
        try:
            return self.packer.pack(label, value)
        except Exception:
            return self.packer.pack(label, Failure(f"{self.where}, which could not send its batch"))

    def _value(self, job: Job) -> tuple[Any, bool]:
        """The batch or a Failure; and have the samples ended?"""
        if self.failure is not None:
            return self.failure, False
        fetcher: Any = None
        try:
            fetcher = self._fetcher(job.epoch)
            return fetcher.fetch(pickle.loads(job.index)), False
        except StopIteration:
            if isinstance(fetcher, IterableFetcher):
                return None, True
            return Failure(self.where), False
        except Exception:
            return Failure(self.where), False

    def _fetcher(self, epoch: int) -> Fetcher:
        found = self.fetchers.get(epoch)
        if found is None:
            found = self.fetchers[epoch] = self.make()
        return found
