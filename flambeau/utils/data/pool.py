"""The main process's side of worker processes: handing out jobs, putting batches in order."""

from __future__ import annotations

import itertools
import os
import queue
import time
from collections.abc import Iterator
from typing import Any

from .worker import Done, Failure, Job, Restart, run

POLL = 5.0
"""Seconds between looks at whether the workers are alive."""


class Pool:
    """Worker processes of a loader, for one epoch or (persistent) for several."""

    def __init__(self, loader: Any, seed: int) -> None:
        self.timeout, self.count = loader.timeout, loader.num_workers
        self.ahead = loader.num_workers * loader.prefetch_factor
        self.in_order = loader.in_order
        context = loader.multiprocessing_context or _default_context()
        self.results = context.Queue()
        self.jobs, self.workers = [], []
        for number in range(self.count):
            jobs = context.Queue()
            jobs.cancel_join_thread()
            worker = context.Process(
                target=run,
                args=(
                    loader._make_fetcher(),
                    jobs,
                    self.results,
                    seed,
                    loader.worker_init_fn,
                    number,
                    self.count,
                    os.getpid(),
                ),
                daemon=True,
            )
            worker.start()
            self.jobs.append(jobs)
            self.workers.append(worker)
        self.owner = os.getpid()

    def restart(self) -> None:
        """Another epoch of the same workers."""
        for jobs in self.jobs:
            jobs.put(Restart())

    def batches(self, indices: Iterator[Any]) -> Iterator[Any]:
        """The batches, in order.

        Raises:
            RuntimeError: A worker died, or took longer than the timeout.
            Exception: What a worker raised.
        """
        numbers, turn = itertools.count(), 0
        waiting: dict[int, int] = {}  # batch: worker
        ready: dict[int, Done] = {}
        live = set(range(self.count))
        due = 0
        exhausted = False
        while True:
            while not exhausted and live and len(waiting) + len(ready) < self.ahead:
                index = next(indices, _END)
                if index is _END:
                    exhausted = True
                    break
                while turn % self.count not in live:
                    turn += 1
                worker, number = turn % self.count, next(numbers)
                turn += 1
                self.jobs[worker].put(Job(number, index))
                waiting[number] = worker
            if not waiting and not ready:
                return
            done = ready.pop(due, None) if self.in_order else next(iter(ready.values()), None)
            if done is None:
                arrived = self._receive(waiting)
                del waiting[arrived.number]
                ready[arrived.number] = arrived
                continue
            if not self.in_order:
                del ready[done.number]
            due += 1
            if done.ended:
                live.discard(done.worker)
            elif isinstance(done.value, Failure):
                self._drain(waiting)
                done.value.reraise()
            else:
                yield done.value

    def _receive(self, waiting: dict[int, int]) -> Done:
        deadline = time.monotonic() + self.timeout if self.timeout else None
        while True:
            left = POLL if deadline is None else min(POLL, deadline - time.monotonic())
            try:
                return self.results.get(timeout=max(left, 0.001))
            except queue.Empty:
                pass
            dead = [w for w in self.workers if not w.is_alive()]
            if dead:
                pids = ", ".join(str(w.pid) for w in dead)
                raise RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly")
            if deadline is not None and time.monotonic() >= deadline:
                raise RuntimeError(f"DataLoader timed out after {self.timeout} seconds")

    def _drain(self, waiting: dict[int, int]) -> None:
        """Take what is still on its way, so that the next epoch does not find it."""
        while waiting:
            del waiting[self._receive(waiting).number]

    def close(self) -> None:
        """End the workers."""
        if os.getpid() != self.owner:
            return
        for jobs in self.jobs:
            jobs.put(None)
        for worker in self.workers:
            worker.join(timeout=POLL)
            if worker.is_alive():
                worker.terminate()
                worker.join()
        for channel in (*self.jobs, self.results):
            channel.cancel_join_thread()
            channel.close()
        self.workers = []

    def __del__(self) -> None:
        if self.workers and os.getpid() == self.owner:
            for worker in self.workers:
                worker.terminate()


_END = object()


def _default_context() -> Any:
    import multiprocessing

    return multiprocessing.get_context()
