"""The Kullback-Leibler divergence of two distributions, by their classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import flambeau as torch

from ..core.tensor import Tensor
from .bernoulli import Bernoulli, Geometric
from .binomial import Binomial
from .categorical import Categorical, OneHotCategorical
from .cauchy import Cauchy
from .dirichlet import Beta, Dirichlet
from .distribution import Distribution
from .exponential import Exponential
from .gamma import Gamma
from .independent import Independent
from .laplace import Laplace
from .normal import Normal
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .transformed_family import Gumbel, HalfNormal, LogNormal, Pareto
from .uniform import Uniform
from .utils import EULER, sum_rightmost

_KL_REGISTRY: dict[tuple[type, type], Callable] = {}


def register_kl(type_p: type, type_q: type) -> Callable:
    """Decorator: the divergence of distributions of two classes (and of their subclasses).

    Source: torch.distributions.register_kl
    """
    for kind in (type_p, type_q):
        if not isinstance(kind, type):  # libraries register their own base classes, too
            raise TypeError(f"Expected a class of distributions but got {kind!r}")

    def register(rule: Callable) -> Callable:
        _KL_REGISTRY[type_p, type_q] = rule
        return rule

    return register


def _dispatch_kl(p: type, q: type) -> Callable | None:
    """The rule of the nearest classes."""
    for a in p.__mro__:
        for b in q.__mro__:
            if (a, b) in _KL_REGISTRY:
                return _KL_REGISTRY[a, b]
    return None


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q): the expected logarithm of p/q under p.

    Args:
        p: A distribution.
        q: Another.

    Raises:
        NotImplementedError: No rule is registered for their classes.

    Source: torch.distributions.kl_divergence

    Example:
        >>> import flambeau as torch
        >>> D = torch.distributions
        >>> D.kl_divergence(D.Normal(0., 1.), D.Normal(1., 1.))
        tensor(0.5000)
    """
    rule = _dispatch_kl(type(p), type(q))
    if rule is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}: "
            "add one with register_kl"
        )
    return rule(p, q)


def never(p: Any, q: Any) -> Tensor:
    """The divergence where p is possible and q is not."""
    like = next((v for v in p.__dict__.values() if isinstance(v, Tensor)), None)
    like = p.mean if like is None else like
    return like.new_full(p.batch_shape, math.inf)


@register_kl(Bernoulli, Bernoulli)
def _(p: Bernoulli, q: Bernoulli) -> Tensor:
    softplus = torch.nn.functional.softplus
    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    one = one.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0)
    zero = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    return one + zero.masked_fill(q.probs == 1, math.inf).masked_fill(p.probs == 1, 0)


@register_kl(Binomial, Binomial)
def _(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    gap = p.total_count * (
        p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    )
    return gap.masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Categorical, Categorical)
def _(p: Categorical, q: Categorical) -> Tensor:
    gap = p.probs * (p.logits - q.logits)
    gap = gap.masked_fill((q.probs == 0).expand(gap.shape), math.inf)
    return gap.masked_fill((p.probs == 0).expand(gap.shape), 0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return kl_divergence(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - torch.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Normal, Normal)
def _(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    shift = ((p.loc - q.loc) / q.scale).square()
    return 0.5 * (ratio + shift - 1 - ratio.log())


@register_kl(LogNormal, LogNormal)
@register_kl(HalfNormal, HalfNormal)
def _(p: Any, q: Any) -> Tensor:
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _(p: Laplace, q: Laplace) -> Tensor:
    ratio = p.scale / q.scale
    distance = (p.loc - q.loc).abs()
    share = distance / q.scale
    return -ratio.log() + share + ratio * torch.exp(-distance / p.scale) - 1


@register_kl(Cauchy, Cauchy)
def _(p: Cauchy, q: Cauchy) -> Tensor:
    above = ((p.scale + q.scale).square() + (p.loc - q.loc).square()).log()
    return above - (4 * p.scale * q.scale).log()


@register_kl(Uniform, Uniform)
def _(p: Uniform, q: Uniform) -> Tensor:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return result.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(Exponential, Exponential)
def _(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Gamma, Gamma)
def _(p: Gamma, q: Gamma) -> Tensor:
    return (
        q.concentration * (p.rate / q.rate).log()
        + torch.lgamma(q.concentration)
        - torch.lgamma(p.concentration)
        + (p.concentration - q.concentration) * torch.digamma(p.concentration)
        + (q.rate - p.rate) * (p.concentration / p.rate)
    )


@register_kl(Gumbel, Gumbel)
def _(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    here, there = p.loc / q.scale, q.loc / q.scale
    ends = -ratio.log() - there + here
    return ends + ratio * EULER + torch.exp(there + (1 + ratio).lgamma() - here) - (1 + EULER)


@register_kl(Pareto, Pareto)
def _(p: Pareto, q: Pareto) -> Tensor:
    ratio = p.alpha / q.alpha
    result = q.alpha * (p.scale / q.scale).log() + ratio.log() + 1 / ratio - 1
    return result.masked_fill(p.scale < q.scale, math.inf)


@register_kl(Beta, Beta)
def _(p: Beta, q: Beta) -> Tensor:
    return kl_divergence(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    result = torch.lgamma(total) - torch.lgamma(b.sum(-1))
    result = result - (torch.lgamma(a) - torch.lgamma(b)).sum(-1)
    slope = torch.digamma(a) - torch.digamma(total)[..., None]
    return result + ((a - b) * slope).sum(-1)


@register_kl(Normal, Laplace)
def _(p: Normal, q: Laplace) -> Tensor:
    gap = p.loc - q.loc
    ratio = p.scale / q.scale
    near = gap / p.scale
    spread = math.sqrt(2 / math.pi) * p.scale * torch.exp(-0.5 * near.square())
    distance = spread + gap * torch.erf(math.sqrt(0.5) * near)
    return -ratio.log() + distance / q.scale - 0.5 - 0.5 * math.log(0.5 * math.pi)


@register_kl(Uniform, Normal)
def _(p: Uniform, q: Normal) -> Tensor:
    width = p.high - p.low
    middle = ((p.high + p.low - 2 * q.loc) / 2).square()
    spread = (width.square() / 12 + middle) / (2 * q.scale.square())
    return (math.sqrt(2 * math.pi) * q.scale / width).log() + spread


@register_kl(Exponential, Gamma)
def _(p: Exponential, q: Gamma) -> Tensor:
    ratio = q.rate / p.rate
    return (
        -q.concentration * ratio.log()
        + ratio
        + torch.lgamma(q.concentration)
        + q.concentration * EULER
        - (1 + EULER)
    )


@register_kl(Exponential, Normal)
def _(p: Exponential, q: Normal) -> Tensor:
    mean = p.rate.reciprocal()
    square = 2 * mean.square() - 2 * mean * q.loc + q.loc.square()
    return (
        p.rate.log()
        - 1
        + 0.5 * (2 * math.pi * q.scale.square()).log()
        + square / (2 * q.scale.square())
    )


@register_kl(Independent, Independent)
def _(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError(
            "KL between Independents of different reinterpreted_batch_ndims is not implemented"
        )
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError(
            "KL between distributions of different transforms is not implemented"
        )
    return kl_divergence(p.base_dist, q.base_dist)
