"""Draws that are remembered: the same numbers as at first, in every layout, and the same refusals."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch

DRAWS = {
    "uniform_": [(), (-2.0, 3.0)],
    "normal_": [(), (1.0, 2.0)],
    "log_normal_": [()],
    "exponential_": [(), (0.5,)],
    "cauchy_": [()],
    "geometric_": [(0.3,)],
    "bernoulli_": [(), (0.2,)],
    "random_": [(), (10,), (-3, 8)],
}
CALLS = [(name, args) for name, found in DRAWS.items() for args in found]
TIMES = 6
"""Calls of a kind; from the third on it is remembered."""


def drawn(x: torch.Tensor, name: str, args: tuple, seed: int = 5) -> np.ndarray:
    torch.manual_seed(seed)
    return getattr(x, name)(*args).double().numpy().copy()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("name", "args"), CALLS)
def test_what_is_remembered_draws_what_was_drawn_at_first(name, args, dtype):
    x = torch.empty(3, 5, dtype=getattr(torch, dtype))
    first = drawn(x, name, args)
    for _ in range(TIMES):
        assert np.array_equal(drawn(x, name, args), first)
        generator = torch.Generator().manual_seed(5)
        assert np.array_equal(getattr(x, name)(*args, generator=generator).double().numpy(), first)


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_numbers_are_drawn_in_the_order_of_memory(name, args):
    for _ in range(TIMES):
        in_order = drawn(torch.empty(2, 5), name, args)
        assert np.array_equal(drawn(torch.empty(2, 5).t(), name, args), in_order.T)
        strided = torch.full((4, 15), 7.0)
        assert np.array_equal(drawn(strided[::2, ::3], name, args), in_order)
        assert (strided[1::2] == 7).all()
        assert (strided[:, 1::3] == 7).all()


@pytest.mark.parametrize("name", ["rand_like", "randn_like"])
def test_what_is_like_another_lies_as_it_does(name):
    x, made = torch.empty(2, 5).t(), []
    for _ in range(TIMES):
        torch.manual_seed(2)
        made.append(getattr(torch, name)(x))
    assert all(torch.equal(made[0], y) and y.stride() == x.stride() for y in made)


def test_the_stream_goes_on_where_a_block_ends():
    """Draws of 15 numbers meet the end of a block of 624 words in the middle; one of 1500 does not."""
    torch.manual_seed(1)
    parts = [torch.empty(3, 5).uniform_() for _ in range(100)]
    torch.manual_seed(1)
    assert torch.equal(torch.stack(parts).reshape(-1), torch.rand(1500))


@pytest.mark.parametrize("draw", [torch.poisson, torch._standard_gamma, torch.bernoulli])
@pytest.mark.parametrize("wrong", [-1.0, float("nan")])
def test_a_refused_parameter_takes_nothing_from_the_stream(draw, wrong):
    good = torch.full((3, 5), 0.5)
    for _ in range(TIMES):
        draw(good)
    bad = good.clone()
    bad[2, 1] = wrong
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError):
        draw(bad)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("draw", [torch.poisson, torch._standard_gamma, torch._sample_dirichlet])
def test_numbers_by_rejection_are_those_of_one_large_draw(draw):
    """Many small draws, of which some meet the end of a block, are a large one in pieces."""
    rates = torch.linspace(0.5, 30, 1500).reshape(100, 15)
    torch.manual_seed(3)
    whole = draw(rates)
    torch.manual_seed(3)
    parts = torch.stack([draw(row) for row in rates])
    assert torch.equal(parts, whole)
    torch.manual_seed(3)
    turned = rates.t().contiguous().t()
    assert torch.equal(torch.stack([draw(row) for row in turned]), whole)


def test_binomial_numbers_are_those_of_one_large_draw():
    count, prob = torch.linspace(1, 90, 600).round().reshape(60, 10), torch.full((60, 10), 0.4)
    torch.manual_seed(3)
    whole = torch.binomial(count, prob)
    torch.manual_seed(3)
    assert torch.equal(torch.stack([torch.binomial(*row) for row in zip(count, prob)]), whole)


@pytest.mark.parametrize(("name", "args"), [*CALLS, ("zero_", ()), ("fill_", (2.0,))])
def test_writes_are_counted_and_leaves_are_kept(name, args):
    x = torch.empty(3, 5)
    for i in range(TIMES):
        getattr(x, name)(*args)
        assert x._version == i + 1
    leaf = torch.zeros(3, 5, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        getattr(leaf, name)(*args)
    assert not leaf.detach().any()
    with torch.no_grad():
        getattr(leaf, name)(*args)
    saved = torch.ones(3, 5, requires_grad=True)
    y = saved * x
    getattr(x, name)(*args)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        y.sum().backward()


def test_permutations_are_those_of_a_generator():
    for _ in range(TIMES):
        torch.manual_seed(4)
        found = torch.randperm(15)
        assert torch.equal(found, torch.randperm(15, generator=torch.Generator().manual_seed(4)))
        assert found.sort().values.tolist() == list(range(15))
