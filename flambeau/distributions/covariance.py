"""A covariance that is given as itself, as its inverse or as its factor: what families of it share."""

from __future__ import annotations

from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from .distribution import Distribution
from .utils import lazy_property


def from_precision(precision: Tensor) -> Tensor:
    """The lower factor of the inverse, from the factor of the matrix turned by half a turn."""
    flipped = torch.linalg.cholesky(precision.flip((-2, -1)))
    inverse = flipped.flip((-2, -1)).mT
    eye = torch.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return torch.linalg.solve_triangular(inverse, eye, upper=False)


def the_one_given(**matrices: Tensor | None) -> tuple[str, Tensor]:
    """The name and value of the one matrix that is not None.

    Raises:
        ValueError: There is not exactly one.
    """
    given = {name: value for name, value in matrices.items() if value is not None}
    if len(given) != 1:
        raise ValueError(
            "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
        )
    ((name, matrix),) = given.items()
    return name, matrix


def factor_of(name: str, matrix: Tensor) -> Tensor:
    """The covariance's lower Cholesky factor, from the matrix that was given under this name."""
    if name == "scale_tril":
        return matrix
    return torch.linalg.cholesky(matrix) if name == "covariance_matrix" else from_precision(matrix)


class OfCovariance(Distribution):
    """A family with a covariance.

    Attributes:
        _unbroadcasted_scale_tril: Its lower Cholesky factor, which may lack dimensions of the batch. The matrix
            that was given stands under its own name; the others are computed when they are asked for.
    """

    _unbroadcasted_scale_tril: Tensor

    def _matrix(self, value: Tensor) -> Tensor:
        n = self.event_shape[-1]
        return value.expand((*self._batch_shape, n, n))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The covariance's lower Cholesky factor."""
        return self._matrix(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self._matrix(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return self._matrix(torch.cholesky_inverse(self._unbroadcasted_scale_tril))

    def _known_matrices(self, batch_shape: Size) -> dict[str, Any]:
        """The matrices that are known, for a larger batch."""
        n = self.event_shape[-1]
        names = ("covariance_matrix", "precision_matrix", "scale_tril")
        known = {m: self.__dict__[m] for m in names if m in self.__dict__}
        return {name: value.expand((*batch_shape, n, n)) for name, value in known.items()}

    def _log_root_determinant(self) -> Tensor:
        """The logarithm of the root of the covariance's determinant."""
        return self._unbroadcasted_scale_tril.diagonal(0, -2, -1).log().sum(-1)
