"""Batches from a dataset: of given indices, or the next ones of an iterable dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any


class _DatasetKind:
    """How samples are had: by index, or in turn."""

    Map, Iterable = 0, 1

    @staticmethod
    def create_fetcher(
        kind: int, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool
    ) -> Fetcher:
        """What makes batches of a dataset."""
        if kind == _DatasetKind.Map:
            return Fetcher(dataset, auto_collation, collate_fn)
        return IterableFetcher(dataset, auto_collation, collate_fn, drop_last)


class Fetcher:
    """Makes a batch of indices.

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
    """The same of a dataset that is iterated over: an index says only how many samples to take."""

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
