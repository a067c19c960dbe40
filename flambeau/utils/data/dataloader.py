"""DataLoader: batches of a dataset."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .epoch import (
    _BaseDataLoaderIter,
    _MultiProcessingDataLoaderIter,
    _SingleProcessDataLoaderIter,
)
from .fetch import _DatasetKind
from .pool import Pool
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from .worker import get_worker_info


class DataLoader:
    """Batches of a dataset, in order or shuffled.

    Tensors and arrays of 64 KB and more come from workers in shared memory, which is not copied (docs/interrupts.md
    says how workers begin, fail and end).

    Args:
        dataset: What has ``__getitem__`` and ``__len__``, or an IterableDataset.
        batch_size: Samples a batch; None gives single samples, not joined.
        shuffle: Take the samples in a new random order each time.
        sampler, batch_sampler: The order, or the batches, instead.
        num_workers: Processes that make batches ahead; 0 makes them in this one.
        collate_fn: Joins a list of samples; default `default_collate`.
        pin_memory: Put batches into page-locked memory, from which ``batch.to("cuda", non_blocking=True)`` is a copy beside
            the program; without a device there is a warning, and nothing is pinned.
        pin_memory_device: The accelerator's type; there is no need to say it.
        drop_last: Leave out a last batch that is too small.
        timeout: Seconds to wait for a batch from a worker; 0 waits for ever.
        worker_init_fn: Called in each worker with its number.
        multiprocessing_context: How workers are started ("fork", "spawn", a context).
        generator: For shuffling, and for the seed that workers begin with.
        prefetch_factor: Batches that each worker makes ahead. Default: 2.
        persistent_workers: Keep the workers from epoch to epoch.
        in_order: False gives batches as they are ready.

    Raises:
        ValueError: Options exclude each other.

    Source: torch.utils.data.DataLoader

    Example:
        >>> import flambeau as torch
        >>> [len(batch) for batch in torch.utils.data.DataLoader(range(5), batch_size=2)]
        [2, 2, 1]
    """

    _ready = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset, self.num_workers = dataset, num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.timeout, self.worker_init_fn, self.in_order = timeout, worker_init_fn, in_order
        self.multiprocessing_context = _context(multiprocessing_context, num_workers)
        self.persistent_workers, self.generator = persistent_workers, generator
        iterable = isinstance(dataset, IterableDataset)
        self._dataset_kind = _DatasetKind.Iterable if iterable else _DatasetKind.Map
        if iterable:
            _check_iterable(shuffle, sampler, batch_sampler)
        _check_batches(batch_size, bool(shuffle), sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None:
            sampler = self._sampler(bool(shuffle))
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        if collate_fn is None:
            collate_fn = default_collate if batch_sampler is not None else default_convert
        self.collate_fn = collate_fn
        self._pool: Pool | None = None  # the persistent workers
        self._ready = True

    def _sampler(self, shuffle: bool) -> Any:
        if self._dataset_kind == _DatasetKind.Iterable:
            return _InfiniteConstantSampler()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = (
            "batch_size",
            "batch_sampler",
            "sampler",
            "drop_last",
            "dataset",
            "persistent_workers",
        )
        if self._ready and name in fixed:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized: make a "
                "new one"
            )
        super().__setattr__(name, value)

    def __len__(self) -> int:
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        count = len(self.dataset)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if self.pin_memory:
            _warn_pinned()
        if self._pool is not None and self._pool.is_usable():
            return _MultiProcessingDataLoaderIter(self, self._pool)
        found = self._get_iterator()
        if self.persistent_workers:
            self._pool = found.pool
        return found

    def _get_iterator(self) -> Any:
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        return _MultiProcessingDataLoaderIter(self)

    @property
    def _iterator(self) -> Any:
        """What has the persistent workers, if there are any; None lets them go."""
        pool = self._pool
        return None if pool is None else _MultiProcessingDataLoaderIter.over(self, pool)

    @_iterator.setter
    def _iterator(self, value: None) -> None:
        self._pool = None

    @property
    def _auto_collation(self) -> bool:
        """Are samples joined into batches?"""
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        """What the batches are made of, in order."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def check_worker_number_rationality(self) -> None:
        """Nothing to check: any number of workers works, and more than processors only wait for each other."""


class _InfiniteConstantSampler(Sampler[None]):
    """The "indices" of an iterable dataset: as many as are asked for."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


def _check_workers(workers: int, timeout: float, prefetch: int | None, persistent: bool) -> None:
    if workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if workers == 0 and prefetch is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch is not None and prefetch < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_iterable(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    for name, value in (
        ("shuffle", shuffle or None),
        ("sampler", sampler),
        ("batch_sampler", batch_sampler),
    ):
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={value}"
            )


def _check_batches(
    size: int | None, shuffle: bool, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                "drop_last"
            )
    elif size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


def _context(given: Any, workers: int) -> Any:
    if given is None:
        return None
    if workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but "
            f"got num_workers={workers}"
        )
    if not isinstance(given, str):
        return given
    import multiprocessing

    known = multiprocessing.get_all_start_methods()
    if given not in known:
        raise ValueError(
            "multiprocessing_context option should specify a valid start method in "
            f"{known!r}, but got multiprocessing_context={given!r}"
        )
    return multiprocessing.get_context(given)


def _warn_pinned() -> None:
    from ... import cuda

    if not cuda.is_available():
        warnings.warn(
            "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory "
            "won't be used.",
            stacklevel=3,
        )


__all__ = [
    "DataLoader",
    "_BaseDataLoaderIter",
    "_DatasetKind",
    "default_collate",
    "default_convert",
    "get_worker_info",
]
