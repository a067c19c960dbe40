"""Divergences of distributions of different families: minus p's entropy, minus the mean of log q under p.

That mean needs of p a few numbers only: its mean and variance, the mean of log x, or of exp(-t x).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import flambeau as torch

from ..core.tensor import Tensor
from .bernoulli import Bernoulli
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Beta
from .distribution import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .kl import never, register_kl
from .laplace import Laplace
from .lowrank_multivariate_normal import LowRankMultivariateNormal
from .multivariate_normal import MultivariateNormal, mahalanobis
from .normal import Normal
from .poisson import Poisson
from .transformed_family import Gumbel, Pareto
from .uniform import Uniform
from .utils import sum_rightmost

# ------------------------------------------------------------------- what is known of the first one


def _mean(p: Any) -> Tensor:
    return p.mean


def _entropy(p: Any) -> Tensor:
    return p.entropy()


def _log_x(p: Any) -> Tensor:
    """The mean of log x."""
    if isinstance(p, Beta):
        return torch.digamma(p.concentration1) - torch.digamma(p.concentration1 + p.concentration0)
    if isinstance(p, Pareto):
        return p.scale.log() + 1 / p.alpha
    return _log_between(p.low, p.high)


def _log_between(low: Tensor, high: Tensor) -> Tensor:
    """The mean of log x between two numbers."""
    return (torch.xlogy(high, high) - torch.xlogy(low, low)) / (high - low) - 1


def _decay(p: Any, t: Tensor) -> Tensor:
    """The mean of exp(-t x)."""
    if isinstance(p, Exponential):
        return p.rate / (p.rate + t)
    if isinstance(p, Gamma):
        return (1 + t / p.rate) ** -p.concentration
    if isinstance(p, Normal):
        return torch.exp(0.5 * (p.scale * t).square() - p.loc * t)
    return (torch.exp(-t * p.low) - torch.exp(-t * p.high)) / (t * (p.high - p.low))


# ----------------------------------------------------------- minus the mean of log q, by q's family


def _normal(p: Any, q: Normal) -> Tensor:
    squares = p.variance + (_mean(p) - q.loc).square()
    return 0.5 * (2 * math.pi * q.scale.square()).log() + squares / (2 * q.scale.square())


def _exponential(p: Any, q: Exponential) -> Tensor:
    return q.rate * _mean(p) - q.rate.log()


def _gamma(p: Any, q: Gamma) -> Tensor:
    a = q.concentration
    return torch.lgamma(a) - a * q.rate.log() - (a - 1) * _log_x(p) + q.rate * _mean(p)


def _gumbel(p: Any, q: Gumbel) -> Tensor:
    t = q.scale.reciprocal()
    return q.scale.log() + (_mean(p) - q.loc) * t + torch.exp(q.loc * t) * _decay(p, t)


def _uniform(p: Any, q: Uniform) -> Tensor:
    return (q.high - q.low).log()


def _continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    return -_mean(p) * q.logits - torch.log1p(-q.probs) - q._cont_bern_log_norm()


def _beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    normalizer = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
    return normalizer - (a - 1) * _log_x(p) - (b - 1) * _log_between(1 - p.high, 1 - p.low)


def _pareto(p: Uniform, q: Pareto) -> Tensor:
    return -q.alpha.log() - torch.xlogy(q.alpha, q.scale) + (q.alpha + 1) * _log_x(p)


def _poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return q.rate - torch.xlogy(p.probs, q.rate)


def _outside(p: Any, q: Any) -> Any:
    """Where p has numbers that q has not."""
    if isinstance(p, Uniform):
        low, high = p.low, p.high
    else:
        low, high = (torch.zeros_like(_mean(p)), torch.ones_like(_mean(p)))
    if isinstance(q, (Exponential, Gamma)):
        return low < 0
    if isinstance(q, Pareto):
        return low < q.scale
    if isinstance(q, Uniform):
        return (q.low > low) | (q.high < high)
    return (low < 0) | (high > 1)


_TOWARD: dict[type, Callable] = {
    Beta: _beta,
    ContinuousBernoulli: _continuous_bernoulli,
    Exponential: _exponential,
    Gamma: _gamma,
    Gumbel: _gumbel,
    Normal: _normal,
    Pareto: _pareto,
    Poisson: _poisson,
    Uniform: _uniform,
}
_PAIRS: dict[type, tuple[type, ...]] = {
    Bernoulli: (Poisson,),
    Beta: (ContinuousBernoulli, Exponential, Gamma, Normal),
    ContinuousBernoulli: (Exponential, Normal),
    Exponential: (Gumbel,),
    Gamma: (Exponential, Gumbel, Normal),
    Gumbel: (Normal,),
    Laplace: (Normal,),
    Normal: (Gumbel,),
    Pareto: (Exponential, Gamma, Normal),
    Uniform: (Gumbel,),
}
_BOUNDED: dict[type, tuple[type, ...]] = {
    Beta: (Uniform,),
    ContinuousBernoulli: (Uniform,),
    Uniform: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto),
}
_NEVER: dict[type, tuple[type, ...]] = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}


def _cross(toward: Callable, bounded: bool) -> Callable:
    def rule(p: Any, q: Any) -> Tensor:
        result = toward(p, q) - _entropy(p)
        if isinstance(p, Pareto):  # moments that are infinite
            result = result.masked_fill(p.alpha <= (2 if toward is _normal else 1), math.inf)
        return result.masked_fill(_outside(p, q), math.inf) if bounded else result

    return rule


for _pairs, _bounded in ((_PAIRS, False), (_BOUNDED, True)):
    for _p, _others in _pairs.items():
        for _q in _others:
            register_kl(_p, _q)(_cross(_TOWARD[_q], _bounded))
for _p, _others in _NEVER.items():
    for _q in _others:
        register_kl(_p, _q)(never)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    own = p._cont_bern_log_norm() + torch.log1p(-p.probs)
    return p.mean * (p.logits - q.logits) + own - torch.log1p(-q.probs) - q._cont_bern_log_norm()


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(MultivariateNormal, MultivariateNormal)
def _(p: Any, q: Any) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {type(p).__name__}s with different event shapes cannot be computed"
        )
    mine, other = (
        d.scale_tril if isinstance(d, LowRankMultivariateNormal) else d._unbroadcasted_scale_tril
        for d in (p, q)
    )
    spreads = [factor.diagonal(0, -2, -1).log().sum(-1) for factor in (other, mine)]
    inner = torch.linalg.solve_triangular(other, mine, upper=False).square().sum((-2, -1))
    shift = mahalanobis(other, q.loc - p.loc)
    return spreads[0] - spreads[1] + 0.5 * (inner + shift - p.event_shape[0])


@register_kl(ExponentialFamily, ExponentialFamily)
def _(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman "
            "divergences: add a rule with register_kl"
        )
    mine = [x.detach().requires_grad_() for x in p._natural_params]
    with torch.enable_grad():
        normalizer = p._log_normalizer(*mine)
    slopes: Any = torch.autograd.grad(normalizer.sum(), mine, create_graph=True)
    result: Any = q._log_normalizer(*q._natural_params) - normalizer
    for a, b, slope in zip(mine, q._natural_params, slopes):
        result = result - sum_rightmost((b - a) * slope, slope.ndim - len(q.batch_shape))
    return result
