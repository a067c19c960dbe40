"""What distributions refuse, in PyTorch's words, and what they do not have."""

from __future__ import annotations

import pytest

import flambeau as torch

D = torch.distributions
tensor = torch.tensor

REFUSED = {
    "scale": (
        lambda: D.Normal(0.0, -1.0),
        "Expected parameter scale (Tensor of shape ()) of distribution Normal(loc: 0.0, scale: -1.0) to "
        "satisfy the constraint GreaterThan(lower_bound=0.0), but found invalid values:\n-1.0",
    ),
    "probs": (
        lambda: D.Categorical(tensor([-1.0, 2.0])),
        "Expected parameter probs (Tensor of shape (2,)) of distribution Categorical(probs: torch.Size([2]"
        ")) to satisfy the constraint Simplex(), but found invalid values:\ntensor([-1.,  2.])",
    ),
    "low": (
        lambda: D.Uniform(1.0, 0.0),
        "Expected parameter low (Tensor of shape ()) of distribution Uniform(low: 1.0, high: 0.0) to "
        "satisfy the constraint LessThan(upper_bound=0.0), but found invalid values:\n1.0",
    ),
    "value": (
        lambda: D.Bernoulli(0.5).log_prob(tensor(2.0)),
        "Expected value argument (Tensor of shape ()) to be within the support (Boolean()) of the "
        "distribution Bernoulli(probs: 0.5), but found invalid values:\n2.0",
    ),
    "category": (
        lambda: D.Categorical(torch.ones(3)).log_prob(tensor(5)),
        "Expected value argument (Tensor of shape ()) to be within the support (IntegerInterval(lower_bound"
        "=0, upper_bound=2)) of the distribution Categorical(probs: torch.Size([3])), but found invalid "
        "values:\n5",
    ),
    "both": (
        lambda: D.Bernoulli(probs=0.5, logits=1.0),
        "Either `probs` or `logits` must be specified, but not both.",
    ),
    "0-d": (
        lambda: D.Categorical(tensor(1.0)),
        "`probs` parameter must be at least one-dimensional.",
    ),
    "no tensor": (
        lambda: D.Normal(0.0, 1.0).log_prob(1.0),
        "The value argument to log_prob must be a Tensor",
    ),
    "shape": (
        lambda: D.Normal(torch.zeros(2), 1.0).log_prob(torch.zeros(3)),
        "Value is not broadcastable with batch_shape+event_shape: torch.Size([3]) vs torch.Size([2]).",
    ),
    "event": (
        lambda: D.Dirichlet(torch.ones(3)).log_prob(torch.ones(2)),
        "The right-most size of value must match event_shape: torch.Size([2]) vs torch.Size([3]).",
    ),
    "matrix": (
        lambda: D.MultivariateNormal(torch.zeros(2)),
        "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.",
    ),
    "dimensions": (
        lambda: D.Independent(D.Normal(0.0, 1.0), 1),
        "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual 1 vs 0",
    ),
    "components": (
        lambda: D.MixtureSameFamily(
            D.Categorical(torch.ones(2)), D.Normal(torch.zeros(3), torch.ones(3))
        ),
        "`mixture_distribution component` (2) does not equal `component_distribution.batch_shape[-1]` (3)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, words = REFUSED[name]
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == words


def test_validation_can_be_turned_off() -> None:
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1.0
    assert D.Bernoulli(0.5, validate_args=False).log_prob(tensor(2.0)).isfinite()
    D.Distribution.set_default_validate_args(False)
    try:
        assert D.Normal(0.0, -1.0).scale.item() == -1.0
    finally:
        D.Distribution.set_default_validate_args(True)


def test_what_families_do_not_have() -> None:
    with pytest.raises(NotImplementedError):
        D.Poisson(1.0).rsample()
    with pytest.raises(NotImplementedError):
        D.Distribution().sample()
    with pytest.raises(NotImplementedError, match="for p type Gumbel and q type Poisson"):
        D.kl_divergence(D.Gumbel(0.0, 1.0), D.Poisson(1.0))
    with pytest.raises(NotImplementedError, match="different transforms"):
        D.kl_divergence(D.Weibull(1.0, 1.0), D.Pareto(1.0, 1.0))


def test_divergences_can_be_added() -> None:
    class Mine(D.Normal):
        pass

    @D.register_kl(Mine, D.Poisson)
    def rule(p, q):
        return "mine"

    assert D.kl_divergence(Mine(0.0, 1.0), D.Poisson(1.0)) == "mine"
    assert D.kl_divergence(Mine(0.0, 1.0), D.Normal(0.0, 1.0)).item() == 0.0
    with pytest.raises(TypeError, match="Expected a class of distributions"):
        D.register_kl(3, D.Normal)


def test_draws_have_no_history_and_rsample_has() -> None:
    scale = torch.ones(2, requires_grad=True)
    dist = D.Normal(torch.zeros(2), scale)
    assert not dist.sample((3,)).requires_grad
    drawn = dist.rsample((3,))
    assert drawn.shape == (3, 2)
    assert drawn.requires_grad
    assert dist.expand((4, 2)).sample().shape == (4, 2)


def test_moments_of_gamma_draws_move_with_the_concentration() -> None:
    a = tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    D.Gamma(a.expand(4000, 2), tensor(1.0).double()).rsample().mean(0).sum().backward()
    # the mean is a itself, so its slope is one
    assert a.grad.tolist() == pytest.approx([1.0, 1.0], rel=0.1)
    b = tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    D.Dirichlet(b.expand(4000, 3)).rsample()[:, 0].mean().backward()
    # the mean of the first is 1/6, its slopes 5/36, -1/36, -1/36
    assert b.grad.tolist() == pytest.approx([5 / 36, -1 / 36, -1 / 36], abs=0.02)
