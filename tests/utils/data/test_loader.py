"""Datasets, samplers and the loader; random orders are PyTorch's for the same seed."""

from __future__ import annotations

import random
import time
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.utils import data

Point = namedtuple("Point", "x y")


class Stream(data.IterableDataset):
    """Each worker's number and three counts."""

    def __iter__(self) -> Any:
        info = data.get_worker_info()
        return iter([(0 if info is None else info.id, i) for i in range(3)])


class Sized:
    def __len__(self) -> int:
        return 4


class Broken(Sized):
    def __getitem__(self, index: int) -> int:
        raise KeyError(f"bad {index}")


class Slow(Sized):
    def __getitem__(self, index: int) -> int:
        time.sleep(2)
        return index


class Random(Sized):
    """Numbers of every generator that workers seed."""

    def __getitem__(self, index: int) -> tuple:
        return index, random.random(), float(torch.rand(1)), np.random.rand()  # noqa: NPY002 what workers seed


class Dies(Sized):
    def __getitem__(self, index: int) -> int:
        import os

        os._exit(3)


# -------------------------------------------------------------------------------------- samplers


def test_orders_are_pytorchs() -> None:
    torch.manual_seed(0)
    assert list(data.RandomSampler(range(5))) == [1, 3, 4, 2, 0]
    drawn = list(data.RandomSampler(range(10), replacement=True, num_samples=12))
    assert drawn == [6, 3, 7, 0, 7, 1, 7, 9, 0, 6, 1, 8]
    assert list(data.SubsetRandomSampler([3, 4, 5, 6])) == [6, 4, 3, 5]
    assert list(data.WeightedRandomSampler([0.1, 0.5, 0.4, 0.3], 3, False)) == [1, 2, 3]


def test_splits_and_shuffles_with_a_generator() -> None:
    generator = torch.Generator()
    generator.manual_seed(5)
    parts = data.random_split(range(10), [3, 7], generator=generator)
    assert [part.indices for part in parts] == [[1, 4, 9], [6, 3, 5, 0, 2, 8, 7]]
    loader = data.DataLoader(range(5), 2, shuffle=True, generator=generator)
    assert [batch.tolist() for batch in loader] == [[0, 4], [1, 3], [2]]
    assert [len(part) for part in data.random_split(range(10), [0.35, 0.35, 0.3])] == [4, 3, 3]


def test_every_process_takes_its_share() -> None:
    assert list(data.DistributedSampler(range(7), 2, 1)) == [0, 3, 6, 4]
    kept = data.DistributedSampler(range(7), 2, 0, drop_last=True, shuffle=False)
    assert list(kept) == [0, 2, 4]
    assert len(kept) == 3


def test_batches_of_indices() -> None:
    sampler = data.BatchSampler(data.SequentialSampler(range(5)), 2, False)
    assert list(sampler) == [[0, 1], [2, 3], [4]]
    assert len(sampler) == 3
    assert len(data.BatchSampler(range(5), 2, True)) == 2


# -------------------------------------------------------------------------------------- datasets


def test_datasets_are_joined() -> None:
    joined = data.ConcatDataset([range(3), range(10, 12)])
    assert [joined[i] for i in (0, 3, -1)] == [0, 10, 11]
    assert list(Stream() + Stream())[3] == (0, 0)
    side = data.StackDataset(a=range(3), b=range(3, 6))
    assert side[1] == {"a": 1, "b": 4}
    assert data.StackDataset(range(3), range(3)).__getitems__([0, 2]) == [(0, 0), (2, 2)]
    table = data.TensorDataset(torch.arange(3), torch.arange(3) * 10)
    assert [part.item() for part in data.Subset(table, [2, 0])[0]] == [2, 20]


def test_samples_are_joined_by_their_kind() -> None:
    batch = data.default_collate(
        [
            {"a": 1, "b": torch.ones(2), "c": "x", "d": Point(1.0, True)},
            {"a": 2, "b": torch.zeros(2), "c": "y", "d": Point(2.0, False)},
        ]
    )
    assert batch["a"].tolist() == [1, 2]
    assert batch["b"].tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert batch["c"] == ["x", "y"]
    assert isinstance(batch["d"], Point)
    assert batch["d"].x.dtype is torch.float64
    assert batch["d"].y.dtype is torch.bool
    assert data.default_collate([np.float32(1), np.float32(2)]).dtype is torch.float32
    assert data.default_collate([np.ones(2), np.ones(2)]).shape == (2, 2)
    converted = data.default_convert([np.ones(2), 1, "a"])
    assert isinstance(converted[0], torch.Tensor)
    assert converted[1:] == [1, "a"]


# ---------------------------------------------------------------------------------------- loader


@pytest.mark.parametrize("workers", [0, 2])
def test_shuffled_batches(workers: int) -> None:
    """The order, and what is left in the default generator, do not depend on the workers."""
    torch.manual_seed(0)
    loader = data.DataLoader(range(10), 3, shuffle=True, num_workers=workers)
    assert [x.tolist() for x in loader] == [[6, 7, 1], [4, 2, 0], [9, 8, 3], [5]]
    assert torch.rand(1, device="cpu").item() == pytest.approx(0.3074, abs=1e-4)


def test_workers_have_random_numbers_of_their_own() -> None:
    torch.manual_seed(0)
    first, second = data.DataLoader(Random(), 2, num_workers=2)
    want = [[0, 1], [0.2132, 0.2764], [0.7821, 0.0536], [0.8372, 0.3876]]
    for got, row in zip(first, want, strict=True):
        np.testing.assert_allclose(got.numpy(), row, atol=1e-4)
    np.testing.assert_allclose(second[2].numpy(), [0.6938, 0.2980], atol=1e-4)


def test_iterable_datasets_are_shared_out() -> None:
    alone = [[w, i] for w, i in data.DataLoader(Stream(), batch_size=None, num_workers=2)]
    assert alone == [[0, 0], [1, 0], [0, 1], [1, 1], [0, 2], [1, 2]]
    batches = data.DataLoader(Stream(), batch_size=2, num_workers=2)
    assert [w.tolist() for w, _ in batches] == [[0, 0], [1, 1], [0], [1]]
    whole = data.DataLoader(Stream(), batch_size=2, num_workers=2, drop_last=True)
    assert [i.tolist() for _, i in whole] == [[0, 1], [0, 1]]
    assert [i.tolist() for _, i in data.DataLoader(Stream(), batch_size=2)] == [[0, 1], [2]]


def test_errors_of_workers_arrive() -> None:
    with pytest.raises(KeyError) as caught:
        list(data.DataLoader(Broken(), num_workers=1))
    text = str(caught.value)
    assert text.startswith("Caught KeyError in DataLoader worker process 0.\nOriginal Traceback")
    assert "bad 0" in text


def test_a_slow_worker_times_out() -> None:
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.3 seconds"):
        list(data.DataLoader(Slow(), num_workers=1, timeout=0.3))


def test_a_dead_worker_is_noticed() -> None:
    message = r"worker \(pid\(s\) \d+\) exited unexpectedly: its exit status was 3"
    with pytest.raises(RuntimeError, match=message):
        list(data.DataLoader(Dies(), num_workers=1))


def start(number: int) -> None:
    random.seed(number)


def test_workers_may_stay() -> None:
    loader = data.DataLoader(
        Random(),
        2,
        num_workers=1,
        persistent_workers=True,
        worker_init_fn=start,
        prefetch_factor=1,
    )
    first, second = list(loader), list(loader)
    assert first[0][1][0].item() == random.Random(0).random()
    assert second[0][1].tolist() != first[0][1].tolist()
    assert loader._pool is not None
    loader._pool.close()


def test_single_samples_and_own_joining() -> None:
    assert list(data.DataLoader(range(3), batch_size=None, collate_fn=lambda x: x * 2)) == [0, 2, 4]
    assert list(data.DataLoader(range(3), 2, collate_fn=sum)) == [1, 2]
    (batch,) = data.DataLoader(range(4), batch_sampler=[[3, 1]])
    assert batch.tolist() == [3, 1]
    assert len(data.DataLoader(range(5), 2, drop_last=True)) == 2


def test_pinning_without_a_device_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="no accelerator is found"):
        list(data.DataLoader([1], pin_memory=True))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: data.DataLoader([1], num_workers=-1), ValueError, "num_workers option should be"),
        (lambda: data.DataLoader([1], timeout=-1), ValueError, "timeout option should be"),
        (lambda: data.DataLoader([1], prefetch_factor=2), ValueError, "only be specified in multi"),
        (
            lambda: data.DataLoader([1], persistent_workers=True),
            ValueError,
            "needs num_workers > 0",
        ),
        (lambda: data.DataLoader(Stream(), shuffle=True), ValueError, "unspecified shuffle option"),
        (lambda: data.DataLoader([1], sampler=[1], shuffle=True), ValueError, "mutually exclusive"),
        (lambda: data.DataLoader([1], batch_sampler=[[1]], batch_size=2), ValueError, "exclusive"),
        (
            lambda: data.DataLoader([1], batch_size=None, drop_last=True),
            ValueError,
            "auto-batching",
        ),
        (lambda: data.DataLoader([], shuffle=True), ValueError, "num_samples should be a positive"),
        (lambda: len(data.DataLoader(Stream())), TypeError, r"has no len\(\)"),
        (lambda: data.random_split(range(10), [3, 4]), ValueError, "Sum of input lengths"),
        (lambda: data.TensorDataset(torch.ones(2), torch.ones(3)), AssertionError, "Size mismatch"),
        (lambda: data.ConcatDataset([]), AssertionError, "should not be an empty iterable"),
        (lambda: data.ConcatDataset([Stream()]), AssertionError, "does not support Iterable"),
        (lambda: data.StackDataset(range(2), range(3)), ValueError, "Size mismatch between"),
        (lambda: data.RandomSampler([1], replacement=3), TypeError, "should be a boolean value"),
        (lambda: data.BatchSampler([1], 0, False), ValueError, "batch_size should be a positive"),
        (lambda: data.WeightedRandomSampler([[1, 2]], 1), ValueError, "1d sequence"),
        (lambda: data.default_collate([object()]), TypeError, "found <class 'object'>"),
        (lambda: data.default_collate([[1, 2], [1]]), RuntimeError, "should be of equal size"),
        (lambda: data.Dataset()[0], NotImplementedError, "should implement __getitem__"),
        (
            lambda: setattr(data.DataLoader([1]), "batch_size", 3),
            ValueError,
            "should not be set after DataLoader is initialized",
        ),
        (
            lambda: data.DataLoader([1], multiprocessing_context="fork"),
            ValueError,
            "can only be used with multi-process loading",
        ),
    ],
)
def test_wrong_arguments(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_epochs_of_one_generator_are_pytorchs():
    """A given generator goes on from epoch to epoch; the orders are PyTorch 2.14.1's."""
    loader = data.DataLoader(
        range(5), shuffle=True, generator=torch.Generator().manual_seed(0), batch_size=5
    )
    orders = [batch.tolist() for _ in range(3) for batch in loader]
    assert orders == [[3, 1, 0, 4, 2], [1, 4, 3, 2, 0], [1, 3, 4, 2, 0]]
    generator = torch.Generator().manual_seed(0)
    sampler = data.RandomSampler(range(5), generator=generator)
    assert [list(sampler), list(sampler)] == [[4, 0, 1, 3, 2], [2, 4, 1, 3, 0]]
    longer = data.RandomSampler(range(5), num_samples=12, generator=generator)
    assert list(longer) == [1, 0, 4, 2, 3, 1, 4, 0, 3, 2, 4, 2]
