"""Every distribution against recorded answers: densities, moments, draws, and their gradients."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import flambeau as torch

DATA = Path(__file__).parent.parent / "data" / "distributions.json"
LAST = [[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]


def matrix(t):
    a = t.tensor([[1.0, 0.2], [0.5, 2.0]], dtype=t.float64)
    return a @ a.mT


def build(t, name):
    """A distribution, its parameters that want gradients, and values in its support."""
    d = t.distributions

    def p(*values):
        return t.tensor(values, dtype=t.float64, requires_grad=True)

    a, b, prob = p(0.5, 1.5, 2.5), p(1.2, 0.7, 3.0), p(0.2, 0.5, 0.9)
    rows = t.tensor(LAST, dtype=t.float64, requires_grad=True)
    positive, whole = p(0.3, 1.1, 4.0).detach(), p(0.0, 2.0, 3.0).detach()
    inside, bits = p(0.1, 0.5, 0.8).detach(), p(0.0, 1.0, 1.0).detach()
    table = {
        "Normal": lambda: (d.Normal(a, b), [a, b], positive),
        "LogNormal": lambda: (d.LogNormal(a, b), [a, b], positive),
        "HalfNormal": lambda: (d.HalfNormal(b), [b], positive),
        "HalfCauchy": lambda: (d.HalfCauchy(b), [b], positive),
        "Laplace": lambda: (d.Laplace(a, b), [a, b], positive),
        "Cauchy": lambda: (d.Cauchy(a, b), [a, b], positive),
        "Uniform": lambda: (d.Uniform(-a, a + b), [a, b], inside),
        "Exponential": lambda: (d.Exponential(a), [a], positive),
        "Gamma": lambda: (d.Gamma(a, b), [a, b], positive),
        "InverseGamma": lambda: (d.InverseGamma(a + 2, b), [a, b], positive),
        "Chi2": lambda: (d.Chi2(a), [a], positive),
        "StudentT": lambda: (d.StudentT(a + 2, a, b), [a, b], positive),
        "Beta": lambda: (d.Beta(a + 1, b + 1), [a, b], inside),
        "Dirichlet": lambda: (d.Dirichlet(a + 1), [a], t.tensor(LAST, dtype=t.float64)),
        "Gumbel": lambda: (d.Gumbel(a, b), [a, b], positive),
        "Pareto": lambda: (d.Pareto(a / 10, b + 2), [a, b], positive),
        "Weibull": lambda: (d.Weibull(a, b + 1), [a, b], positive),
        "LogisticNormal": lambda: (
            d.LogisticNormal(a[:2], b[:2]),
            [a, b],
            t.tensor(LAST, dtype=t.float64),
        ),
        "Bernoulli": lambda: (d.Bernoulli(prob), [prob], bits),
        "Bernoulli logits": lambda: (d.Bernoulli(logits=a), [a], bits),
        "Geometric": lambda: (d.Geometric(prob), [prob], whole),
        "Poisson": lambda: (d.Poisson(a), [a], whole),
        "Binomial": lambda: (d.Binomial(4, prob), [prob], whole),
        "NegativeBinomial": lambda: (d.NegativeBinomial(a, prob / 2), [a, prob], whole),
        "Categorical": lambda: (d.Categorical(rows), [rows], t.tensor([0, 2])),
        "Categorical logits": lambda: (d.Categorical(logits=rows), [rows], t.tensor([1, 2])),
        "OneHotCategorical": lambda: (
            d.OneHotCategorical(rows),
            [rows],
            t.eye(3, dtype=t.float64)[:2],
        ),
        "Multinomial": lambda: (
            d.Multinomial(4, rows),
            [rows],
            t.tensor([[1.0, 2, 1], [4, 0, 0]], dtype=t.float64),
        ),
        "MultivariateNormal": lambda: (
            d.MultivariateNormal(a[:2], matrix(t)),
            [a],
            t.tensor([[0.1, 0.2]], dtype=t.float64),
        ),
        "MultivariateNormal precision": lambda: (
            d.MultivariateNormal(a[:2], precision_matrix=matrix(t)),
            [a],
            t.tensor([0.1, 0.2], dtype=t.float64),
        ),
        "MultivariateNormal tril": lambda: (
            d.MultivariateNormal(a[:2].expand(3, 2), scale_tril=t.linalg.cholesky(matrix(t))),
            [a],
            t.tensor([0.1, 0.2], dtype=t.float64),
        ),
        "Independent": lambda: (d.Independent(d.Normal(a, b), 1), [a, b], positive),
        "Transformed": lambda: (
            d.TransformedDistribution(
                d.Normal(a, b), [d.AffineTransform(1.0, -2.0), d.SigmoidTransform()]
            ),
            [a, b],
            inside,
        ),
        "Mixture": lambda: (
            d.MixtureSameFamily(d.Categorical(prob), d.Normal(a, b)),
            [prob, a, b],
            t.tensor([0.3, 2.0], dtype=t.float64),
        ),
        "RelaxedBernoulli": lambda: (
            d.RelaxedBernoulli(t.tensor(0.7, dtype=t.float64), prob),
            [prob],
            inside,
        ),
        "RelaxedOneHotCategorical": lambda: (
            d.RelaxedOneHotCategorical(t.tensor(0.7, dtype=t.float64), rows),
            [rows],
            t.tensor(LAST, dtype=t.float64),
        ),
        "VonMises": lambda: (d.VonMises(a, b), [a, b], inside),
        "ContinuousBernoulli": lambda: (d.ContinuousBernoulli(prob), [prob], inside),
        "ContinuousBernoulli logits": lambda: (
            d.ContinuousBernoulli(logits=a - 1.5001),
            [a],
            inside,
        ),
        "FisherSnedecor": lambda: (d.FisherSnedecor(a + 2, b + 3), [a, b], positive),
        "Kumaraswamy": lambda: (d.Kumaraswamy(prob, b), [prob, b], inside),
        "LowRankMultivariateNormal": lambda: (
            d.LowRankMultivariateNormal(a, rows.mT, b),
            [a, rows, b],
            t.tensor([0.1, 0.2, 0.7], dtype=t.float64),
        ),
        "LKJCholesky": lambda: (
            d.LKJCholesky(2, a),
            [a],
            t.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=t.float64),
        ),
    }
    return table[name]() if name is not None else list(table)


NAMES = build(torch, None)
DRAWN_ELSEWHERE = {"Poisson", "Binomial", "NegativeBinomial", "Bernoulli"}
"""Their draws are those of torch.poisson, torch.binomial and torch.bernoulli, and tested there."""

OTHER_PATHS = {"Beta", "Dirichlet"}
"""Their draws move with the parameters along another path than PyTorch's: through gamma numbers."""


def answers(t, name):
    """What there is to know of a distribution; a part that it does not have is left out."""
    dist, params, value = build(t, name)
    found = {}

    def note(key, make):
        try:
            result = make()
        except (NotImplementedError, AttributeError):
            return
        found[key] = np.asarray(result.detach().numpy(), np.float64).tolist()

    density = dist.log_prob(value)
    found["log_prob"] = density.detach().tolist()
    grads = t.autograd.grad(density.sum(), params, retain_graph=True, allow_unused=True)
    found["gradients"] = [[] if g is None else g.tolist() for g in grads]
    for key in ("mean", "variance", "stddev", "mode"):
        note(key, lambda key=key: getattr(dist, key))
    note("entropy", dist.entropy)
    if name not in ("Gamma", "InverseGamma", "Chi2"):
        note("cdf", lambda: dist.cdf(value))
    note("icdf", lambda: dist.icdf(t.tensor([0.1, 0.4, 0.9], dtype=t.float64)))
    note("wider", lambda: dist.expand((2, *dist.batch_shape)).log_prob(value))
    if name not in DRAWN_ELSEWHERE:
        t.manual_seed(1)
        note("sample", lambda: dist.sample((2,)))
    if dist.has_rsample and name not in OTHER_PATHS:
        t.manual_seed(1)
        drawn = dist.rsample((2,))
        moves = t.autograd.grad((drawn * drawn).sum(), params, allow_unused=True)
        found["moves"] = [[] if g is None else g.tolist() for g in moves]
    found["shapes"] = [list(dist.batch_shape), list(dist.event_shape)]
    found["repr"] = repr(dist)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_as_recorded(name: str) -> None:
    want = json.loads(DATA.read_text())[name]
    got = answers(torch, name)
    assert sorted(got) == sorted(want)
    if torch.get_default_device().type != "cpu":  # a GPU draws others: tests/on_cuda/test_draws.py
        want = {key: value for key, value in want.items() if key not in ("sample", "moves")}
    for key, value in want.items():
        if key in ("shapes", "repr"):
            assert got[key] == value
            continue
        parts = zip(got[key], value) if key in ("gradients", "moves") else [(got[key], value)]
        for a, b in parts:
            # PyTorch's own gradient of gamma numbers is an approximation
            near = (
                1e-3
                if key == "moves"
                and name in ("Gamma", "InverseGamma", "Chi2", "StudentT", "FisherSnedecor")
                else 1e-6
            )
            np.testing.assert_allclose(a, b, rtol=near, atol=1e-7, err_msg=key)


@pytest.mark.parametrize("name", [n for n in NAMES if build(torch, n)[0].has_enumerate_support])
def test_probabilities_of_all_values_sum_to_one(name: str) -> None:
    dist = build(torch, name)[0]
    total = dist.log_prob(dist.enumerate_support()).exp().sum(0)
    np.testing.assert_allclose(total.detach().numpy(), 1.0, rtol=1e-9)


D = torch.distributions


@pytest.mark.parametrize(
    ("p", "q", "want"),
    [
        ("Normal(0.5, 1.2)", "Normal(1.5, 0.7)", 1.4508),
        ("LogNormal(0.5, 1.2)", "LogNormal(1.5, 0.7)", 1.4508),
        ("HalfNormal(1.2)", "HalfNormal(0.7)", 0.430391),
        ("Laplace(0.5, 1.2)", "Laplace(1.5, 0.7)", 0.6346),
        ("Cauchy(0.5, 1.2)", "Cauchy(1.5, 0.7)", 0.316287),
        ("Uniform(0.5, 1.2)", "Uniform(0.2, 1.7)", 0.76214),
        ("Uniform(0.5, 1.2)", "Uniform(0.7, 1.7)", math.inf),
        ("Exponential(0.5)", "Exponential(1.2)", 0.524531),
        ("Gamma(0.5, 1.2)", "Gamma(1.5, 0.7)", 1.87053),
        ("Beta(0.5, 1.2)", "Beta(1.5, 0.7)", 1.3836),
        ("Gumbel(0.5, 1.2)", "Gumbel(1.5, 0.7)", 3.96438),
        ("Pareto(0.9, 1.2)", "Pareto(0.5, 0.7)", 0.533781),
        ("Bernoulli(0.3)", "Bernoulli(0.8)", 0.582685),
        ("Bernoulli(0.0)", "Bernoulli(1.0)", math.inf),
        ("Geometric(0.3)", "Geometric(0.8)", 1.94228),
        ("Poisson(0.3)", "Poisson(0.8)", 0.205751),
        ("Binomial(3, torch.tensor(0.3))", "Binomial(3, torch.tensor(0.8))", 1.74806),
        (
            "Categorical(torch.tensor([0.3, 0.7]))",
            "Categorical(torch.tensor([0.6, 0.4]))",
            0.183787,
        ),
        ("Dirichlet(torch.tensor([0.3, 0.7]))", "Dirichlet(torch.tensor([0.6, 0.4]))", 0.522997),
        ("Normal(0.5, 1.2)", "Laplace(1.5, 0.7)", 0.552258),
        ("Uniform(0.5, 1.2)", "Normal(1.5, 0.7)", 1.39173),
        ("Exponential(0.5)", "Gamma(1.5, 0.7)", 0.0631173),
        ("Exponential(0.5)", "Normal(1.5, 0.7)", 3.20585),
        ("Normal(0.5, 1.2)", "Gamma(1.5, 0.7)", math.inf),
        (
            "Independent(D.Normal(torch.zeros(2), 1.0), 1)",
            "Independent(D.Normal(torch.ones(2), 2.0), 1)",
            0.886294,
        ),
        (
            "MultivariateNormal(torch.zeros(2), torch.eye(2))",
            "MultivariateNormal(torch.ones(2), torch.tensor([[2.0, 0.5], [0.5, 1.0]]))",
            0.708379,
        ),
    ],
)
def test_divergences(p: str, q: str, want: float) -> None:
    scope = {"D": D, "torch": torch}
    left, right = (eval("D." + text, scope) for text in (p, q))
    assert D.kl_divergence(left, right).item() == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize(
    ("family", "at", "wanted"),
    [
        ("Normal", -9.0, 1.1285884059538408e-19),
        ("Normal", -37.0, 5.725571222524577e-300),
        ("Laplace", -40.0, 2.124177109574481e-18),
        ("Cauchy", -1e20, 3.183098861837907e-21),
        ("Exponential", 1e-20, 1e-20),
    ],
)
def test_the_tail_of_a_distribution(family, at, wanted):
    x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    given = (1.0,) if family == "Exponential" else (0.0, 1.0)
    law = getattr(torch.distributions, family)(*torch.tensor(given, dtype=torch.float64))
    value = law.cdf(x)
    assert value.item() == pytest.approx(wanted, rel=1e-13)
    (slope,) = torch.autograd.grad(value, x)
    assert slope.item() == pytest.approx(law.log_prob(x).exp().item(), rel=1e-12)


def test_the_quantile_of_a_tail():
    law = torch.distributions.Normal(0.0, 1.0)
    at = torch.tensor([1e-30, 0.5], dtype=torch.float64)
    assert law.icdf(at).tolist() == pytest.approx([-11.464024988478624, 0.0])
    assert law.icdf(torch.tensor(0.25, dtype=torch.float16)).dtype == torch.float16


def test_gamma_numbers_come_from_a_generator_that_is_given() -> None:
    """PyTorch 2.14.1's numbers."""
    draw = lambda d, *a, **k: d(*a, generator=torch.Generator().manual_seed(3), **k)  # noqa: E731
    gamma = torch.distributions.Gamma(torch.ones(2), 1.0)
    before = torch.get_rng_state()
    for drawn in (draw(gamma.sample, (2,)), draw(gamma.rsample, (2,))):
        wanted = torch.tensor([[1.5611, 0.8198], [0.7051, 0.0573]])
        assert torch.allclose(drawn, wanted, atol=1e-4)
    chi = draw(torch.distributions.Chi2(torch.ones(2)).sample)
    assert torch.allclose(chi, torch.tensor([1.4755, 0.4878]), atol=1e-4)
    assert torch.equal(before, torch.get_rng_state())
