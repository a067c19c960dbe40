"""How random numbers move with the parameters of their distribution, the probability below them held.

That is -dF/da / f(x) for the distribution function F, its parameter a and the density f: the implicit gradient
of a number that was drawn by rejection. dF/da is the integral of f(t) times the derivative of log f(t) over
t < x, or minus that over t > x; of the two tails the lighter one is taken, and a decay in s made of it.

Source: Figurnov, Mohamed and Mnih, Implicit reparameterization gradients (2018)
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

NODES = 20
PANELS = (0.0, 1e-3, 1e-2, 0.1, 1.0, 4.0, 12.0, 40.0)
"""Where the integral is cut, in units of the decay of what is integrated: that of a small shape parameter
has a short part at its start."""


class _Rule:
    """Points and weights for a decay of 1, computed on the host whatever the arrays are."""

    @cached_property
    def lists(self) -> tuple[list[float], list[float]]:
        node, weight = np.polynomial.legendre.leggauss(NODES)
        edges = np.array(PANELS)
        half = np.diff(edges) / 2
        points = (edges[:-1, None] + half[:, None] * (node + 1)).ravel()
        return points.tolist(), (half[:, None] * weight).ravel().tolist()


_RULE = _Rule()


def _panels(decay: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of the integral over s > 0, for each rate of decay (a last dimension of size 1)."""
    points, weights = _RULE.lists
    return np.array(points) / decay, np.array(weights) / decay


def gamma_slope(x: np.ndarray, alpha: np.ndarray, digamma: np.ndarray) -> np.ndarray:
    """How gamma numbers x move with their shape parameter.

    Args:
        x: The numbers.
        alpha: Their shape parameters.
        digamma: Its digamma function, the mean of log x.

    t = x exp(-s) or x exp(s).

    Source: torch._standard_gamma_grad
    """
    x, alpha, digamma = (a.astype(np.float64)[..., None] for a in (x, alpha, digamma))
    below = x < alpha
    sign = np.where(below, -1.0, 1.0)
    decay = np.maximum(np.abs(alpha - x), np.sqrt(x))
    points, weights = _panels(np.where(below & (alpha < 1), alpha, decay))
    with np.errstate(all="ignore"):
        exponent = sign * alpha * points - x * np.expm1(sign * points)
        inside = np.exp(exponent) * (np.log(x) + sign * points - digamma)
        tail = (weights * inside).sum(-1)
    return sign[..., 0] * x[..., 0] * tail


def dirichlet_slope(
    x: np.ndarray, alpha: np.ndarray, total: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    """How beta numbers x move with their first parameter, divided by 1 - x.

    Args:
        x: The numbers, of Beta(alpha, total - alpha).
        alpha: The first parameter.
        total: The sum of both.
        mean: The mean of log x: digamma(alpha) - digamma(total).

    logit(t) = logit(x) - s or + s: the two tails are the same for p = x, c = alpha and p = 1 - x,
    c = total - alpha.

    Source: torch._dirichlet_grad
    """
    x, alpha, total, mean = (a.astype(np.float64)[..., None] for a in (x, alpha, total, mean))
    below = x * total < alpha
    p, c = np.where(below, x, 1 - x), np.where(below, alpha, total - alpha)
    decay = np.minimum(c, np.maximum(c - total * p, np.sqrt(total * p * (1 - p))))
    points, weights = _panels(decay)
    with np.errstate(all="ignore"):
        shared = np.log1p(p * np.expm1(-points))
        logarithm = np.log(x) - np.where(below, points, 0.0) - shared
        inside = np.exp(-c * points - total * shared) * (logarithm - mean)
        tail = (weights * inside).sum(-1)
    return np.where(below, -x, x)[..., 0] * tail
