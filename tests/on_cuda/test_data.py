"""A loader's orders are drawn on the CPU, whatever the default device is."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau.utils import data

ORDERS = [
    lambda generator: list(data.RandomSampler(range(20), generator=generator)),
    lambda generator: list(data.RandomSampler(range(20), True, 40, generator=generator)),
    lambda generator: list(data.SubsetRandomSampler(range(20), generator=generator)),
    lambda generator: list(data.WeightedRandomSampler([0.1] * 20, 9, False, generator=generator)),
    lambda generator: data.random_split(range(20), [10, 10], generator=generator)[0].indices,
    lambda generator: [
        x.tolist() for x in data.DataLoader(range(20), 5, True, generator=generator)
    ],
]


@pytest.mark.parametrize("given", [False, True], ids=["default", "given"])
@pytest.mark.parametrize("order", ORDERS)
def test_orders_are_those_of_the_cpu(order, given: bool) -> None:
    found = []
    for place in ("cpu", "cuda"):
        torch.manual_seed(3)
        with torch.device(place):
            found.append(order(torch.Generator().manual_seed(5) if given else None))
    assert found[0] == found[1]


def test_a_generator_of_the_gpu_draws_there() -> None:
    generator = torch.Generator("cuda").manual_seed(5)
    before = torch.get_rng_state()
    assert sorted(data.SubsetRandomSampler(range(20), generator)) == list(range(20))
    weighted = data.WeightedRandomSampler([0.0, 1.0], 3, generator=generator)
    assert list(weighted) == [1, 1, 1]
    assert torch.equal(before, torch.get_rng_state())


def test_batches_go_to_the_gpu() -> None:
    samples = data.TensorDataset(torch.arange(6.0, device="cuda"))
    (batch,) = next(iter(data.DataLoader(samples, 3)))
    assert batch.device.type == "cuda"
    assert batch.tolist() == [0.0, 1.0, 2.0]
