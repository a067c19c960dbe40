"""The Kumaraswamy distribution: like the beta distribution, with a cdf in closed form."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, PowerTransform
from .uniform import Uniform
from .utils import EULER, all_numbers, broadcast_all


class Kumaraswamy(TransformedDistribution):
    """Numbers between 0 and 1 whose cdf is 1 - (1 - x^concentration1)^concentration0.

    Args:
        concentration1: The exponent inside.
        concentration0: The exponent outside.
        validate_args: Check parameters and values.

    Source: torch.distributions.Kumaraswamy; Kumaraswamy, Journal of Hydrology 46 (1980).

    Example:
        >>> import flambeau as torch
        >>> torch.distributions.Kumaraswamy(2.0, 3.0).log_prob(torch.tensor(0.5))
        tensor(0.5232)
    """

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        pair = broadcast_all(concentration1, concentration0)
        self.concentration1, self.concentration0 = pair
        zero, one = torch.zeros_like(pair[0]), torch.ones_like(pair[0])
        base = Uniform(zero, one, validate_args=validate_args)
        if all_numbers(concentration1, concentration0):
            base = Uniform(0.0, 1.0, validate_args=validate_args)
        steps = [
            PowerTransform(self.concentration0.reciprocal()),
            AffineTransform(1.0, -1.0),
            PowerTransform(self.concentration1.reciprocal()),
        ]
        super().__init__(base, steps, validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Kumaraswamy:
        shape = Size(batch_shape)
        pair = (self.concentration1.expand(shape), self.concentration0.expand(shape))
        return Kumaraswamy(*pair, validate_args=self._validate_args)

    def _moment(self, n: int) -> Tensor:
        """The expected value of the n-th power: b B(1 + n / a, b)."""
        a, b = self.concentration1, self.concentration0
        first = 1 + n / a
        return torch.exp(b.log() + torch.lgamma(first) + torch.lgamma(b) - torch.lgamma(first + b))

    def log_prob(self, value: Tensor) -> Tensor:
        a, b = self.concentration1, self.concentration0
        inner = torch.xlogy(a - 1, self._checked(value))
        return a.log() + b.log() + inner + torch.special.xlog1py(b - 1, -value.pow(a))

    def cdf(self, value: Tensor) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return -torch.expm1(b * torch.log1p(-self._checked(value).pow(a)))

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        value = ((a - 1) / (a * b - 1)).pow(1 / a)
        return value.masked_fill((a < 1) | (b < 1), math.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self.mean.square()

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = torch.digamma(b + 1) + EULER
        return (1 - 1 / b) + (1 - 1 / a) * harmonic - a.log() - b.log()

    __repr__ = Distribution.__repr__
