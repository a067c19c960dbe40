"""Distributions where PyTorch's own answers are missing or wrong, against SciPy 1.17 and their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

import flambeau as torch

D = torch.distributions


def t(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


# scipy.stats.genpareto(k, loc, scale): logpdf and cdf at a value, ppf(0.1), mean, var, entropy. (PyTorch 2.13
# mixes dtypes there in float64, and has nan for the infinite variance.)
PARETO = {
    (0.5, 0.0, 1.0, 0.3): (
        -0.6056350836,
        0.3724131061,
        0.1070433248,
        1.428571429,
        5.102040816,
        1.3,
    ),
    (1.0, 0.1, 2.0, -0.4): (
        *(-0.9908235886, 0.3911159033, 0.3063424224, 1.5285714286, 1.1337868481),
        1.2931471806,
    ),
    (0.7, 0.2, 0.5, 0.0): (-0.3068528194, 0.6321205586, 0.2526802578, 0.7, 0.25, 0.3068528194),
    (2.0, 0.0, 1.0, 0.7): (-2.1261383622, 0.713686989, 0.1093431130, 3.3333333333, math.inf, 1.7),
}


@pytest.mark.parametrize("given", PARETO)
def test_generalised_pareto(given: tuple[float, ...]) -> None:
    x, loc, scale, k = map(t, given)
    dist = D.GeneralizedPareto(loc, scale, k)
    found = (
        *(dist.log_prob(x), dist.cdf(x), dist.icdf(t(0.1)), dist.mean, dist.variance),
        dist.entropy(),
    )
    np.testing.assert_allclose([v.item() for v in found], PARETO[given], rtol=1e-8)
    assert dist.cdf(dist.icdf(t(0.3))).item() == pytest.approx(0.3)
    assert dist.log_cdf(x).exp().item() == pytest.approx(dist.cdf(x).item())


def test_generalised_pareto_is_bounded_for_a_negative_concentration() -> None:
    dist = D.GeneralizedPareto(0.0, 1.0, -0.5)
    assert dist.support.check(torch.tensor([1.9, 2.1, -0.1])).tolist() == [True, False, False]
    with pytest.raises(ValueError, match="to be within the support"):
        dist.log_prob(torch.tensor(2.5))


def test_von_mises_is_exact() -> None:
    # scipy.stats.vonmises.logpdf; PyTorch's polynomials are 4e-10 off
    assert D.VonMises(t(0.0), t(2.0)).log_prob(t(0.5)).item() == pytest.approx(
        -0.906705484111556, rel=1e-13
    )
    assert D.VonMises(t(-2.0), t(30.0)).log_prob(t(3.0)).item() == pytest.approx(
        -20.712712935684497, rel=1e-13
    )
    # Far beyond where I0 overflows: the density at the mode is sqrt(k / 2 pi) in the limit.
    wide = D.VonMises(t(0.0), t(1e6)).log_prob(t(0.0)).item()
    assert wide == pytest.approx(0.5 * math.log(1e6 / (2 * math.pi)), rel=1e-6)


def test_kumaraswamy_has_a_mode() -> None:  # PyTorch 2.13 gives nan everywhere
    mode = D.Kumaraswamy(t(2.0, 0.5), t(3.0, 0.7)).mode
    assert mode[0].item() == pytest.approx(5**-0.5)  # where the derivative of x (1 - x^2)^2 is 0
    assert math.isnan(mode[1])


SCALE = torch.tensor([[1.04, 0.9], [0.9, 4.25]], dtype=torch.float64)


@pytest.mark.parametrize(
    "given",
    [
        {"covariance_matrix": SCALE},
        {"scale_tril": torch.linalg.cholesky(SCALE)},
        {"precision_matrix": torch.linalg.inv(SCALE)},
    ],
    ids=lambda given: next(iter(given)),
)
def test_wishart(given: dict[str, torch.Tensor]) -> None:
    dist = D.Wishart(3.0, **given)
    assert dist.log_prob(2 * SCALE).item() == pytest.approx(
        -6.456585905486475
    )  # scipy.stats.wishart
    assert dist.entropy().item() == pytest.approx(7.456585905486475)
    np.testing.assert_allclose(dist.mean.numpy(), 3 * SCALE.numpy())
    spread = SCALE.diagonal().numpy()
    np.testing.assert_allclose(
        dist.variance.numpy(), 3 * (SCALE.numpy() ** 2 + np.outer(spread, spread))
    )
    np.testing.assert_allclose(dist.covariance_matrix.numpy(), SCALE.numpy())
    np.testing.assert_allclose(dist.precision_matrix.numpy(), np.linalg.inv(SCALE.numpy()))
    np.testing.assert_allclose(dist.scale_tril.numpy(), np.linalg.cholesky(SCALE.numpy()))
    assert dist.expand((4,)).log_prob(2 * SCALE).shape == (4,)


def test_wishart_refuses() -> None:
    with pytest.raises(ValueError, match="greater than ndim - 1 = 1"):
        D.Wishart(1.0, SCALE)
    with pytest.raises(ValueError, match="Exactly one of"):
        D.Wishart(3.0, SCALE, SCALE)


def dists() -> dict[str, D.Distribution]:
    return {
        "VonMises": D.VonMises(t(0.5), t(2.0)),
        "GeneralizedPareto": D.GeneralizedPareto(t(0.1), t(1.0), t(0.1)),
        "ContinuousBernoulli": D.ContinuousBernoulli(t(0.2)),
        "FisherSnedecor": D.FisherSnedecor(t(6.0), t(12.0)),
        "Kumaraswamy": D.Kumaraswamy(t(2.0), t(3.0)),
        "LowRankMultivariateNormal": D.LowRankMultivariateNormal(
            t(0.0, 1.0), t(1.0, 0.5)[:, None], t(0.5, 0.2)
        ),
        "Wishart": D.Wishart(t(4.0)[0], SCALE),
    }


@pytest.mark.parametrize("name", dists())
def test_draws_have_the_moments(name: str) -> None:
    torch.manual_seed(3)
    dist, count = dists()[name], 20_000
    drawn = dist.sample((count,)).numpy()
    if name == "VonMises":  # the mean direction, and the mean length
        mean = np.exp(1j * drawn).mean(0)
        assert np.angle(mean) == pytest.approx(0.5, abs=0.03)
        assert 1 - abs(mean) == pytest.approx(dist.variance.item(), abs=0.02)
        return
    error = 5 * np.sqrt(dist.variance.numpy() / count)
    assert (np.abs(drawn.mean(0) - dist.mean.numpy()) < error).all()
    np.testing.assert_allclose(drawn.var(0), dist.variance.numpy(), rtol=0.15)


def test_correlations_of_lkj() -> None:
    torch.manual_seed(0)
    dist = D.LKJCholesky(3, torch.tensor(2.0, dtype=torch.float64))
    drawn = dist.sample((20_000,))
    assert bool(D.constraints.corr_cholesky.check(drawn).all())
    correlations = (drawn @ drawn.mT).numpy()
    # Each correlation is a beta number on [-1, 1] of both parameters c + (n - 2) / 2.
    variance = 1 / (2 * 2.5 + 1)
    for i, j in ((1, 0), (2, 0), (2, 1)):
        assert correlations[:, i, j].mean() == pytest.approx(0, abs=0.02)
        assert correlations[:, i, j].var() == pytest.approx(variance, rel=0.06)
