"""The Poisson distribution."""

from __future__ import annotations

from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import ExponentialFamily
from .utils import all_numbers, broadcast_all


class Poisson(ExponentialFamily):
    """How often something happens that is equally likely at any moment.

    Args:
        rate: The mean.
        validate_args: Check parameters and values.

    Source: torch.distributions.Poisson
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        shape = () if all_numbers(rate) else self.rate.shape
        super().__init__(shape, validate_args=validate_args)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:  # type: ignore[override]
        return (torch.log(self.rate),)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return torch.exp(x)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def expand(self, batch_shape: Any, _instance: Any = None) -> Poisson:
        shape = Size(batch_shape)
        return self._expanded(shape, _instance=_instance, rate=self.rate.expand(shape))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            return torch.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        rate, value = broadcast_all(self.rate, self._checked(value))
        return torch.xlogy(value, rate) - rate - torch.lgamma(value + 1)
