"""The multivariate normal distribution whose covariance is of low rank but for its diagonal."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import lazy_property, standard_normal


class LowRankMultivariateNormal(Distribution):
    """Normal vectors of covariance cov_factor cov_factor^T + diag(cov_diag).

    Args:
        loc: The mean, of n elements.
        cov_factor: An n x rank matrix.
        cov_diag: n positive numbers.
        validate_args: Check parameters and values.

    Raises:
        ValueError: A shape does not fit.

    Shape:
        Batches may come before the last dimension, or the last two. The cost grows with n rank^2.

    Source: torch.distributions.LowRankMultivariateNormal; Woodbury's identity.

    Example:
        >>> import flambeau as torch
        >>> D = torch.distributions
        >>> D.LowRankMultivariateNormal(torch.zeros(2), torch.tensor([[1.], [0.]]), torch.ones(2)).variance
        tensor([2., 1.])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        cov_factor: Tensor,
        cov_diag: Tensor,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        n = loc.shape[-1]
        if cov_factor.ndim < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch dimensions"
            )
        if cov_factor.shape[-2] != n:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {n} x m")
        if cov_diag.shape[-1:] != (n,):
            raise ValueError(f"cov_diag must be a batch of vectors with shape {(n,)}")
        try:
            batch = torch.broadcast_shapes(
                loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]
            )
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from error
        self.loc = loc.expand((*batch, n))
        self.cov_factor = cov_factor.expand((*batch, *cov_factor.shape[-2:]))
        self.cov_diag = cov_diag.expand((*batch, n))
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        self._capacitance_tril = torch.linalg.cholesky(_capacitance(cov_factor, cov_diag))
        super().__init__(batch, (n,), validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> LowRankMultivariateNormal:
        shape = Size(batch_shape)
        return self._expanded(
            shape,
            _instance=_instance,
            loc=self.loc.expand((*shape, *self.event_shape)),
            cov_factor=self.cov_factor.expand((*shape, *self.cov_factor.shape[-2:])),
            cov_diag=self.cov_diag.expand((*shape, *self.event_shape)),
            **{
                n: self.__dict__[n]
                for n in (
                    "_unbroadcasted_cov_factor",
                    "_unbroadcasted_cov_diag",
                    "_capacitance_tril",
                )
            },
        )

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:  # type: ignore[override]
        return (
            self._unbroadcasted_cov_factor.square().sum(-1) + self._unbroadcasted_cov_diag
        ).expand((*self._batch_shape, *self.event_shape))

    def _matrix(self, value: Tensor) -> Tensor:
        n = self.event_shape[0]
        return value.expand((*self._batch_shape, n, n))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self._matrix(
            self._unbroadcasted_cov_factor @ self._unbroadcasted_cov_factor.mT
            + torch.diag_embed(self._unbroadcasted_cov_diag)
        )

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The covariance's lower Cholesky factor."""
        root = self._unbroadcasted_cov_diag.sqrt()
        scaled = self._unbroadcasted_cov_factor / root[..., None]
        eye = torch.eye(root.shape[-1], dtype=root.dtype, device=root.device)
        return self._matrix(root[..., None] * torch.linalg.cholesky(scaled @ scaled.mT + eye))

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        scaled = self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag[..., None, :]
        part = torch.linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)
        return self._matrix(
            torch.diag_embed(self._unbroadcasted_cov_diag.reciprocal()) - part.mT @ part
        )

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        shared = standard_normal((*shape[:-1], self.cov_factor.shape[-1]), self.loc)
        own = standard_normal(shape, self.loc)
        return (
            self.loc
            + (self._unbroadcasted_cov_factor @ shared[..., None]).squeeze(-1)
            + self._unbroadcasted_cov_diag.sqrt() * own
        )

    def log_prob(self, value: Tensor) -> Tensor:
        gap = self._checked(value) - self.loc
        inner = (
            self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag[..., None, :]
        ) @ gap[..., None]
        solved = torch.linalg.solve_triangular(self._capacitance_tril, inner, upper=False)
        distance = (gap.square() / self._unbroadcasted_cov_diag).sum(-1) - solved.square().sum(
            (-2, -1)
        )
        whole = self.event_shape[0] * math.log(2 * math.pi) + self._log_determinant() + distance
        return -0.5 * whole

    def _log_determinant(self) -> Tensor:
        inner = self._capacitance_tril.diagonal(0, -2, -1).log().sum(-1)
        return 2 * inner + self._unbroadcasted_cov_diag.log().sum(-1)

    def entropy(self) -> Tensor:
        n = self.event_shape[0]
        whole = 0.5 * (n * (1.0 + math.log(2 * math.pi)) + self._log_determinant())
        return whole.expand(self._batch_shape)


def _capacitance(factor: Tensor, diagonal: Tensor) -> Tensor:
    """I + W^T D^-1 W, the small matrix of Woodbury's identity."""
    rank = factor.shape[-1]
    eye = torch.eye(rank, dtype=factor.dtype, device=factor.device)
    return eye + (factor.mT / diagonal[..., None, :]) @ factor
