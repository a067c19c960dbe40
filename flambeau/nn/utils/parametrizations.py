"""Ready-made parametrizations: weight_norm, spectral_norm, orthogonal."""

from __future__ import annotations

from typing import Any

from ... import eye, linalg  # type: ignore[attr-defined]
from ...autograd.mode import no_grad
from ...core.tensor import Tensor
from .. import functional as F
from ..module import Module
from .parametrize import register_parametrization


def norm_except(v: Tensor, dim: int) -> Tensor:
    """The norms of v's slices along a dimension, kept as sizes of 1; of all of v for -1."""
    if dim == -1:
        return v.norm()  # type: ignore[attr-defined]
    others = [i for i in range(v.ndim) if i != dim % v.ndim]
    return linalg.vector_norm(v, 2, others, keepdim=True) if others else v.abs()  # type: ignore


class _WeightNorm(Module):
    """g v / |v|."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int = 0) -> Module:
    """Split a weight into its length and its direction (Salimans and Kingma, 2016).

    Args:
        dim: Each slice along it has a length of its own; None: one length for all.

    Source: torch.nn.utils.parametrizations.weight_norm
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    return module


class _SpectralNorm(Module):
    """weight / sigma, its largest singular value guessed by power iteration."""

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        ndim = weight.ndim
        if dim >= ndim or dim < -ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got n_power_iterations="
                f"{n_power_iterations}"
            )
        self.dim, self.eps, self.n_power_iterations = dim % ndim, eps, n_power_iterations
        if ndim > 1:
            matrix = self._matrix(weight)
            rows, columns = matrix.shape
            u = matrix.new_empty(rows).normal_(0, 1)  # type: ignore[attr-defined]
            v = matrix.new_empty(columns).normal_(0, 1)  # type: ignore[attr-defined]
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)  # type: ignore[attr-defined]

    @no_grad()
    def _iterate(self, matrix: Tensor, times: int) -> None:
        for _ in range(times):
            self._u.copy_(F.normalize(matrix @ self._v, dim=0, eps=self.eps))
            self._v.copy_(F.normalize(matrix.mH @ self._u, dim=0, eps=self.eps))  # type: ignore

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # later iterations must not change what is saved
        return weight / u.vdot(matrix @ v)

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value (Miyato et al., 2018).

    Args:
        n_power_iterations: Steps of the guess at every use while training.
        eps: Smallest norm that is divided by.
        dim: The one of the outputs. Default: 0, or 1 for transposed convolutions.

    Raises:
        ValueError: There is no such parameter.

    Source: torch.nn.utils.parametrizations.spectral_norm
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if getattr(module, "transposed", False) else 0
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    register_parametrization(module, name, made)
    return module


class _Orthogonal(Module):
    """The orthogonal matrix that a matrix stands for, by the exponential or Cayley's map."""

    def __init__(self, kind: str, base: Tensor) -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("base", base)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = x.shape[-2:]
        if rows < columns:
            return self._tall(x.mT).mT  # type: ignore[attr-defined]
        return self._tall(x)

    def _tall(self, x: Tensor) -> Tensor:
        n, k = x.shape[-2:]
        a = x.tril()  # type: ignore[attr-defined]
        if n != k:
            a = F.pad(a, (0, n - k))
        skew = a - a.mH
        if self.kind == "matrix_exp":
            from ... import matrix_exp  # type: ignore[attr-defined]

            q = matrix_exp(skew)
        else:
            one = eye(n, dtype=x.dtype, device=x.device)
            q = linalg.solve(one + skew * 0.5, one - skew * 0.5)
        q = q[..., :k]
        base: Any = self.base
        return base @ q if base.shape[-1] == n else q

    def right_inverse(self, value: Tensor) -> Tensor:
        return value * 0


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a matrix orthogonal: what is trained stands for one.

    Args:
        orthogonal_map: "matrix_exp" or "cayley". Default: "matrix_exp" for square matrices and "cayley"
            for others.
        use_trivialization: Must be True: start at an orthogonal matrix near the weight.

    Raises:
        ValueError: The weight is no matrix, or an unknown map.
        NotImplementedError: "householder", or use_trivialization=False.

    Source: torch.nn.utils.parametrizations.orthogonal
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    square = weight.shape[-2] == weight.shape[-1]
    kind = orthogonal_map or ("matrix_exp" if square else "cayley")
    if kind not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            "orthogonal_map has to be one of 'matrix_exp', 'cayley', 'householder'. "
            f"Got: {orthogonal_map}"
        )
    if kind == "householder" or not use_trivialization:
        raise NotImplementedError(
            "orthogonal() supports the maps 'matrix_exp' and 'cayley', with use_trivialization=True"
        )
    tall = weight.detach() if weight.shape[-2] >= weight.shape[-1] else weight.detach().mT
    full, _ = linalg.qr(tall, mode="complete")
    register_parametrization(module, name, _Orthogonal(kind, full))
    return module
