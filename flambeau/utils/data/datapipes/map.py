"""Steps of data pipes that give samples by index.

Source: torch.utils.data.datapipes.map
"""

from __future__ import annotations

import bisect
import copy
import itertools
from collections.abc import Callable
from typing import Any

from .datapipe import DataChunk, MapDataPipe, functional_datapipe

__all__ = ["Batcher", "Concater", "Mapper", "SequenceWrapper", "Zipper"]


class SequenceWrapperMapDataPipe(MapDataPipe):
    """What is in a sequence or a mapping.

    Args:
        sequence: It.
        deepcopy: Take a copy of it, so that steps cannot change the original.

    Source: torch.utils.data.datapipes.map.SequenceWrapper
    """

    def __init__(self, sequence: Any, deepcopy: bool = True) -> None:
        self.sequence = copy.deepcopy(sequence) if deepcopy else sequence

    def __getitem__(self, index: Any) -> Any:
        return self.sequence[index]

    def __len__(self) -> int:
        return len(self.sequence)


@functional_datapipe("map")
class MapperMapDataPipe(MapDataPipe):
    """A function of each sample.

    Source: torch.utils.data.datapipes.map.Mapper
    """

    def __init__(self, datapipe: MapDataPipe, fn: Callable) -> None:
        self.datapipe, self.fn = datapipe, fn

    def __getitem__(self, index: Any) -> Any:
        return self.fn(self.datapipe[index])

    def __len__(self) -> int:
        return len(self.datapipe)  # type: ignore[arg-type]


@functional_datapipe("batch")
class BatcherMapDataPipe(MapDataPipe):
    """Samples in batches.

    Args:
        batch_size: How many are in one.
        drop_last: Leave out a last batch with fewer.
        wrapper_class: What a list of samples becomes.

    Source: torch.utils.data.datapipes.map.Batcher
    """

    def __init__(
        self,
        datapipe: MapDataPipe,
        batch_size: int,
        drop_last: bool = False,
        wrapper_class: Callable = DataChunk,
    ) -> None:
        if batch_size <= 0:
            raise AssertionError("Batch size is required to be larger than 0!")
        self.datapipe, self.batch_size = datapipe, batch_size
        self.drop_last, self.wrapper_class = drop_last, wrapper_class

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"Index {index} is out of bound.")
        start = index * self.batch_size
        stop = min(start + self.batch_size, len(self.datapipe))  # type: ignore[arg-type]
        return self.wrapper_class([self.datapipe[i] for i in range(start, stop)])

    def __len__(self) -> int:
        count = len(self.datapipe)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


class _Several(MapDataPipe):
    """A step that takes several pipes."""

    def __init__(self, *datapipes: MapDataPipe) -> None:
        if not datapipes:
            raise ValueError("Expected at least one DataPipe, but got nothing")
        if not all(isinstance(pipe, MapDataPipe) for pipe in datapipes):
            raise TypeError("Expected all inputs to be `MapDataPipe`")
        self.datapipes = datapipes

    def _lengths(self) -> list[int]:
        return [len(pipe) for pipe in self.datapipes]  # type: ignore[arg-type]


@functional_datapipe("concat")
class ConcaterMapDataPipe(_Several):
    """Several pipes one after the other.

    Source: torch.utils.data.datapipes.map.Concater
    """

    def __getitem__(self, index: Any) -> Any:
        ends = list(itertools.accumulate(self._lengths()))
        i = bisect.bisect_right(ends, index)
        if i == len(ends):
            raise IndexError(f"Index {index} is out of range.")
        return self.datapipes[i][index - (ends[i - 1] if i else 0)]

    def __len__(self) -> int:
        return sum(self._lengths())


@functional_datapipe("zip")
class ZipperMapDataPipe(_Several):
    """The samples of several pipes side by side, as tuples.

    Source: torch.utils.data.datapipes.map.Zipper
    """

    def __getitem__(self, index: Any) -> Any:
        return tuple(pipe[index] for pipe in self.datapipes)

    def __len__(self) -> int:
        return min(self._lengths())


SequenceWrapper, Mapper = SequenceWrapperMapDataPipe, MapperMapDataPipe
Batcher, Concater, Zipper = BatcherMapDataPipe, ConcaterMapDataPipe, ZipperMapDataPipe
