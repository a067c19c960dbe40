"""DataLoader: batches of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler


def default_collate(batch: Sequence[Any]) -> Any:
    """Samples joined into a batch: tensors and arrays are stacked, numbers become tensors,
    containers are joined item by item.

    Raises:
        TypeError: A sample holds something else.

    Source: torch.utils.data.default_collate

    Example:
        >>> import flambeau as torch
        >>> torch.utils.data.default_collate([(1, 2.), (3, 4.)])
        [tensor([1, 3]), tensor([2., 4.], dtype=torch.float64)]
    """
    from ... import as_tensor, float64, stack, tensor  # type: ignore[attr-defined]

    first = batch[0]
    if isinstance(first, Tensor):
        return stack(list(batch))
    if isinstance(first, np.ndarray):
        return stack([as_tensor(item) for item in batch])
    if isinstance(first, np.generic):
        return as_tensor(np.asarray(batch))
    if isinstance(first, float):
        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, Mapping):
        return type(first)({key: default_collate([item[key] for item in batch]) for key in first})  # type: ignore
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(column) for column in zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(item) != len(first) for item in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return [default_collate(column) for column in zip(*batch)]
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{type(first)}: pass collate_fn= to join these samples yourself"
    )


class DataLoader:
    """Batches of a dataset, in order or shuffled.

    Args:
        dataset: What has ``__getitem__`` and ``__len__``, or an IterableDataset.
        batch_size: Samples a batch; None gives single samples, not joined.
        shuffle: Take the samples in a new random order each time.
        sampler, batch_sampler: The order, or the batches, instead.
        num_workers: Threads that fetch batches ahead; 0 fetches in the caller.
        collate_fn: Joins a list of samples; default `default_collate`.
        drop_last: Leave out a last batch that is too small.
        generator: For shuffling.

    Raises:
        ValueError: Options exclude each other.

    Source: torch.utils.data.DataLoader

    Example:
        >>> import flambeau as torch
        >>> [len(batch) for batch in torch.utils.data.DataLoader(range(5), batch_size=2)]
        [2, 2, 1]
    """

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
    ) -> None:
        if num_workers < 0:
            raise ValueError(
                "num_workers option should be non-negative; use num_workers=0 to disable "
                "multiprocessing."
            )
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing. "
                "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None and (
            batch_size != 1 or shuffle or sampler is not None or drop_last
        ):
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                "drop_last"
            )
        if batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
            )
        iterable = isinstance(dataset, IterableDataset)
        if iterable and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(
                "DataLoader with IterableDataset: expected unspecified shuffle, sampler and "
                "batch_sampler options"
            )
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.num_workers, self.generator, self.iterable = num_workers, generator, iterable
        self.prefetch_factor = prefetch_factor or 2
        self.worker_init_fn, self.timeout = worker_init_fn, timeout
        if sampler is None and not iterable:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if shuffle
                else SequentialSampler(dataset)
            )
        self.sampler = sampler
        if batch_sampler is None and batch_size is not None and not iterable:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        elif batch_sampler is not None:
            self.batch_size = None
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or (
            default_collate
            if batch_size is not None or batch_sampler is not None
            else lambda sample: sample
        )

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        if self.iterable and self.batch_size:
            count = len(self.dataset)
            return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
        return len(self.dataset if self.iterable else self.sampler)

    def __iter__(self) -> Iterator[Any]:
        jobs = self._jobs()
        if self.num_workers == 0:
            return (job() for job in jobs)
        return self._ahead(jobs)

    def _jobs(self) -> Iterator[Callable[[], Any]]:
        """What makes each batch."""
        from ... import empty, int64  # type: ignore[attr-defined]

        empty((), dtype=int64).random_(
            generator=self.generator
        )  # the seed that workers would start from
        if self.iterable:
            return self._iterable_jobs()
        return self._indexed_jobs()

    def _indexed_jobs(self) -> Iterator[Callable[[], Any]]:
        fetch_many = getattr(self.dataset, "__getitems__", None)
        for chosen in self.batch_sampler if self.batch_sampler is not None else self.sampler:
            if self.batch_sampler is None:
                yield lambda i=chosen: self.collate_fn(self.dataset[i])
            elif fetch_many is not None:
                yield lambda chosen=chosen: self.collate_fn(fetch_many(chosen))
            else:
                yield lambda chosen=chosen: self.collate_fn([self.dataset[i] for i in chosen])

    def _iterable_jobs(self) -> Iterator[Callable[[], Any]]:
        batch: list[Any] = []
        for sample in self.dataset:
            if self.batch_size is None:
                yield lambda sample=sample: self.collate_fn(sample)
                continue
            batch.append(sample)
            if len(batch) == self.batch_size:
                yield lambda batch=batch: self.collate_fn(batch)
                batch = []
        if batch and not self.drop_last:
            yield lambda: self.collate_fn(batch)

    def _ahead(self, jobs: Iterator[Callable[[], Any]]) -> Iterator[Any]:
        """Batches fetched by threads, in order, a few ahead of the caller."""
        from collections import deque
        from concurrent.futures import ThreadPoolExecutor

        numbers = iter(range(self.num_workers))

        def start() -> None:
            if self.worker_init_fn is not None:
                self.worker_init_fn(next(numbers))

        with ThreadPoolExecutor(self.num_workers, "flambeau-loader", start) as pool:
            waiting: Any = deque()
            for job in jobs:
                waiting.append(pool.submit(job))
                if len(waiting) > self.num_workers * self.prefetch_factor:
                    yield waiting.popleft().result(self.timeout or None)
            while waiting:
                yield waiting.popleft().result(self.timeout or None)
