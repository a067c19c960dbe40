"""Steps of data pipes that give samples in turn.

Source: torch.utils.data.datapipes.iter
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .... import int64  # type: ignore[attr-defined]
from ....ops.create.full import empty
from ..collate import default_collate
from ..worker import get_worker_info
from .datapipe import DataChunk, IterDataPipe, functional_datapipe

__all__ = [
    "Batcher",
    "Collator",
    "Concater",
    "Filter",
    "IterableWrapper",
    "Mapper",
    "Multiplexer",
    "ShardingFilter",
    "Shuffler",
    "UnBatcher",
    "Zipper",
]


def _picked(sample: Any, columns: Any) -> tuple:
    """What a step's function takes of a sample."""
    if columns is None:
        return (sample,)
    if isinstance(columns, (list, tuple)):
        return tuple(sample[column] for column in columns)
    return (sample[columns],)


class IterableWrapperIterDataPipe(IterDataPipe):
    """What is in an iterable.

    Args:
        iterable: A list, a range, ...
        deepcopy: Give a copy of it, so that steps cannot change the original.

    Source: torch.utils.data.datapipes.iter.IterableWrapper
    """

    def __init__(self, iterable: Iterable[Any], deepcopy: bool = True) -> None:
        self.iterable, self.deepcopy = iterable, deepcopy

    def __iter__(self) -> Iterator[Any]:
        yield from copy.deepcopy(self.iterable) if self.deepcopy else self.iterable

    def __len__(self) -> int:
        return len(self.iterable)  # type: ignore[arg-type]


@functional_datapipe("map")
class MapperIterDataPipe(IterDataPipe):
    """A function of each sample.

    Args:
        fn: The function.
        input_col: The index or key of what it takes of a sample, or several; None for the sample itself.
        output_col: Where its result goes; -1 appends it to a tuple or list. Default: to the (first) input_col.

    Raises:
        ValueError: There is an output_col and no input_col.

    Source: torch.utils.data.datapipes.iter.Mapper
    """

    def __init__(
        self, datapipe: IterDataPipe, fn: Callable, input_col: Any = None, output_col: Any = None
    ) -> None:
        if input_col is None and output_col is not None:
            raise ValueError("`output_col` must be None when `input_col` is None.")
        if isinstance(output_col, (list, tuple)):
            if len(output_col) > 1:
                raise ValueError("`output_col` must be a single-element list or tuple")
            output_col = output_col[0]
        self.datapipe, self.fn = datapipe, fn
        self.input_col, self.output_col = input_col, output_col

    def _applied(self, sample: Any) -> Any:
        result = self.fn(*_picked(sample, self.input_col))
        if self.input_col is None:
            return result
        changed = list(sample) if isinstance(sample, tuple) else copy.copy(sample)
        if self.output_col == -1:
            changed.append(result)
        elif self.output_col is not None:
            changed[self.output_col] = result
        elif isinstance(self.input_col, (list, tuple)):
            changed[self.input_col[0]] = result
            for column in sorted(self.input_col[1:], reverse=True):
                del changed[column]
        else:
            changed[self.input_col] = result
        return tuple(changed) if isinstance(sample, tuple) else changed

    def __iter__(self) -> Iterator[Any]:
        return (self._applied(sample) for sample in self.datapipe)

    def __len__(self) -> int:
        return len(self.datapipe)  # type: ignore[arg-type]


@functional_datapipe("filter")
class FilterIterDataPipe(IterDataPipe):
    """The samples for which a function is true.

    Args:
        filter_fn: Must give a bool.
        input_col: What it takes of a sample, as for `Mapper`.

    Source: torch.utils.data.datapipes.iter.Filter
    """

    def __init__(self, datapipe: IterDataPipe, filter_fn: Callable, input_col: Any = None) -> None:
        self.datapipe, self.filter_fn, self.input_col = datapipe, filter_fn, input_col

    def __iter__(self) -> Iterator[Any]:
        for sample in self.datapipe:
            kept = self.filter_fn(*_picked(sample, self.input_col))
            if not isinstance(kept, bool):
                raise ValueError(
                    "Boolean output is required for `filter_fn` of FilterIterDataPipe, "
                    f"got {type(kept)}"
                )
            if kept:
                yield sample


@functional_datapipe("batch")
class BatcherIterDataPipe(IterDataPipe):
    """Samples in batches.

    Args:
        batch_size: How many are in one.
        drop_last: Leave out a last batch with fewer.
        wrapper_class: What a list of samples becomes.

    Source: torch.utils.data.datapipes.iter.Batcher
    """

    def __init__(
        self,
        datapipe: IterDataPipe,
        batch_size: int,
        drop_last: bool = False,
        wrapper_class: Callable = DataChunk,
    ) -> None:
        if batch_size <= 0:
            raise AssertionError("Batch size is required to be larger than 0!")
        self.datapipe, self.batch_size = datapipe, batch_size
        self.drop_last, self.wrapper_class = drop_last, wrapper_class

    def __iter__(self) -> Iterator[Any]:
        batch: list[Any] = []
        for sample in self.datapipe:
            batch.append(sample)
            if len(batch) == self.batch_size:
                yield self.wrapper_class(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.wrapper_class(batch)

    def __len__(self) -> int:
        count = len(self.datapipe)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


@functional_datapipe("unbatch")
class UnBatcherIterDataPipe(IterDataPipe):
    """The samples of batches.

    Args:
        unbatch_level: How many levels of lists are undone; -1 for all.

    Source: torch.utils.data.datapipes.iter.UnBatcher
    """

    def __init__(self, datapipe: IterDataPipe, unbatch_level: int = 1) -> None:
        if unbatch_level < -1:
            raise ValueError("unbatch_level must be -1 or >= 0")
        self.datapipe, self.unbatch_level = datapipe, unbatch_level

    def __iter__(self) -> Iterator[Any]:
        for sample in self.datapipe:
            yield from self._parts(sample, self.unbatch_level)

    def _parts(self, sample: Any, level: int) -> Iterator[Any]:
        whole = level == 0 or (level == -1 and not isinstance(sample, list))
        if whole:
            yield sample
            return
        if not isinstance(sample, list):
            raise IndexError(
                f"unbatch_level {self.unbatch_level} exceeds the depth of the DataPipe"
            )
        for part in sample:
            yield from self._parts(part, level if level == -1 else level - 1)


@functional_datapipe("shuffle")
class ShufflerIterDataPipe(IterDataPipe):
    """Samples in random order: each is drawn from a buffer that the next ones fill.

    Args:
        buffer_size: How many samples wait in it.
        unbatch_level: Undo so many levels of batches first.

    Source: torch.utils.data.datapipes.iter.Shuffler
    """

    def __init__(
        self, datapipe: IterDataPipe, *, buffer_size: int = 10000, unbatch_level: int = 0
    ) -> None:
        if buffer_size <= 0:
            raise AssertionError("buffer_size should be larger than 0")
        self.datapipe = datapipe.unbatch(unbatch_level) if unbatch_level else datapipe
        self.buffer_size, self._enabled = buffer_size, True
        self._seed: int | None = None
        self._passes = 0

    def set_shuffle(self, shuffle: bool = True) -> ShufflerIterDataPipe:
        """Shuffle, or leave the order."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed: int) -> ShufflerIterDataPipe:
        """The seed of the next pass; otherwise the default generator draws one."""
        self._seed = seed
        return self

    def __iter__(self) -> Iterator[Any]:
        if not self._enabled:
            yield from self.datapipe
            return
        draw = random.Random(self._drawn())
        buffer: list[Any] = []
        for sample in self.datapipe:
            if len(buffer) < self.buffer_size:
                buffer.append(sample)
                continue
            i = draw.randint(0, len(buffer) - 1)
            buffer[i], sample = sample, buffer[i]
            yield sample
        while buffer:
            yield buffer.pop(draw.randint(0, len(buffer) - 1))

    def _drawn(self) -> int:
        """The seed of this pass: in a loader's workers the same for all, so that they can share the samples."""
        seed, self._seed = self._seed, None
        self._passes += 1
        worker = get_worker_info()
        if seed is not None:
            return seed
        if worker is not None:
            return worker.seed - worker.id + self._passes
        return int(empty((), dtype=int64).random_().item())  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.datapipe)  # type: ignore[arg-type]


class _Several(IterDataPipe):
    """A step that takes several pipes."""

    def __init__(self, *datapipes: IterDataPipe) -> None:
        if not datapipes:
            raise ValueError(f"{type(self).__name__}: expected at least one DataPipe, but got none")
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError(
                f"All inputs are required to be `IterDataPipe` for `{type(self).__name__}`."
            )
        self.datapipes = datapipes

    def _lengths(self) -> list[int]:
        return [len(pipe) for pipe in self.datapipes]  # type: ignore[arg-type]


@functional_datapipe("zip")
class ZipperIterDataPipe(_Several):
    """The samples of several pipes side by side, as tuples.

    Source: torch.utils.data.datapipes.iter.Zipper
    """

    def __iter__(self) -> Iterator[Any]:
        return zip(*self.datapipes)

    def __len__(self) -> int:
        return min(self._lengths())


@functional_datapipe("concat")
class ConcaterIterDataPipe(_Several):
    """Several pipes one after the other.

    Source: torch.utils.data.datapipes.iter.Concater
    """

    def __iter__(self) -> Iterator[Any]:
        for pipe in self.datapipes:
            yield from pipe

    def __len__(self) -> int:
        return sum(self._lengths())


@functional_datapipe("mux")
class MultiplexerIterDataPipe(_Several):
    """A sample of each pipe in turn, until one has no more.

    Source: torch.utils.data.datapipes.iter.Multiplexer
    """

    def __iter__(self) -> Iterator[Any]:
        for samples in zip(*self.datapipes):
            yield from samples

    def __len__(self) -> int:
        return min(self._lengths()) * len(self.datapipes)


@functional_datapipe("collate")
class CollatorIterDataPipe(IterDataPipe):
    """Batches as tensors.

    Args:
        collate_fn: What makes one of a list of samples.

    Source: torch.utils.data.datapipes.iter.Collator
    """

    def __init__(self, datapipe: IterDataPipe, collate_fn: Callable = default_collate) -> None:
        self.datapipe, self.collate_fn = datapipe, collate_fn

    def __iter__(self) -> Iterator[Any]:
        return (self.collate_fn(batch) for batch in self.datapipe)

    def __len__(self) -> int:
        return len(self.datapipe)  # type: ignore[arg-type]


@functional_datapipe("sharding_filter")
class ShardingFilterIterDataPipe(IterDataPipe):
    """In a loader's worker, its share of the samples; all of them elsewhere.

    Source: torch.utils.data.datapipes.iter.ShardingFilter
    """

    def __init__(self, source_datapipe: IterDataPipe) -> None:
        self.source_datapipe = source_datapipe

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        count, own = (1, 0) if worker is None else (worker.num_workers, worker.id)
        return (x for i, x in enumerate(self.source_datapipe) if i % count == own)


IterableWrapper = IterableWrapperIterDataPipe
Mapper, Filter, Collator = MapperIterDataPipe, FilterIterDataPipe, CollatorIterDataPipe
Batcher, UnBatcher, Shuffler = BatcherIterDataPipe, UnBatcherIterDataPipe, ShufflerIterDataPipe
Zipper, Concater, Multiplexer = ZipperIterDataPipe, ConcaterIterDataPipe, MultiplexerIterDataPipe
ShardingFilter = ShardingFilterIterDataPipe
