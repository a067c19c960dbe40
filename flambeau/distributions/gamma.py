"""The gamma distribution, and the chi-squared one."""

from __future__ import annotations

from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import ExponentialFamily
from .utils import all_numbers, broadcast_all


class Gamma(ExponentialFamily):
    """The gamma distribution.

    Args:
        concentration: Its shape.
        rate: One over its scale.
        validate_args: Check parameters and values.

    Source: torch.distributions.Gamma
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        shape = () if all_numbers(concentration, rate) else self.concentration.shape
        super().__init__(shape, validate_args=validate_args)

    _mean_carrier_measure = 0.0

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:  # type: ignore[override]
        return (self.concentration - 1, -self.rate)

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return torch.lgamma(x + 1) - (x + 1) * torch.log(-y)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Gamma:
        shape = Size(batch_shape)
        return self._expanded(
            shape,
            _instance=_instance,
            concentration=self.concentration.expand(shape),
            rate=self.rate.expand(shape),
        )

    def sample(self, sample_shape: Any = (), *, generator: Any = None) -> Tensor:
        """A sample, drawn from `generator` where one is given."""
        with torch.no_grad():
            return self.rsample(sample_shape, generator=generator)

    def rsample(self, sample_shape: Any = (), generator: Any = None) -> Tensor:
        shape = self._extended_shape(sample_shape)
        draws = torch._standard_gamma(self.concentration.expand(shape), generator=generator)
        value = draws / self.rate.expand(shape)
        kept = value.detach()  # zeros become the least number, and their gradient stays
        return value + (kept.clamp(min=torch.finfo(value.dtype).tiny) - kept)

    def log_prob(self, value: Tensor) -> Tensor:
        value = torch.as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        self._checked(value)
        return (
            torch.xlogy(self.concentration, self.rate)
            + torch.xlogy(self.concentration - 1, value)
            - self.rate * value
            - torch.lgamma(self.concentration)
        )

    def cdf(self, value: Tensor) -> Tensor:
        return torch.special.gammainc(self.concentration, self.rate * self._checked(value))

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + torch.lgamma(a) + (1 - a) * torch.digamma(a)


class Chi2(Gamma):
    """The chi-squared distribution: the sum of the squares of df normal numbers.

    Source: torch.distributions.Chi2
    """

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args)

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2
