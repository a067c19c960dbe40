"""The F distribution of Fisher and Snedecor."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .gamma import Gamma
from .utils import all_numbers, broadcast_all


class FisherSnedecor(Distribution):
    """The ratio of two independent mean squares of normal numbers.

    Args:
        df1: The degrees of freedom above.
        df2: Those below.
        validate_args: Check parameters and values.

    Source: torch.distributions.FisherSnedecor

    Example:
        >>> import flambeau as torch
        >>> torch.distributions.FisherSnedecor(1.0, 4.0).mean
        tensor(2.)
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        self._above, self._below = (Gamma(df * 0.5, df) for df in (self.df1, self.df2))
        shape = () if all_numbers(df1, df2) else self.df1.shape
        super().__init__(shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> FisherSnedecor:
        shape = Size(batch_shape)
        names = ("df1", "df2", "_above", "_below")
        return self._expanded(
            shape, _instance=_instance, **{n: getattr(self, n).expand(shape) for n in names}
        )

    @property
    def mean(self) -> Tensor:
        return (self.df2 / (self.df2 - 2)).masked_fill(self.df2 <= 2, math.nan)

    @property
    def mode(self) -> Tensor:
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return mode.masked_fill(self.df1 <= 2, math.nan)

    @property
    def variance(self) -> Tensor:
        rest = self.df2 - 4
        value = (
            2 * self.df2.square() * (self.df1 + self.df2 - 2)
            / (self.df1 * (self.df2 - 2).square() * rest)
        )  # fmt: skip
        return value.masked_fill(rest <= 0, math.nan)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        above = self._above.rsample(sample_shape).view(shape)
        below = self._below.rsample(sample_shape).view(shape)
        tiny = torch.finfo(below.dtype).tiny
        return (above / below.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        half1, half2, ratio = self.df1 * 0.5, self.df2 * 0.5, self.df1 / self.df2
        norm = torch.lgamma(half1 + half2) - torch.lgamma(half1) - torch.lgamma(half2)
        power = half1 * ratio.log() + (half1 - 1) * torch.log(value)
        return norm + power - (half1 + half2) * torch.log1p(ratio * value)
