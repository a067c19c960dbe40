"""The Wishart distribution: covariances of samples of normal vectors."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .covariance import OfCovariance, factor_of, the_one_given
from .distribution import ExponentialFamily
from .gamma import Chi2
from .utils import all_numbers, standard_normal


def _multigammaln(a: Tensor, n: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension n."""
    steps = 0.5 * torch.arange(n, dtype=a.dtype, device=a.device)
    return n * (n - 1) / 4 * math.log(math.pi) + torch.lgamma(a[..., None] - steps).sum(-1)


class Wishart(OfCovariance, ExponentialFamily):
    """Sums of df outer products of normal vectors with themselves.

    Args:
        df: The degrees of freedom, above n - 1.
        covariance_matrix: The covariance of the vectors, n x n, or instead
        precision_matrix: its inverse, or instead
        scale_tril: its lower Cholesky factor.
        validate_args: Check parameters and values.

    Raises:
        ValueError: Not exactly one of the three is given, a shape does not fit, or df is too small.

    Source: torch.distributions.Wishart; drawn by Bartlett's decomposition (1933).

    Example:
        >>> import flambeau as torch
        >>> torch.distributions.Wishart(3.0, torch.eye(2)).log_prob(torch.eye(2))
        tensor(-3.5310)
    """

    support = constraints.positive_definite
    has_rsample = True
    arg_constraints = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
        "df": constraints.greater_than(0),
    }

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = the_one_given(
            covariance_matrix=covariance_matrix,
            precision_matrix=precision_matrix,
            scale_tril=scale_tril,
        )
        if matrix.ndim < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        n = matrix.shape[-1]
        if all_numbers(df):
            df = torch.tensor(float(df), dtype=matrix.dtype, device=matrix.device)
        batch = torch.broadcast_shapes(matrix.shape[:-2], df.shape)
        self.df = df.expand(batch)
        if bool((self.df <= n - 1).any()):
            raise ValueError(
                f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}: the matrices would be "
                "singular"
            )
        setattr(self, name, matrix.expand((*batch, n, n)))
        super().__init__(batch, (n, n), validate_args)
        self._unbroadcasted_scale_tril = factor_of(name, matrix)
        self._chi2 = self._diagonal()

    def _diagonal(self) -> Chi2:
        """The distribution of the squared diagonal of Bartlett's factor."""
        steps = torch.arange(self.event_shape[0], dtype=self.df.dtype, device=self.df.device)
        return Chi2(self.df[..., None] - steps, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Wishart:
        shape = Size(batch_shape)
        new = self._expanded(
            shape,
            _instance=_instance,
            df=self.df.expand(shape),
            _unbroadcasted_scale_tril=self._unbroadcasted_scale_tril,
            **self._known_matrices(shape),
        )
        new._chi2 = new._diagonal()
        return new

    @property
    def mean(self) -> Tensor:
        return self.df[..., None, None] * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self.event_shape[0] - 1
        factor = factor.masked_fill(factor <= 0, math.nan)
        return factor[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        spread = v.diagonal(0, -2, -1)
        outer = spread[..., :, None] * spread[..., None, :]
        return self.df[..., None, None] * (v.square() + outer)

    def rsample(self, sample_shape: Any = (), max_try_correction: int | None = None) -> Tensor:
        """Matrices drawn at random that carry gradients to the parameters.

        Args:
            sample_shape: How many, as a shape that comes before the batch's.
            max_try_correction: Taken for PyTorch's sake: the factor's diagonal is kept above zero here, so
                that no matrix is singular and none is drawn again.
        """
        n = self.event_shape[0]
        drawn = self._chi2.rsample(sample_shape).clamp(min=torch.finfo(self.df.dtype).tiny)
        below = standard_normal((*drawn.shape[:-1], n * (n - 1) // 2), self.df)
        rows, columns = torch.tril_indices(n, n, -1, device=drawn.device)
        bartlett = torch.diag_embed(drawn.sqrt())
        bartlett = _below(bartlett, below, rows * n + columns)
        factor = self._unbroadcasted_scale_tril @ bartlett
        return factor @ factor.mT

    def log_prob(self, value: Tensor) -> Tensor:
        n, df = self.event_shape[0], self.df
        self._checked(value)
        spread = self._log_root_determinant()
        trace = (
            torch.cholesky_solve(value, self._unbroadcasted_scale_tril).diagonal(0, -2, -1).sum(-1)
        )
        return (
            -df * (n * math.log(2) / 2 + spread)
            - _multigammaln(df / 2, n)
            + (df - n - 1) / 2 * torch.linalg.slogdet(value).logabsdet
            - trace / 2
        )

    def entropy(self) -> Tensor:
        n, df = self.event_shape[0], self.df
        spread = self._log_root_determinant()
        steps = 0.5 * torch.arange(n, dtype=df.dtype, device=df.device)
        psi = torch.digamma(df[..., None] / 2 - steps).sum(-1)
        return (
            (n + 1) * (n * math.log(2) / 2 + spread)
            + _multigammaln(df / 2, n)
            - (df - n - 1) / 2 * psi
            + df * n / 2
        )


def _below(matrix: Tensor, values: Tensor, places: Tensor) -> Tensor:
    """Matrices with values written at places (of the flattened last two dimensions)."""
    flat = matrix.flatten(-2)
    return flat.index_copy(-1, places, values).view(matrix.shape)
