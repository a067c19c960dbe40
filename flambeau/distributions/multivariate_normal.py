"""The multivariate normal distribution."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .covariance import OfCovariance, factor_of, from_precision, the_one_given
from .distribution import Distribution as Distribution
from .utils import _standard_normal as _standard_normal
from .utils import standard_normal


def mahalanobis(factor: Tensor, x: Tensor) -> Tensor:
    """x^T M^-1 x for M = factor factor^T, over broadcast batches."""
    solved = torch.linalg.solve_triangular(factor, x[..., None], upper=False)
    return solved.square().sum((-2, -1))


class MultivariateNormal(OfCovariance):
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
        name, matrix = the_one_given(
            covariance_matrix=covariance_matrix,
            precision_matrix=precision_matrix,
            scale_tril=scale_tril,
        )
        if matrix.ndim < 2:
            raise ValueError(
                f"{name} matrix must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch = torch.broadcast_tensors(loc[..., 0], matrix[..., 0, 0])[0].shape
        setattr(self, name, matrix.expand((*batch, *matrix.shape[-2:])))
        self.loc = loc.expand((*batch, loc.shape[-1]))
        super().__init__(batch, self.loc.shape[-1:], validate_args)
        self._unbroadcasted_scale_tril = factor_of(name, matrix)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (
            self._unbroadcasted_scale_tril.square()
            .sum(-1)
            .expand((*self._batch_shape, *self.event_shape))
        )

    def expand(self, batch_shape: Any, _instance: Any = None) -> MultivariateNormal:
        shape = Size(batch_shape)
        loc = self.loc.expand((*shape, *self.event_shape))
        return self._expanded(
            shape,
            _instance=_instance,
            loc=loc,
            _unbroadcasted_scale_tril=self._unbroadcasted_scale_tril,
            **self._known_matrices(shape),
        )

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        eps = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + (self._unbroadcasted_scale_tril @ eps[..., None]).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        distance = mahalanobis(self._unbroadcasted_scale_tril, self._checked(value) - self.loc)
        size = self.event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (size + distance) - self._log_root_determinant()

    def entropy(self) -> Tensor:
        size = self.event_shape[0] * (1.0 + math.log(2 * math.pi))
        whole = 0.5 * size + self._log_root_determinant()
        return whole.expand(self._batch_shape)


# What subclasses elsewhere know under PyTorch's names.
_batch_mahalanobis, _precision_to_scale_tril = mahalanobis, from_precision


def _batch_mv(bmat: Tensor, bvec: Tensor) -> Tensor:
    """Matrices times vectors."""
    return (bmat @ bvec[..., None]).squeeze(-1)
