"""PyTorch's private names of what a loader is made of, as other packages use them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.utils.data import _utils, dataloader


class Loader:
    """A loader of another package: what fastai gives to PyTorch's iterators."""

    _auto_collation, drop_last, in_order = False, False, True
    generator, prefetch_factor, worker_init_fn = None, 2, None
    timeout, persistent_workers, multiprocessing_context = 0, False, None
    _dataset_kind = dataloader._DatasetKind.Iterable

    def __init__(self, workers: int) -> None:
        self.num_workers, self.dataset = workers, self
        self._index_sampler = itertools.count()

    def collate_fn(self, item: Any) -> Any:
        return item

    def __iter__(self) -> Any:
        return iter([torch.ones(2), torch.zeros(2)])


@pytest.mark.parametrize(
    ("cls", "workers"),
    [
        (dataloader._SingleProcessDataLoaderIter, 0),
        (dataloader._MultiProcessingDataLoaderIter, 1),
    ],
)
def test_a_loader_of_another_package(cls: type, workers: int) -> None:
    assert [x.tolist() for x in cls(Loader(workers))] == [[1.0, 1.0], [0.0, 0.0]]


def test_iterators_are_told_apart() -> None:
    one = torch.utils.data.DataLoader([1, 2])
    assert isinstance(iter(one), dataloader._SingleProcessDataLoaderIter)
    assert isinstance(iter(one), dataloader._BaseDataLoaderIter)
    assert list(one._index_sampler) == [[0], [1]]
    assert one._auto_collation
    assert one._iterator is None
    several = torch.utils.data.DataLoader([1, 2], num_workers=1, persistent_workers=True)
    assert len(list(several)) == 2
    kept = several._iterator
    assert isinstance(kept, dataloader._MultiProcessingDataLoaderIter)
    kept._shutdown_workers()
    several._iterator = None
    assert len(list(several)) == 2
    several._iterator._shutdown_workers()


def test_what_is_put_into_the_table_is_used() -> None:
    class Box:
        def __init__(self, x: int) -> None:
            self.x = x

    table = _utils.collate.default_collate_fn_map
    table[Box] = lambda batch, *, collate_fn_map=None: [box.x for box in batch]
    try:
        assert torch.utils.data.default_collate([Box(1), Box(2)]) == [1, 2]
    finally:
        del table[Box]
    assert _utils.collate.collate_tensor_fn([torch.ones(1)] * 2).shape == (2, 1)


def test_seeds_and_pinned_memory() -> None:
    words = _utils.worker._generate_state(12345678901234, 3)
    assert words == [2677634501, 810098766, 226270600, 4115140591]  # PyTorch's
    assert _utils.worker._worker_info is None
    assert _utils.pin_memory.pin_memory({"a": (1, "x")}) == {"a": (1, "x")}
    with pytest.raises(RuntimeError, match="accelerator"):
        _utils.pin_memory.pin_memory([torch.ones(1)])
    fetcher = dataloader._DatasetKind.create_fetcher(0, np.arange(4), True, list, False)
    assert fetcher.fetch([1, 3]) == [1, 3]
