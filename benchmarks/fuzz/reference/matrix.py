"""Products of matrices, linear algebra and transforms, by NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def added(x: Any, product: Any, beta: Any, alpha: Any) -> Any:
    return (x * beta if beta else 0) + alpha * product


def scaled(product: Callable) -> Callable:
    return lambda x, a, b, *, beta=1, alpha=1: added(x, product(a, b), beta, alpha)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    y = x @ weight.T
    return y if bias is None else y + bias


def einsum(equation: str, *operands: Any) -> Any:
    return np.einsum(equation, *operands)


def cdist(a: Any, b: Any, p: float = 2.0) -> Any:
    d = np.abs(a[..., :, None, :] - b[..., None, :, :])
    if p == 0:
        return (d != 0).sum(-1).astype(float)
    if p == np.inf:
        return d.max(-1, initial=0)
    return (d**p).sum(-1) ** (1 / p)


def fft(name: str) -> Callable:
    function = getattr(np.fft, name)

    def reference(x: Any, n: Any = None, dim: Any = -1, norm: Any = None) -> Any:
        return function(x, n, dim, norm)

    return reference


F = "nn.functional."
REFERENCES: dict[str, Callable[..., Any]] = {
    "mm mv bmm matmul linalg.matmul": np.matmul, "dot": np.dot, "vdot": np.vdot, "inner": np.inner,
    "outer ger": np.outer, "addmm addmv": scaled(np.matmul), "baddbmm": scaled(np.matmul),
    "addbmm": scaled(lambda a, b: np.matmul(a, b).sum(0)), "addr": scaled(np.outer),
    f"{F}linear": linear, "einsum": einsum, "tensordot": np.tensordot,
    f"{F}bilinear": lambda a, b, w, c=None: np.einsum("ni,oij,nj->no", a, w, b) + (0 if c is None else c),
    "chain_matmul": lambda *m: np.linalg.multi_dot(m) if len(m) > 1 else m[0],
    "linalg.multi_dot": np.linalg.multi_dot, "cdist": cdist,
    "cross linalg.cross": lambda a, b, dim=-1: np.cross(a, b, axis=dim),
    "inverse linalg.inv": np.linalg.inv, "linalg.det det": np.linalg.det,
    "linalg.slogdet slogdet": lambda x: list(np.linalg.slogdet(x)),
    "linalg.solve": np.linalg.solve, "cholesky linalg.cholesky": np.linalg.cholesky,
    "linalg.eigvalsh": np.linalg.eigvalsh, "linalg.svdvals": lambda x: np.linalg.svd(x, compute_uv=False),
    "linalg.eigh": lambda x: [np.linalg.eigvalsh(x)],
    "linalg.pinv pinverse": np.linalg.pinv, "matrix_power linalg.matrix_power": np.linalg.matrix_power,
    "linalg.vecdot": lambda a, b, dim=-1: (np.conj(a) * b).sum(dim),
    "vander": lambda x, n=None: np.vander(x, n), "linalg.tensorinv": lambda x, ind=2: np.linalg.tensorinv(x, ind),
    "linalg.tensorsolve": np.linalg.tensorsolve,
    **{f"fft.{n}": fft(n) for n in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")},
}  # fmt: skip
