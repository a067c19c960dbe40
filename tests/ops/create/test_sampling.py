"""Random draws: PyTorch's answers with seed 0, generators, gradients."""

from __future__ import annotations

import copy
import pickle

import pytest

import flambeau as torch

ANSWERS = "sampling"
# Recorded: the uniform number that torch draws next.
POISSON_NEXT = 0.7098839282989502
BINOMIAL_NEXT = 0.4045611023902893


def test_a_call_is_answered_as_pytorch_answers_it(answer, assert_answered) -> None:
    assert_answered(answer)


def test_fork_rng_puts_the_state_back_even_after_an_error() -> None:
    before = torch.get_rng_state()

    def fail() -> None:
        with torch.random.fork_rng():
            torch.rand(5)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(before, torch.get_rng_state())
    with torch.random.fork_rng(enabled=False):
        torch.rand(5)
    assert not torch.equal(before, torch.get_rng_state())
    with (
        pytest.raises(RuntimeError, match="accelerator"),
        torch.random.fork_rng(devices=[0]),
    ):
        pass


def test_a_refused_draw_takes_nothing_from_the_stream() -> None:
    before = torch.get_rng_state()
    for refused in (
        lambda: torch.randperm(2.5),
        lambda: torch.rand(2, generator=3),
        lambda: torch.randint(5, 3),
        lambda: torch.empty(2).normal_(0, -1),
        lambda: torch.bernoulli(torch.tensor([2.0])),
    ):
        with pytest.raises((TypeError, RuntimeError)):
            refused()
    assert torch.equal(before, torch.get_rng_state())


def test_generators_are_copied_with_their_place() -> None:
    generator = torch.Generator().manual_seed(3)
    torch.randn(7, generator=generator)
    copies = [
        generator.clone_state(),
        copy.deepcopy(generator),
        pickle.loads(pickle.dumps(generator)),
        torch.Generator().set_state(generator.get_state()),
    ]
    expected = torch.randn(5, generator=generator).tolist()
    for other in copies:
        assert torch.randn(5, generator=other).tolist() == expected
    assert isinstance(torch.default_generator, torch.Generator)


def test_discrete_draws_leave_the_stream_where_pytorch_leaves_it() -> None:
    torch.manual_seed(1)
    torch.poisson(torch.full((100,), 33.0))
    assert torch.rand(1).item() == POISSON_NEXT
    torch.manual_seed(1)
    torch.binomial(torch.full((100,), 1000.0), torch.full((100,), 0.01))
    assert torch.rand(1).item() == BINOMIAL_NEXT


@pytest.mark.parametrize("name", ["normal_", "uniform_", "exponential_", "bernoulli_", "random_"])
def test_what_is_drawn_over_gets_no_gradient(name: str) -> None:
    x = torch.ones(3, requires_grad=True)
    getattr(x * 2, name)().sum().backward()
    assert x.grad.tolist() == [0, 0, 0]
    with pytest.raises(RuntimeError, match="leaf Variable"):
        getattr(x, name)()


def test_means_and_deviations_get_no_gradient() -> None:
    mean, std = (torch.ones(3, requires_grad=True) for _ in range(2))
    for drawn in (torch.normal(mean, std), torch.normal(mean, 1.0), torch.normal(0.0, std)):
        drawn.sum().backward()
    assert mean.grad.tolist() == std.grad.tolist() == [0, 0, 0]


def test_dropout_scales_gradients_as_it_scales_values() -> None:
    x = torch.ones(1000, requires_grad=True)
    y = torch.nn.functional.dropout(x, 0.25)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()
    assert set(y.tolist()) == {0.0, 1.3333333730697632}
    torch.manual_seed(0)
    z = torch.nn.functional.alpha_dropout(torch.zeros(100_000), 0.3, True)
    assert abs(z.mean().item()) < 0.01  # zero is SELU's mean, and stays it


def test_rrelu_draws_for_negative_elements_only() -> None:
    # Recorded from torch.rrelu with seed 0.
    found = torch.rrelu(torch.tensor([-1.0, 1.0, -2.0]), 0.1, 0.3, True).tolist()
    assert found == pytest.approx([-0.29401060938835144, 1.0, -0.4831279516220093], abs=1e-7)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("replacement", [False, True])
def test_what_has_no_weight_is_never_drawn(dtype: str, replacement: bool):
    """Also where a tiny weight, by the race's number, is rounded to zero, or the sum overflows."""
    kind = getattr(torch, dtype)
    for weight in (6e-8, torch.finfo(kind).max):
        weights = torch.tensor([0.0] * 20 + [weight] * 20, dtype=kind)
        for _ in range(10):
            drawn = torch.multinomial(weights, 20, replacement)
            assert (drawn >= 20).all()
    assert torch.multinomial(weights, 1).item() >= 20


def test_a_sampler_of_exhausted_weights_raises():
    sampler = torch.utils.data.WeightedRandomSampler([0.0, 1.0, 0.0], 2, replacement=False)
    with pytest.raises(RuntimeError, match="only 1 weights above zero"):
        list(sampler)
