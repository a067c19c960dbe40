"""The generalised Pareto distribution: what exceeds a high threshold."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import all_numbers, broadcast_all, uniform


class GeneralizedPareto(Distribution):
    """Excesses over a threshold: exponential (concentration 0), with a heavy tail (above 0) or bounded.

    Args:
        loc: The threshold, the least value.
        scale: The scale.
        concentration: The shape of the tail.
        validate_args: Check parameters and values.

    Source: torch.distributions.GeneralizedPareto; Pickands, Annals of Statistics 3 (1975).

    Example:
        >>> import flambeau as torch
        >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.3).log_prob(torch.tensor(0.5))
        tensor(-0.6056)
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(
        self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        shape = () if all_numbers(loc, scale, concentration) else self.loc.shape
        super().__init__(shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> GeneralizedPareto:
        shape = Size(batch_shape)
        names = ("loc", "scale", "concentration")
        return self._expanded(
            shape, _instance=_instance, **{n: getattr(self, n).expand(shape) for n in names}
        )

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:  # type: ignore[override]
        k = self.concentration
        ends = torch.where(k < 0, self.loc - self.scale / k, torch.full_like(k, math.inf))
        return constraints.interval(self.loc, ends)

    def _parts(self) -> tuple[Tensor, Tensor]:
        """Is it the exponential case, and a concentration to divide by."""
        k = self.concentration
        flat = k.abs() < torch.finfo(k.dtype).eps
        return flat, torch.where(flat, torch.ones_like(k), k)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of values above this one."""
        y = (self._checked(value) - self.loc) / self.scale
        flat, k = self._parts()
        return torch.where(flat, -y, -torch.log1p(k * y) / k)

    def log_prob(self, value: Tensor) -> Tensor:
        y = (self._checked(value) - self.loc) / self.scale
        flat, k = self._parts()
        return torch.where(flat, -y, -(1 + 1 / k) * torch.log1p(k * y)) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        return -torch.expm1(self.log_survival_function(value))

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of values up to this one."""
        return torch.log1p(-torch.exp(self.log_survival_function(value)))

    def icdf(self, value: Tensor) -> Tensor:
        left = torch.log1p(-value)
        flat, k = self._parts()
        return self.loc + self.scale * torch.where(flat, -left, torch.expm1(-k * left) / k)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(uniform(self._extended_shape(sample_shape), self.loc))

    @property
    def mean(self) -> Tensor:
        k = self.concentration
        return (self.loc + self.scale / (1 - k)).masked_fill(k >= 1, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        k = self.concentration
        value = (self.scale / (1 - k)).square() / (1 - 2 * k)
        return value.masked_fill(k >= 0.5, math.inf)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
