"""Transforms of parts of a value along a dimension, and of correlation matrices' factors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import flambeau as torch

from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .transform import Transform
from .utils import tril_matrix_to_vec, vec_to_tril_matrix


class _Joined(Transform):
    """A transform for each part."""

    transforms: list[Transform]

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)

    def _parts(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def _join(self, parts: list[Tensor], dim: int) -> Tensor:
        raise NotImplementedError


class CatTransform(_Joined):
    """Transforms of parts of these lengths along a dimension, which are put one after the other.

    Args:
        tseq: The transforms.
        dim: The dimension.
        lengths: Of the parts; 1 each if None.

    Raises:
        AssertionError: Something is no transform, or there are not as many lengths.

    Source: torch.distributions.CatTransform
    """

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:
        _check(tseq)
        if cache_size:
            tseq = [t.with_cache(cache_size) for t in tseq]
        super().__init__(cache_size)
        self.transforms, self.dim = list(tseq), dim
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(
                f"lengths must have same length as transforms, got {len(self.lengths)} vs {len(self.transforms)}"
            )

    @property
    def length(self) -> int:
        """The length of all parts together."""
        return sum(self.lengths)

    def _parts(self, x: Tensor) -> list[Tensor]:
        if x.shape[self.dim] != self.length:
            raise AssertionError(
                f"x.size({self.dim}) must equal {self.length}, got {x.shape[self.dim]}"
            )
        return list(x.split(self.lengths, self.dim))

    def _call(self, x: Tensor) -> Tensor:
        parts = zip(self.transforms, self._parts(x))
        return torch.cat([t(part) for t, part in parts], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._parts(y))
        return torch.cat([t.inv(part) for t, part in parts], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        deepest = max(t.domain.event_dim for t in self.transforms)
        found = []
        for t, a, b in zip(self.transforms, self._parts(x), self._parts(y)):
            stretch = t.log_abs_det_jacobian(a, b)
            if t.domain.event_dim < deepest:
                n = deepest - t.domain.event_dim
                stretch = stretch.reshape(*stretch.shape[: stretch.ndim - n], -1).sum(-1)
            found.append(stretch)
        place = (self.dim if self.dim < 0 else self.dim - x.ndim) + deepest
        if place < 0:
            return torch.cat(found, place)
        return sum(found[1:], found[0])

    @property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_Joined):
    """A transform for each place along a dimension.

    Raises:
        AssertionError: Something is no transform.

    Source: torch.distributions.StackTransform
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        _check(tseq)
        if cache_size:
            tseq = [t.with_cache(cache_size) for t in tseq]
        super().__init__(cache_size)
        self.transforms, self.dim = list(tseq), dim

    def _parts(self, x: Tensor) -> list[Tensor]:
        if x.shape[self.dim] != len(self.transforms):
            raise AssertionError(
                f"x.size({self.dim}) must equal {len(self.transforms)}, got {x.shape[self.dim]}"
            )
        return list(x.unbind(self.dim))

    def _call(self, x: Tensor) -> Tensor:
        parts = zip(self.transforms, self._parts(x))
        return torch.stack([t(part) for t, part in parts], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._parts(y))
        return torch.stack([t.inv(part) for t, part in parts], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._parts(x), self._parts(y))
        return torch.stack([t.log_abs_det_jacobian(a, b) for t, a, b in parts], self.dim)

    @property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.stack([t.codomain for t in self.transforms], self.dim)


def _check(tseq: Sequence[Transform]) -> None:
    if not all(isinstance(t, Transform) for t in tseq):
        raise AssertionError("All elements of tseq must be Transform instances")


class CorrCholeskyTransform(Transform):
    """n (n - 1) / 2 real numbers as the lower Cholesky factor of a correlation matrix of size n.

    Each row below the diagonal is made of numbers tanh(x), which take shares of what the ones before have left of
    the row's squared length 1.

    Source: torch.distributions.CorrCholeskyTransform; Stan's reference manual, 10.12
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        x = torch.tanh(x)
        eps = torch.finfo(x.dtype).eps
        r = vec_to_tril_matrix(x.clamp(-1 + eps, 1 - eps), -1)
        left = (1 - r.square()).sqrt().cumprod(-1)  # the root of what the numbers up to here leave
        r = r + torch.eye(r.shape[-1], dtype=r.dtype, device=r.device)
        return r * torch.nn.functional.pad(left[..., :-1], (1, 0), value=1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        left = 1 - y.square().cumsum(-1)
        before = torch.nn.functional.pad(left[..., :-1], (1, 0), value=1.0)
        below, room = tril_matrix_to_vec(y, -1), tril_matrix_to_vec(before, -1)
        return torch.atanh(below / room.sqrt())

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor, intermediates: Any = None) -> Tensor:
        left = tril_matrix_to_vec(1 - y.square().cumsum(-1), -2)
        squeezed = 2 * (x + torch.nn.functional.softplus(-2 * x) - math.log(2)).sum(-1)
        return 0.5 * left.log().sum(-1) - squeezed

    def forward_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        n = round((0.25 + 2 * shape[-1]) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != shape[-1]:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return Size((*shape[:-1], n, n))

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 2:
            raise ValueError("Too few dimensions on input")
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        n = shape[-1]
        return Size((*shape[:-2], n * (n - 1) // 2))
