"""Iterators over a loader: one pass each, made here or by workers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..._failure import Failure
from .channel import Parcel
from .fetch import Fetcher
from .pool import Pool


class Epoch(Iterator[Any]):
    """One pass. After an exception it may be asked for the next batch.

    Args:
        loader: Whose.
        indices: What the batches are made of, in order.
    """

    def __init__(self, loader: Any, indices: Iterator[Any]) -> None:
        self.loader, self.indices = loader, indices

    def __len__(self) -> int:
        return len(self.loader._indices())


class HereEpoch(Epoch):
    """A pass whose batches this process makes."""

    def __init__(self, loader: Any, indices: Iterator[Any]) -> None:
        super().__init__(loader, indices)
        self.fetcher: Fetcher = loader._make_fetcher()()

    def __next__(self) -> Any:
        index = next(self.indices)
        try:
            return self.fetcher.fetch(index)
        except StopIteration as error:
            if self.loader._iterable:
                raise
            raise RuntimeError("the dataset raised StopIteration for an index") from error


class WorkersEpoch(Epoch):
    """A pass whose batches workers make, some ahead.

    Attributes:
        waiting: The numbers of the batches that workers have been told to make.
        ready: Those that have arrived before their turn.
        due: The number of the next one.
        live: Workers whose samples have not ended.
    """

    _numbers = itertools.count()

    def __init__(self, loader: Any, indices: Iterator[Any], pool: Pool) -> None:
        super().__init__(loader, indices)
        self.pool, self.epoch = pool, next(self._numbers)
        self.waiting: set[int] = set()
        self.ready: dict[int, Parcel] = {}
        self.live = set(range(loader.num_workers))
        self.turns = itertools.cycle(range(loader.num_workers))
        self.jobs, self.due = itertools.count(), 0
        self.exhausted = False
        pool.epochs[self.epoch] = self
        self._fill(pool.ahead)

    def __next__(self) -> Any:
        """The next batch.

        Raises:
            RuntimeError: A worker died, or the batch took longer than the timeout.
            Exception: What a worker raised.
        """
        timeout = self.pool.timeout
        deadline = time.monotonic() + timeout if timeout else None
        while True:
            number = self._arrived()
            if number is None:
                self._require_more()
                self.pool.receive(deadline)
            elif self.ready[number].label.ended:
                self.live.discard(self._take(number).label.worker)
                self._fill(self.pool.ahead)
            else:
                self._fill(self.pool.ahead + 1)  # for one is about to leave
                return _opened(self._take(number))

    def _fill(self, ahead: int) -> None:
        """Hand out jobs until so many batches are on their way."""
        self.pool.forget()
        while not self.exhausted and self.live and len(self.waiting) + len(self.ready) < ahead:
            try:
                index = next(self.indices)
            except StopIteration:
                self.exhausted = True
                return
            worker = next(turn for turn in self.turns if turn in self.live)
            number = next(self.jobs)
            self.pool.order(worker, self.epoch, number, index)
            self.waiting.add(number)

    def accept(self, parcel: Parcel) -> None:
        """Take what has come for this epoch."""
        number = parcel.label.number
        self.waiting.discard(number)
        self.ready[number] = parcel

    def _arrived(self) -> int | None:
        """The number of the batch whose turn it is, if it has arrived."""
        if not self.loader.in_order:
            return next(iter(self.ready), None)
        return self.due if self.due in self.ready else None

    def _take(self, number: int) -> Parcel:
        self.due += 1
        return self.ready.pop(number)

    def _require_more(self) -> None:
        """Raises StopIteration where nothing is on its way."""
        if not self.waiting:
            self.close()
            raise StopIteration

    def close(self) -> None:
        """End this pass."""
        self.pool.leave(self.epoch)

    def __del__(self) -> None:
        if hasattr(self, "epoch"):
            with suppress(Exception):  # the interpreter may be ending
                self.close()


def _opened(parcel: Parcel) -> Any:
    """The batch of a worker, or its exception."""
    value = parcel.open()
    if isinstance(value, Failure):
        value.reraise()
    return value
