"""Student's t distribution."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .gamma import Chi2
from .utils import all_numbers, broadcast_all, standard_normal


class StudentT(Distribution):
    """A normal number over the root of an independent mean of df squares of such.

    Args:
        df: The degrees of freedom.
        loc: Where it is centred.
        scale: What it is multiplied with.
        validate_args: Check parameters and values.

    Source: torch.distributions.StudentT
    """

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        shape = () if all_numbers(df, loc, scale) else self.df.shape
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        value = self.scale.square() * self.df / (self.df - 2)
        value = value.masked_fill(self.df <= 2, math.inf)
        return value.masked_fill(self.df <= 1, math.nan)

    def expand(self, batch_shape: Any, _instance: Any = None) -> StudentT:
        shape = Size(batch_shape)
        return self._expanded(
            shape,
            _instance=_instance,
            df=self.df.expand(shape),
            loc=self.loc.expand(shape),
            scale=self.scale.expand(shape),
            _chi2=self._chi2.expand(shape),
        )

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        x = standard_normal(self._extended_shape(sample_shape), self.df)
        z = self._chi2.rsample(sample_shape)
        return self.loc + self.scale * (x * torch.rsqrt(z / self.df))

    def log_prob(self, value: Tensor) -> Tensor:
        y = (self._checked(value) - self.loc) / self.scale
        norm = (
            self.scale.log()
            + 0.5 * self.df.log()
            + 0.5 * math.log(math.pi)
            + torch.lgamma(0.5 * self.df)
            - torch.lgamma(0.5 * (self.df + 1.0))
        )
        return -0.5 * (self.df + 1.0) * torch.log1p(y.square() / self.df) - norm

    def entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        beta = torch.lgamma(half) + math.lgamma(0.5) - torch.lgamma(more)
        slope = torch.digamma(more) - torch.digamma(half)
        return self.scale.log() + more * slope + 0.5 * self.df.log() + beta
