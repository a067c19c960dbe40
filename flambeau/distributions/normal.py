"""The normal distribution, and those of its exponential and its magnitude."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import ExponentialFamily
from .utils import all_numbers, broadcast_all, standard_normal


class Normal(ExponentialFamily):
    """The normal distribution.

    Args:
        loc: The mean.
        scale: The standard deviation.
        validate_args: Check parameters and values.

    Source: torch.distributions.Normal

    Example:
        >>> import flambeau as torch
        >>> torch.distributions.Normal(0., 1.).log_prob(torch.tensor(0.))
        tensor(-0.9189)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        shape = () if all_numbers(loc, scale) else self.loc.shape
        super().__init__(shape, validate_args=validate_args)

    _mean_carrier_measure = 0.0

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:  # type: ignore[override]
        return (self.loc / self.scale.square(), -0.5 * self.scale.square().reciprocal())

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return -0.25 * x.square() / y + 0.5 * torch.log(-math.pi / y)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale.square()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Normal:
        shape = Size(batch_shape)
        return self._expanded(
            shape, _instance=_instance, loc=self.loc.expand(shape), scale=self.scale.expand(shape)
        )

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            return torch.normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        eps = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + eps * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        z = (self._checked(value) - self.loc) / self.scale
        return -z.square() / 2 - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Tensor) -> Tensor:
        z = (self._checked(value) - self.loc) / self.scale
        return torch.special.ndtr(z)  # not from erf, which is -1 where the left tail is far from 0

    def icdf(self, value: Tensor) -> Tensor:
        if value.dtype.is_reduced:
            return self.icdf(value.float()).to(value.dtype)
        return self.loc + self.scale * torch.special.ndtri(value)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + torch.log(self.scale)
