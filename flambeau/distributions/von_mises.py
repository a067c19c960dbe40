"""The von Mises distribution: the normal distribution of angles."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import all_numbers, broadcast_all, lazy_property


class VonMises(Distribution):
    """Angles in radians around a direction.

    Args:
        loc: The direction, in radians.
        concentration: One over the spread: 0 would be uniform.
        validate_args: Check parameters and values.

    Source: torch.distributions.VonMises; drawn as Best and Fisher, Applied Statistics 28 (1979).

    Example:
        >>> import flambeau as torch
        >>> torch.distributions.VonMises(0.0, 2.0).log_prob(torch.tensor(0.5))
        tensor(-0.9067)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        shape = () if all_numbers(loc, concentration) else self.loc.shape
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The direction, which is the mean of angles on a circle."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:  # type: ignore[override]
        """The circular variance: 1 less the length of the mean of the unit vectors."""
        k = self.concentration
        return 1 - torch.special.i1e(k) / torch.special.i0e(k)

    def expand(self, batch_shape: Any, _instance: Any = None) -> VonMises:
        shape = Size(batch_shape)
        return self._expanded(
            shape,
            _instance=_instance,
            loc=self.loc.expand(shape),
            concentration=self.concentration.expand(shape),
        )

    def log_prob(self, value: Tensor) -> Tensor:
        k = self.concentration
        turned = torch.cos(self._checked(value) - self.loc)
        return k * (turned - 1) - math.log(2 * math.pi) - torch.log(torch.special.i0e(k))

    @lazy_property
    def _envelope(self) -> Tensor:
        """The parameter of the wrapped Cauchy distribution that proposals are drawn from."""
        k = self.concentration.double()
        tau = 1 + (1 + 4 * k.square()).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        exact = (1 + rho.square()) / (2 * rho)
        return torch.where(k < 1e-5, 1 / k + k, exact)  # where the difference is lost to rounding

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            loc = self.loc.double().expand(shape)
            k, r = self.concentration.double().expand(shape), self._envelope.expand(shape)
            angle = torch.zeros(shape, dtype=torch.float64, device=loc.device)
            done = torch.zeros(shape, dtype=torch.bool, device=loc.device)
            while not done.all():
                first, second, side = torch.rand((3, *shape), dtype=loc.dtype, device=loc.device)
                z = torch.cos(math.pi * first)
                cosine = (1 + r * z) / (r + z)
                c = k * (r - cosine)
                taken = (c * (2 - c) > second) | (torch.log(c / second) + 1 - c >= 0)
                drawn = (side - 0.5).sign() * torch.acos(cosine)
                angle, done = torch.where(taken, drawn, angle), done | taken
            return ((angle + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)
