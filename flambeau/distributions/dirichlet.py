"""The Dirichlet distribution, and the beta distribution: that of two parts."""

from __future__ import annotations

from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import ExponentialFamily
from .utils import broadcast_all


class Dirichlet(ExponentialFamily):
    """Points on the simplex: numbers that sum to one.

    Args:
        concentration: A vector, or a batch of vectors.
        validate_args: Check parameters and values.

    Raises:
        ValueError: concentration is a number.

    Source: torch.distributions.Dirichlet
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:  # type: ignore[override]
        return (self.concentration,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return torch.lgamma(x).sum(-1) - torch.lgamma(x.sum(-1))

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        excess = (self.concentration - 1).clamp(min=0.0)
        mode = excess / excess.sum(-1, True)
        flat = (self.concentration < 1).all(-1)
        corner = torch.nn.functional.one_hot(mode[flat].argmax(-1), excess.shape[-1]).to(mode.dtype)
        mode[flat] = corner
        return mode

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.square() * (total + 1))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Dirichlet:
        shape = Size(batch_shape)
        return self._expanded(
            shape,
            _instance=_instance,
            concentration=self.concentration.expand((*shape, *self.event_shape)),
        )

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return torch._sample_dirichlet(
            self.concentration.expand(self._extended_shape(sample_shape))
        )

    def log_prob(self, value: Tensor) -> Tensor:
        a = self.concentration
        return (
            torch.xlogy(a - 1.0, self._checked(value)).sum(-1)
            + torch.lgamma(a.sum(-1))
            - torch.lgamma(a).sum(-1)
        )

    def entropy(self) -> Tensor:
        a, k, total = self.concentration, self.concentration.shape[-1], self.concentration.sum(-1)
        return (
            torch.lgamma(a).sum(-1)
            - torch.lgamma(total)
            - (k - total) * torch.digamma(total)
            - ((a - 1.0) * torch.digamma(a)).sum(-1)
        )


class Beta(ExponentialFamily):
    """The beta distribution of numbers between 0 and 1.

    Args:
        concentration1: The weight of 1.
        concentration0: The weight of 0.
        validate_args: Check parameters and values.

    Source: torch.distributions.Beta
    """

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        pair = broadcast_all(concentration1, concentration0)
        self._dirichlet = Dirichlet(torch.stack(pair, -1), validate_args=validate_args)
        super().__init__(self._dirichlet._batch_shape, validate_args=validate_args)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:  # type: ignore[override]
        return (self.concentration1, self.concentration0)

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return torch.lgamma(x) + torch.lgamma(y) - torch.lgamma(x + y)

    @property
    def concentration1(self) -> Tensor:
        """The weight of 1."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """The weight of 0."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.square() * (total + 1))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Beta:
        shape = Size(batch_shape)
        return self._expanded(shape, _instance=_instance, _dirichlet=self._dirichlet.expand(shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return self._dirichlet.log_prob(torch.stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()
