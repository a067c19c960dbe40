"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.tensor import Tensor
from . import constraints
from .bernoulli import _Binary
from .distribution import ExponentialFamily
from .utils import clamp_probs, uniform


class ContinuousBernoulli(_Binary, ExponentialFamily):
    """Numbers between 0 and 1, of a density proportional to probs^x (1 - probs)^(1 - x).

    Args:
        probs: The parameter between 0 and 1, exclusive.
        logits: The logarithm of its odds, instead.
        lims: Between these probabilities series replace formulas that divide by 1 - 2 probs.
        validate_args: Check parameters and values.

    Raises:
        ValueError: Both are given, or none.

    Source: torch.distributions.ContinuousBernoulli; Loaiza-Ganem and Cunningham, NeurIPS 2019.

    Example:
        >>> import flambeau as torch
        >>> torch.distributions.ContinuousBernoulli(0.25).mean
        tensor(0.4102)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        shape = self._set(probs, logits)
        self._lims = lims
        super().__init__(shape, validate_args=validate_args)
        if "probs" in self.__dict__:
            self.probs = clamp_probs(self.probs)

    _mean_carrier_measure = 0.0

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:  # type: ignore[override]
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        far = torch.where(x.abs() > 1e-2, x, torch.ones_like(x))
        formula = torch.log((torch.special.expm1(far) / far).abs())
        return torch.where(x.abs() > 1e-2, formula, x / 2 + x.square() / 24 - x.pow(4) / 2880)

    def expand(self, batch_shape: Any, _instance: Any = None) -> ContinuousBernoulli:
        new = super().expand(batch_shape, _instance)
        new._lims = self._lims
        return new

    def _either(self, formula: Any, series: Any) -> Tensor:
        """A formula in probs, or near one half a series in probs - 1/2."""
        p, (low, high) = self.probs, self._lims
        outside = (p <= low) | (p > high)
        return torch.where(
            outside, formula(torch.where(outside, p, torch.full_like(p, low))), series(p - 0.5)
        )

    def _cont_bern_log_norm(self) -> Tensor:
        """The logarithm of what makes the density's integral 1: 2 artanh(1 - 2p) / (1 - 2p)."""

        def formula(p: Tensor) -> Tensor:
            gap = (1 - 2 * p).abs()
            return torch.log((torch.log1p(-p) - p.log()).abs()) - gap.log()

        return self._either(
            formula, lambda d: math.log(2) + (4 / 3 + 104 / 45 * d.square()) * d.square()
        )

    @property
    def mean(self) -> Tensor:
        return self._either(
            lambda p: p / (2 * p - 1) + 1 / (torch.log1p(-p) - p.log()),
            lambda d: 0.5 + (1 / 3 + 16 / 45 * d.square()) * d,
        )

    @property
    def variance(self) -> Tensor:
        return self._either(
            lambda p: p * (p - 1) / (1 - 2 * p).square() + (torch.log1p(-p) - p.log()).pow(-2),
            lambda d: 1 / 12 - (1 / 15 - 128 / 945 * d.square()) * d.square(),
        )

    def log_prob(self, value: Tensor) -> Tensor:
        logits = self.logits
        loss = torch.nn.functional.binary_cross_entropy_with_logits
        logits, value = torch.broadcast_tensors(logits, self._checked(value))
        return -loss(logits, value, reduction="none") + self._cont_bern_log_norm()

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value)
        inside = self._either(
            lambda p: (p.pow(value) * (1 - p).pow(1 - value) + p - 1) / (2 * p - 1),
            lambda d: value + 0 * d,
        )
        return torch.where(value <= 0, 0.0, torch.where(value >= 1, 1.0, inside))

    def icdf(self, value: Tensor) -> Tensor:
        return self._either(
            lambda p: (
                (torch.log1p(-p + value * (2 * p - 1)) - torch.log1p(-p))
                / (p.log() - torch.log1p(-p))
            ),
            lambda d: value + 0 * d,
        )

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(uniform(self._extended_shape(sample_shape), self.probs))

    def entropy(self) -> Tensor:
        log_zero, log_one = torch.log1p(-self.probs), self.probs.log()
        return self.mean * (log_zero - log_one) - self._cont_bern_log_norm() - log_zero
