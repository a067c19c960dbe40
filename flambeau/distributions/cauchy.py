"""The Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import all_numbers, blank, broadcast_all


class Cauchy(Distribution):
    """The Cauchy distribution, which has no mean.

    Args:
        loc: Its mode.
        scale: Half the width at half its height.
        validate_args: Check parameters and values.

    Source: torch.distributions.Cauchy
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        shape = () if all_numbers(loc, scale) else self.loc.shape
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc.new_full(self._extended_shape(), math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.loc.new_full(self._extended_shape(), math.inf)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Cauchy:
        shape = Size(batch_shape)
        return self._expanded(
            shape, _instance=_instance, loc=self.loc.expand(shape), scale=self.scale.expand(shape)
        )

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        eps = blank(self.loc, self._extended_shape(sample_shape)).cauchy_()
        return self.loc + eps * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        z = (self._checked(value) - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - z.square().log1p()

    def cdf(self, value: Tensor) -> Tensor:
        z = (self._checked(value) - self.loc) / self.scale
        # atan(z) / pi + 1/2, whose sum would cancel.
        return torch.atan2(torch.ones_like(z), -z) / math.pi

    def icdf(self, value: Tensor) -> Tensor:
        return torch.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()
