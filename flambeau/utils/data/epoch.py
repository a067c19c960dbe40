"""Iterators over a loader: one pass each, made here or by workers."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ..._failure import Failure
from ...core.device import backends
from ._utils.pin_memory import pin_memory
from .channel import Parcel
from .fetch import Fetcher, IterableFetcher, _DatasetKind
from .pool import Pool
from .sampler import place_of


class _BaseDataLoaderIter(Iterator[Any]):
    """One pass. After an exception it may be asked for the next batch.

    Args:
        loader: Whose. Other packages' loaders have these iterators too: all that is looked at has PyTorch's names.
    """

    def __init__(self, loader: Any) -> None:
        self.loader, self.indices = loader, iter(loader._index_sampler)
        self.seed = _base_seed(loader.generator)

    @property
    def _pin_memory(self) -> bool:
        """Are batches put into page-locked memory? Only for an accelerator."""
        asked = getattr(self.loader, "pin_memory", False)
        return bool(asked) and backends.accelerator() is not None

    def _finished(self, batch: Any) -> Any:
        return pin_memory(batch) if self._pin_memory else batch

    def __len__(self) -> int:
        return len(self.loader._index_sampler)


def _base_seed(generator: Any) -> int:
    """What the workers' random numbers begin with; drawn without workers too, so that those after it are the same."""
    from ... import empty, int64  # type: ignore[attr-defined]

    seed = empty((), dtype=int64, device=place_of(generator))
    return int(seed.random_(generator=generator).item())


def maker(loader: Any) -> Callable[[], Fetcher]:
    """What makes a loader's fetcher; it can be sent to a worker."""
    options = {
        "dataset": loader.dataset,
        "batched": loader._auto_collation,
        "collate": loader.collate_fn,
    }
    if loader._dataset_kind == _DatasetKind.Iterable:
        return functools.partial(IterableFetcher, drop_last=loader.drop_last, **options)
    return functools.partial(Fetcher, **options)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """A pass whose batches this process makes."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self.fetcher: Fetcher = maker(loader)()

    def __next__(self) -> Any:
        index = next(self.indices)
        try:
            batch = self.fetcher.fetch(index)
        except StopIteration as error:
            if self.loader._dataset_kind == _DatasetKind.Iterable:
                raise
            raise RuntimeError("the dataset raised StopIteration for an index") from error
        return self._finished(batch)


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """A pass whose batches workers make, some ahead.

    Args:
        loader: Whose.
        pool: Its workers, if they are there already.

    Attributes:
        waiting: The numbers of the batches that workers have been told to make.
        ready: Those that have arrived before their turn.
        due: The number of the next one.
        live: Workers whose samples have not ended.
    """

    _numbers = itertools.count()

    def __init__(self, loader: Any, pool: Pool | None = None) -> None:
        if pool is None:
            super().__init__(loader)
            pool = Pool(loader, maker(loader), self.seed)
        else:
            self.loader, self.indices = loader, iter(loader._index_sampler)
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
                return self._finished(_opened(self._take(number)))

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

    @classmethod
    def over(cls, loader: Any, pool: Pool) -> _MultiProcessingDataLoaderIter:
        """A pass that has ended, of workers that wait for the next one."""
        made: _MultiProcessingDataLoaderIter = object.__new__(cls)
        made.loader, made.pool = loader, pool
        return made

    def _shutdown_workers(self) -> None:
        """End the workers, persistent ones too."""
        self.pool.close()

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
