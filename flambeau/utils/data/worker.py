"""Worker processes of a loader: what they run, and what they know about themselves."""

from __future__ import annotations

import queue
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


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


class Fetcher:
    """Makes a batch of indices (or of how many samples to take from an iterable dataset).

    Args:
        batched: Are samples joined into batches?
        collate: Joins them, or converts a single one.
    """

    def __init__(self, dataset: Any, batched: bool, collate: Callable) -> None:
        self.dataset, self.batched, self.collate = dataset, batched, collate

    def fetch(self, index: Any) -> Any:
        """The batch."""
        if not self.batched:
            return self.collate(self.dataset[index])
        several = getattr(self.dataset, "__getitems__", None)
        if several:
            return self.collate(several(index))
        return self.collate([self.dataset[i] for i in index])


class IterableFetcher(Fetcher):
    """The same of a dataset that is iterated over."""

    def __init__(self, dataset: Any, batched: bool, collate: Callable, drop_last: bool) -> None:
        super().__init__(dataset, batched, collate)
        self.drop_last, self.ended = drop_last, False
        self.samples: Iterator[Any] = iter(dataset)

    def fetch(self, index: Sequence[Any] | None) -> Any:
        """The next batch.

        Raises:
            StopIteration: There is none.
        """
        if self.ended:
            raise StopIteration
        if not self.batched:
            return self.collate(next(self.samples))
        batch = []
        for _ in index or ():
            try:
                batch.append(next(self.samples))
            except StopIteration:
                self.ended = True
                break
        if not batch or (self.drop_last and self.ended):
            raise StopIteration
        return self.collate(batch)


class Failure:
    """An exception on its way from a worker to the main process."""

    def __init__(self, where: str) -> None:
        kind, value, trace = sys.exc_info()
        self.kind: Any = kind
        self.where = where
        self.text = "".join(traceback.format_exception(kind, value, trace))

    def reraise(self) -> None:
        """Raise an exception of the same class, with the worker's traceback in its message."""
        message = f"Caught {self.kind.__name__} {self.where}.\nOriginal {self.text}"
        if self.kind is KeyError:
            raise KeyError(_Plain(message))
        try:
            error = self.kind(message)
        except Exception:  # its constructor wants other arguments
            raise RuntimeError(message) from None
        raise error


class _Plain(str):
    """A string that KeyError shows as it is, line breaks and all."""

    def __repr__(self) -> str:
        return str(self)


@dataclass
class Job:
    """What a worker is told to make: batch `number`, of `index`."""

    number: int
    index: Any


@dataclass
class Done:
    """What a worker answers: the batch, a Failure, or the end of its dataset."""

    number: int
    worker: int
    value: Any
    ended: bool = False


class Restart:
    """Begin another epoch; the random generators go on where they are."""


def seed_generators(base: int, worker: int) -> None:
    """Give a worker random numbers of its own, in Python, NumPy and here."""
    from ... import manual_seed  # type: ignore[attr-defined]

    random.seed(base + worker)
    manual_seed(base + worker)
    words = [worker, base & 0xFFFFFFFF, base >> 32, 0]
    np.random.seed(np.random.SeedSequence(words).generate_state(4))  # noqa: NPY002 users draw from it


def run(
    make: Callable[[], Fetcher],
    jobs: Any,
    results: Any,
    base_seed: int,
    start: Callable | None,
    number: int,
    count: int,
    parent: int,
) -> None:
    """A worker's life: seed, start, then make batches until told to stop."""
    global _info
    import os

    from ... import set_num_threads  # type: ignore[attr-defined]

    set_num_threads(1)
    seed_generators(base_seed, number)
    fetcher: Any = None
    failure: Failure | None = None
    where = f"in DataLoader worker process {number}"
    try:
        dataset = make.keywords["dataset"]  # type: ignore[attr-defined]
        _info = WorkerInfo(number, count, base_seed + number, dataset)
        if start is not None:
            start(number)
        fetcher = make()
    except Exception:
        failure = Failure(where)
    while True:
        try:
            job = jobs.get(timeout=5)
        except queue.Empty:
            if os.getppid() != parent:  # the main process is gone
                return
            continue
        if job is None:
            return
        if isinstance(job, Restart):
            fetcher = make()
            continue
        results.put(_answer(fetcher, job, number, failure, where))
        failure = None


def _answer(fetcher: Any, job: Job, number: int, failure: Failure | None, where: str) -> Done:
    if failure is not None:
        return Done(job.number, number, failure)
    try:
        return Done(job.number, number, fetcher.fetch(job.index))
    except StopIteration:
        if isinstance(fetcher, IterableFetcher):
            return Done(job.number, number, None, ended=True)
        return Done(job.number, number, Failure(where))
    except Exception:
        return Done(job.number, number, Failure(where))
