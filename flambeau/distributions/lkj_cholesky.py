"""The LKJ distribution of correlation matrices, by their Cholesky factors."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .dirichlet import Beta
from .distribution import Distribution
from .utils import broadcast_all, standard_normal


class LKJCholesky(Distribution):
    """Lower Cholesky factors of correlation matrices R, of a density proportional to det(R)^(c - 1).

    Args:
        dim: The matrices' size n, 2 or more.
        concentration: c: 1 is uniform over correlation matrices, more prefers the unit matrix.
        validate_args: Check parameters and values.

    Raises:
        ValueError: dim is below 2, or no integer.

    Source: torch.distributions.LKJCholesky; the onion method of Lewandowski, Kurowicka and Joe, Journal of
        Multivariate Analysis 100 (2009).

    Example:
        >>> import flambeau as torch
        >>> torch.distributions.LKJCholesky(2, 1.0).log_prob(torch.eye(2))
        tensor(-0.6931)
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(
        self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        if not isinstance(dim, int) or dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        c = self.concentration
        # Row i of the factor: its squared length below the diagonal is a Beta(i / 2, c + (n - 1 - i) / 2)
        # number. (PyTorch 2.13 takes i - 1/2 for i / 2, and draws too large correlations from row 2 on.)
        steps = torch.arange(dim - 1, dtype=c.dtype, device=c.device)
        steps = torch.cat([steps.new_zeros(1), steps])
        self._beta = Beta(0.5 * (steps + 1), c[..., None] + 0.5 * (dim - 2) - 0.5 * steps)
        super().__init__(c.shape, (dim, dim), validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> LKJCholesky:
        shape = Size(batch_shape)
        return self._expanded(
            shape,
            _instance=_instance,
            dim=self.dim,
            concentration=self.concentration.expand(shape),
            _beta=self._beta.expand((*shape, self.dim)),
        )

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            length = self._beta.sample(sample_shape)[..., None]
            normal = standard_normal(self._extended_shape(sample_shape), length).tril(-1)
            direction = normal / normal.norm(dim=-1, keepdim=True)
            direction[..., 0, :].fill_(0.0)  # the first row has nothing below the diagonal
            below = length.sqrt() * direction
            tiny = torch.finfo(below.dtype).tiny
            diagonal = (1 - below.square().sum(-1)).clamp(min=tiny).sqrt()
            return below + torch.diag_embed(diagonal)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        n, c = self.dim, self.concentration
        diagonal = value.diagonal(0, -2, -1)[..., 1:]
        order = torch.arange(2, n + 1, dtype=c.dtype, device=c.device)
        power = 2 * (c - 1)[..., None] + n - order
        unnormalised = (power * diagonal.log()).sum(-1)
        rank = n - 1
        alpha = c + 0.5 * rank
        steps = torch.arange(rank, dtype=c.dtype, device=c.device)
        # log of the multivariate gamma function of alpha - 1/2, of dimension n - 1
        top = rank * (rank - 1) / 4 * math.log(math.pi)
        top = top + torch.lgamma((alpha - 0.5)[..., None] - 0.5 * steps).sum(-1)
        normaliser = 0.5 * rank * math.log(math.pi) + top - torch.lgamma(alpha) * rank
        return unnormalised - normaliser
