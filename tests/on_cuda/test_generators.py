"""Generators of CUDA devices: seeds, states, default generators, snapshots, graphs."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.core.random import default
from flambeau.core.random.philox import PhiloxGenerator

pytestmark = pytest.mark.usefixtures("own_generators")


def offset() -> int:
    """How far the default generator is."""
    return default.default_of(torch.device("cuda")).get_offset()


def test_a_generator_is_that_of_its_device() -> None:
    made = torch.Generator("cuda")
    assert isinstance(made, PhiloxGenerator)
    assert isinstance(made, torch.Generator)
    assert made.device.type == "cuda"
    assert made.initial_seed() == 67280421310721
    assert type(torch.Generator()) is torch.Generator


def test_there_is_none_of_meta_and_of_missing_devices() -> None:
    with pytest.raises(RuntimeError, match="Cannot get a generator of device meta"):
        torch.Generator("meta")
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        torch.Generator("cuda:99")


def test_state_is_seed_and_offset() -> None:
    """The bytes that torch.Generator("cuda").get_state() has."""
    made = torch.Generator("cuda").manual_seed(0x0102030405060708)
    torch.rand(10, device="cuda", generator=made)
    assert made.get_state().tolist() == [8, 7, 6, 5, 4, 3, 2, 1, 4, 0, 0, 0, 0, 0, 0, 0]
    assert made.get_offset() == 4
    other = torch.Generator("cuda")
    other.set_state(made.get_state())
    assert other.initial_seed() == 0x0102030405060708
    assert torch.equal(
        torch.rand(3, device="cuda", generator=made), torch.rand(3, device="cuda", generator=other)
    )


def test_a_state_of_8_bytes_is_a_seed() -> None:
    made = torch.Generator("cuda")
    made.set_offset(8)
    made.set_state(torch.tensor([9, 0, 0, 0, 0, 0, 0, 0], dtype=torch.uint8))
    assert (made.initial_seed(), made.get_offset()) == (9, 0)


@pytest.mark.parametrize(
    ("state", "error", "text"),
    [
        (torch.zeros(16), TypeError, "must be a torch.ByteTensor"),
        (torch.zeros(5056, dtype=torch.uint8), RuntimeError, "wrong size"),
        (torch.zeros(32, dtype=torch.uint8)[::2], RuntimeError, "contiguous"),
    ],
)
def test_what_is_no_state(state: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        torch.Generator("cuda").set_state(state)


def test_offsets_are_multiples_of_four() -> None:
    made = torch.Generator("cuda")
    made.set_offset(12)
    assert made.get_offset() == 12
    with pytest.raises(RuntimeError, match="multiple of 4"):
        made.set_offset(10)


def test_seeds_are_of_64_bits_without_a_sign() -> None:
    made = torch.Generator("cuda")
    assert made.manual_seed(-1).initial_seed() == 2**64 - 1
    assert made.seed() == made.initial_seed()
    assert made.get_offset() == 0


def test_copies() -> None:
    made = torch.Generator("cuda").manual_seed(5)
    made.set_offset(8)
    for other in (made.clone_state(), pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        assert other is not made
        assert (other.initial_seed(), other.get_offset()) == (5, 8)
        other.set_offset(12)
    assert made.get_offset() == 8


def test_a_state_that_is_shared() -> None:
    made = torch.Generator("cuda").manual_seed(5)
    shared = made.graphsafe_get_state()
    shared.set_offset(16)
    assert made.get_offset() == 16
    other = torch.Generator("cuda").manual_seed(6)
    made.graphsafe_set_state(other)
    torch.rand(1, device="cuda", generator=made)
    assert (other.initial_seed(), other.get_offset()) == (6, 4)
    assert shared.get_offset() == 16


def test_philox_state_takes_words() -> None:
    made = torch.Generator("cuda").manual_seed(2**63 + 5)
    made.set_offset(4)
    seed, start, place = made.philox_state(6)
    assert (seed.item(), start.item(), place.item()) == (5 - 2**63, 4, 0)
    assert made.get_offset() == 12


# ---- default generators ------------------------------------------------------------------------


def test_manual_seed_seeds_devices_that_are_used_later() -> None:
    torch.manual_seed(0)
    first = torch.rand(5, device="cuda")
    assert np.allclose(first.cpu().numpy(), [0.3990, 0.5167, 0.0249, 0.9401, 0.9459], atol=5e-5)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(5, device="cuda"), first)


def test_without_a_seed_it_is_drawn() -> None:
    place = torch.device("cuda:0")
    first = default.default_of(place).initial_seed()
    default._OTHERS.clear()
    assert default.default_of(place).initial_seed() != first


def test_the_functions_of_torch_cuda() -> None:
    torch.cuda.manual_seed_all(7)
    assert len(torch.cuda.default_generators) == torch.cuda.device_count()
    assert torch.cuda.initial_seed() == 7
    state = torch.cuda.get_rng_state()
    first = torch.randn(4, device="cuda")
    assert offset() == 4
    torch.cuda.set_rng_state(state)
    assert torch.equal(torch.randn(4, device="cuda"), first)
    torch.cuda.manual_seed(8)
    assert torch.cuda.get_rng_state_all()[0].tolist() == [8] + [0] * 15
    torch.cuda.seed_all()
    assert torch.cuda.initial_seed() not in (7, 8)


def test_the_functions_of_torch_accelerator() -> None:
    torch.manual_seed(7)
    assert torch.accelerator.random.initial_seed() == 7
    assert torch.equal(torch.accelerator.random.get_rng_state(), torch.cuda.get_rng_state())
    assert len(torch.accelerator.random.get_rng_state_all()) == torch.cuda.device_count()


def test_fork_rng() -> None:
    torch.manual_seed(3)
    before, cpu = torch.cuda.get_rng_state(), torch.get_rng_state()
    for devices in (None, [0], ["cuda"]):
        with torch.random.fork_rng(devices):
            torch.rand(2, device="cuda")
            torch.rand(2)
        assert torch.equal(torch.cuda.get_rng_state(), before)
        assert torch.equal(torch.get_rng_state(), cpu)
    with torch.random.fork_rng([]):
        torch.rand(2, device="cuda")
    assert offset() == 4


def test_a_snapshot_covers_generators_that_come_later() -> None:
    torch.manual_seed(3)
    snapshot = default.Snapshot()
    first = torch.rand(2, device="cuda")
    assert not snapshot.is_current()
    snapshot.restore()
    assert torch.equal(torch.rand(2, device="cuda"), first)


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoints_draw_the_same_again(reentrant: bool) -> None:
    x = torch.ones(64, device="cuda", requires_grad=True)

    def function(x: Any) -> Any:
        return torch.nn.functional.dropout(x)

    y = torch.utils.checkpoint.checkpoint(function, x, use_reentrant=reentrant)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


# ---- graphs ------------------------------------------------------------------------------------


def test_a_graph_draws_what_the_program_would_have_drawn() -> None:
    x = torch.empty(600, device="cuda")
    torch.cuda.manual_seed(5)
    expected = [x.uniform_().clone() for _ in range(3)]
    torch.cuda.manual_seed(5)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        x.uniform_()
    assert offset() == 0
    for values in expected:
        graph.replay()
        assert torch.equal(x, values)
    assert torch.equal(x.uniform_(), _fourth())


def _fourth() -> Any:
    generator = torch.Generator("cuda").manual_seed(5)
    generator.set_offset(12)
    return torch.rand(600, device="cuda", generator=generator)


def test_a_graph_knows_the_generators_that_it_draws_from() -> None:
    generator, graph = torch.Generator("cuda").manual_seed(5), torch.cuda.CUDAGraph()
    x = torch.empty(10, device="cuda")
    with (
        pytest.raises(RuntimeError, match="register_generator_state"),
        torch.cuda.graph(torch.cuda.CUDAGraph()),
    ):
        x.uniform_(generator=generator)
    graph.register_generator_state(generator)
    with torch.cuda.graph(graph):
        x.uniform_(generator=generator)
        with pytest.raises(RuntimeError, match="being captured"):
            generator.manual_seed(1)
    graph.replay()
    graph.replay()
    assert generator.get_offset() == 8


# ---- mistakes ----------------------------------------------------------------------------------


def test_generators_of_other_devices_are_refused() -> None:
    with pytest.raises(
        RuntimeError, match="Expected a 'cuda' device type for generator but found 'cpu'"
    ):
        torch.rand(3, device="cuda", generator=torch.Generator())
    with pytest.raises(
        RuntimeError, match="Expected a 'cpu' device type for generator but found 'cuda'"
    ):
        torch.rand(3, generator=torch.Generator("cuda"))


def test_philox_state_of_a_graph_is_on_the_device() -> None:
    generator, graph = torch.Generator("cuda").manual_seed(5), torch.cuda.CUDAGraph()
    generator.set_offset(8)
    graph.register_generator_state(generator)
    with torch.cuda.graph(graph):
        generator.philox_state(8)
        seed, start, place = generator.philox_state(4)
    graph.replay()
    assert (seed.device.type, start.device.type, place.device.type) == ("cuda", "cuda", "cpu")
    assert (seed.item(), start.item(), place.item()) == (5, 8, 8)
    assert generator.get_offset() == 20


_TWO = """
import flambeau as torch
torch.manual_seed(0)
second, first = (torch.rand(3, device=f"cuda:{i}") for i in (1, 0))
assert torch.equal(first.cpu(), second.cpu())
x = torch.ones(8).to("cuda:1")
made = (
    torch.nn.functional.dropout(x), torch.multinomial(x, 3), torch.multinomial(x, 3, True), torch.poisson(x),
    torch.bernoulli(x * 0.5), torch.randint(5, (3,), device="cuda:1"), torch.randperm(5, device="cuda:1"), x.normal_(),
)
assert all(y.device.index == 1 for y in made)
offsets = [g.get_offset() for g in torch.cuda.default_generators]
assert offsets[0] == 4 < offsets[1], offsets
with torch.random.fork_rng([1]):
    torch.rand(3, device="cuda:1")
assert torch.cuda.default_generators[1].get_offset() == offsets[1]
"""


def test_each_device_has_a_generator() -> None:
    """In a process that has two simulated devices."""
    environment = {**os.environ, "FLAMBEAU_CUDA_SIMULATOR": "2"}
    subprocess.run([sys.executable, "-c", _TWO], check=True, env=environment)
