"""Gamma numbers: PyTorch's stream to the last bit, and their slope against mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import flambeau as torch
from flambeau.core.random.slope import dirichlet_slope, gamma_slope

ALPHA = [0.3, 1.0, 2.5, 10.0, 300.0]


def test_draws_are_those_of_pytorch() -> None:
    torch.manual_seed(1)
    assert torch._standard_gamma(torch.tensor(ALPHA)).tolist() == [
        *(0.8799756169319153, 1.4460558891296387, 3.693007469177246),
        *(12.030580520629883, 279.4554138183594),
    ]
    assert torch.rand(1).item() == 0.3397757411003113
    torch.manual_seed(1)
    torch.randn(1)  # leaves a normal number waiting
    assert torch._standard_gamma(torch.tensor(ALPHA, dtype=torch.float64)).tolist() == [
        *(0.5149526102267269, 0.36157372575776164, 1.9312139566603646),
        *(6.810768382887407, 290.0250198330937),
    ]


@pytest.mark.parametrize("alpha", [0.01, 0.5, 1.0, 3.0, 50.0, 300.0])
@pytest.mark.parametrize("quantile", [0.3, 0.9, 1.0, 1.2, 3.0])
def test_slope(alpha: float, quantile: float) -> None:
    x = alpha * quantile
    with mpmath.workdps(300):
        below = mpmath.diff(lambda a: mpmath.gammainc(a, 0, x, regularized=True), alpha)
        density = mpmath.mpf(x) ** (alpha - 1) * mpmath.exp(-x) / mpmath.gamma(alpha)
        want = float(-below / density)
        digamma = float(mpmath.digamma(alpha))
    got = gamma_slope(np.array(x), np.array(alpha), np.array(digamma))
    assert float(got) == pytest.approx(want, rel=1e-7)


@pytest.mark.parametrize("alpha", [0.01, 0.3, 2.0, 20.0])
@pytest.mark.parametrize("beta", [0.02, 1.0, 3.0, 500.0])
@pytest.mark.parametrize("place", [0.3, 0.9, 1.0, 1.05])
def test_slope_of_parts(alpha: float, beta: float, place: float) -> None:
    total = alpha + beta
    x = alpha / total * place if alpha < beta else 1 - beta / total * place
    with mpmath.workdps(40):
        below = mpmath.diff(lambda a: mpmath.betainc(a, beta, 0, x, regularized=True), alpha)
        density = mpmath.mpf(x) ** (alpha - 1) * (1 - mpmath.mpf(x)) ** (beta - 1)
        want = float(-below / density * mpmath.beta(alpha, beta) / (1 - x))
        mean = float(mpmath.digamma(alpha) - mpmath.digamma(total))
    got = dirichlet_slope(*map(np.array, (x, alpha, total, mean)))
    assert float(got) == pytest.approx(want, rel=1e-6)


def test_points_on_the_simplex() -> None:
    """The values are PyTorch's; of its gradient (-0.8589, 0.0675, 2.6474) an approximation."""
    alpha = torch.tensor([2.0, 3.0, 0.5], requires_grad=True)
    torch.manual_seed(0)
    x = torch._sample_dirichlet(alpha.expand(5, 3))
    assert x[0].tolist() == pytest.approx([0.6562, 0.3193, 0.0245], abs=1e-4)
    (x * torch.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert alpha.grad is not None
    assert alpha.grad.tolist() == pytest.approx([-0.8588, 0.0674, 2.6474], abs=1e-4)
    y = torch._sample_dirichlet(alpha)
    (g,) = torch.autograd.grad(y[0], alpha, create_graph=True)
    with pytest.raises(NotImplementedError, match="differentiated once"):
        g.sum().backward()
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        torch._sample_dirichlet(torch.ones(2).long())


def test_gradient_and_refusals() -> None:
    a = torch.tensor([2.0, 3.0], dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    x = torch._standard_gamma(a)
    (g,) = torch.autograd.grad(x.sum(), a)
    want = gamma_slope(x.detach().numpy(), a.detach().numpy(), torch.digamma(a).detach().numpy())
    np.testing.assert_allclose(g.numpy(), want)
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        torch._standard_gamma(torch.ones(2).long())
    with pytest.raises(RuntimeError, match="must not be negative"):
        torch._standard_gamma(-torch.ones(2))
