"""Gamma numbers: PyTorch's stream to the last bit, and their slope against mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import flambeau as torch
from flambeau.core.random.draws_gamma import gamma_slope

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
