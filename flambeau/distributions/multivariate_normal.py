"""The multivariate normal distribution."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import lazy_property, standard_normal


def mahalanobis(factor: Tensor, x: Tensor) -> Tensor:
    """x^T M^-1 x for M = factor factor^T, over broadcast batches."""
    solved = torch.linalg.solve_triangular(factor, x[..., None], upper=False)
    return solved.square().sum((-2, -1))


def from_precision(precision: Tensor) -> Tensor:
    """The lower factor of the inverse, from the factor of the matrix turned by half a turn."""
    flipped = torch.linalg.cholesky(precision.flip((-2, -1)))
    inverse = flipped.flip((-2, -1)).mT
    eye = torch.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return torch.linalg.solve_triangular(inverse, eye, upper=False)


class MultivariateNormal(Distribution):
    """The normal distribution of vectors.

    Args:
        loc: The mean.
        covariance_matrix: The covariance, or instead
        precision_matrix: its inverse, or instead
        scale_tril: its lower Cholesky factor.
        validate_args: Check parameters and values.

    Raises:
        ValueError: Not exactly one of the three is given, or a shape does not fit.

    Source: torch.distributions.MultivariateNormal
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {
            name: value
            for name, value in (
                ("covariance_matrix", covariance_matrix),
                ("precision_matrix", precision_matrix),
                ("scale_tril", scale_tril),
            )
            if value is not None
        }
        if len(given) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
            )
        ((name, matrix),) = given.items()
        if matrix.ndim < 2:
            raise ValueError(
                f"{name} matrix must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch = torch.broadcast_tensors(loc[..., 0], matrix[..., 0, 0])[0].shape
        setattr(self, name, matrix.expand((*batch, *matrix.shape[-2:])))
        self.loc = loc.expand((*batch, loc.shape[-1]))
        super().__init__(batch, self.loc.shape[-1:], validate_args)
        if name == "scale_tril":
            self._factor = matrix
        elif name == "covariance_matrix":
            self._factor = torch.linalg.cholesky(matrix)
        else:
            self._factor = from_precision(matrix)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The covariance's lower Cholesky factor."""
        n = self.event_shape[0]
        return self._factor.expand((*self._batch_shape, n, n))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        n = self.event_shape[0]
        return (self._factor @ self._factor.mT).expand((*self._batch_shape, n, n))

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        n = self.event_shape[0]
        return torch.cholesky_inverse(self._factor).expand((*self._batch_shape, n, n))

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self._factor.square().sum(-1).expand((*self._batch_shape, *self.event_shape))

    def expand(self, batch_shape: Any, _instance: Any = None) -> MultivariateNormal:
        shape = Size(batch_shape)
        n = self.event_shape[0]
        names = ("covariance_matrix", "precision_matrix", "scale_tril")
        parts = {m: self.__dict__[m].expand((*shape, n, n)) for m in names if m in self.__dict__}
        return self._expanded(
            shape, loc=self.loc.expand((*shape, n)), _factor=self._factor, **parts
        )

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        eps = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + (self._factor @ eps[..., None]).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        distance = mahalanobis(self._factor, self._checked(value) - self.loc)
        spread = self._factor.diagonal(0, -2, -1).log().sum(-1)
        return -0.5 * (self.event_shape[0] * math.log(2 * math.pi) + distance) - spread

    def entropy(self) -> Tensor:
        spread = self._factor.diagonal(0, -2, -1).log().sum(-1)
        whole = 0.5 * self.event_shape[0] * (1.0 + math.log(2 * math.pi)) + spread
        return whole.expand(self._batch_shape)
