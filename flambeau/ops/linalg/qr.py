"""The QR decomposition and Householder reflections."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.result import named_result
from ...core.tensor import Tensor
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from . import lapack
from .check import by_columns, conjugated, floating, identity, implemented, matrices, same_dtype
from .cholesky import solve_triangular_

QR = named_result("linalg_qr", "Q R")
Geqrf = named_result("geqrf", "a tau")


def _decomposed(a: Any, mode: Any) -> Any:
    q, r = lapack.in_parts(lambda part: tuple(np.linalg.qr(part, mode)))(a)
    return by_columns(q), by_columns(r)


_qr = kernels.Native("lapack.decomposing", "qr", _decomposed)


@operation(outputs="q r", label="LinalgQr")
def qr_(a: Any, mode: Any) -> Any:
    """Q and R, reduced or complete."""
    return _qr(a, mode)


@qr_.gradient
def _(g_q: Tensor | None, g_r: Tensor | None, q: Tensor, r: Tensor, mode: str) -> Any:
    if g_q is None and g_r is None:
        return None
    m, n = q.shape[-2], r.shape[-1]
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols: "
            "use mode='reduced'"
        )
    if m >= n:
        return _tall(g_q, g_r, q, r)
    from ..join.cat import cat

    # A = [X | Y]: X = Q U is square, and Y = Q V.
    u, v = r[..., :, :m], r[..., :, m:]
    gu, gv = (None, None) if g_r is None else (g_r[..., :, :m], g_r[..., :, m:])
    if gv is None:
        gy = q @ (v * 0)
    else:
        gy = q @ gv
        part = (q @ v) @ gv.mH
        g_q = part if g_q is None else g_q + part
    return cat([_tall(g_q, gu, q, u), gy], -1)


def _tall(gq: Tensor | None, gr: Tensor | None, q: Tensor, r: Tensor) -> Tensor:
    inner: Any = 0
    if gr is not None:
        inner = inner + gr @ r.mH
    if gq is not None:
        inner = inner - q.mH @ gq
    upper = inner.triu()
    inner = upper + upper.mH
    half = inner.diagonal(0, -2, -1)[..., None] * identity(r.shape[-1], r) / 2
    whole = q @ (inner - half)
    if gq is not None:
        whole = whole + gq
    return solve_triangular_(r.conj(), whole.mT, True, False).mT


@operation(label="NoGradient", linear=False)
def r_(a: Any) -> Any:
    """R alone."""
    return by_columns(np.linalg.qr(a, "r"))


@r_.gradient
def _(g: Tensor) -> None:
    raise RuntimeError(
        "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
        "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
    )


@public("linalg.qr", out=True, tensors="A")
def qr(A: Tensor, mode: str = "reduced") -> QR:  # type: ignore[valid-type]
    """The decomposition A = Q R with orthogonal columns in Q and an upper triangular R.

    Args:
        A: Matrices of any shape.
        mode: "reduced", "complete" (Q is square), or "r" (Q is empty).

    Raises:
        RuntimeError: There is no such mode.

    Source: torch.linalg.qr

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.qr(2 * torch.eye(2)).R
        tensor([[2., 0.],
                [0., 2.]])
    """
    matrices("linalg.qr", A)
    floating("linalg.qr", A, "geqrf_cpu")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
            "'complete'"
        )
    if mode == "r":
        return QR((A.new_empty(0), r_(A)))
    return QR(qr_(A, mode))


@public("qr", method="qr", out=True, tensors="input")
def old_qr(input: Tensor, some: bool = True) -> Any:
    """Gone since PyTorch 2.14.

    Raises:
        RuntimeError: Always.

    Source: torch.qr
    """
    raise RuntimeError(
        "This function was deprecated since version 1.9 and is now removed. `torch.qr` is deprecated in favor "
        "of `torch.linalg.qr`: write torch.linalg.qr(A), and for some=False torch.linalg.qr(A, 'complete')"
    )


def _raw(a: Any) -> Any:
    reflections, tau = np.linalg.qr(a, "raw")
    return by_columns(np.swapaxes(reflections, -1, -2)), tau


_reflections = kernels.Native("lapack.reflecting", "reflections", _raw)


@operation(label="Geqrf", linear=False)
def geqrf_(a: Any) -> Any:
    """LAPACK's geqrf: R with the reflections below it, and their factors."""
    return _reflections(a)


@geqrf_.gradient
def _(g: Any) -> None:
    raise NotImplementedError(
        "the derivative for 'geqrf' is not implemented: differentiate linalg.qr instead"
    )


@public("geqrf", method=True, out=True, tensors="input")
def geqrf(input: Tensor) -> Geqrf:  # type: ignore[valid-type]
    """The QR decomposition as reflections, for `householder_product` and `ormqr`.

    Source: torch.geqrf
    """
    matrices("torch.geqrf", input, "input")
    implemented("geqrf_cpu", input)
    return Geqrf(geqrf_(input))


def _check_reflections(name: str, A: Tensor, tau: Tensor) -> None:
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if A.shape[-2] < A.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if A.shape[-1] < tau.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    if A.ndim - tau.ndim != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to "
            f"{tau.ndim} and input.ndim is equal to {A.ndim}"
        )
    if tuple(A.shape[:-2]) != tuple(tau.shape[:-1]):
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got "
            f"{list(tau.shape[:-1])}"
        )
    same_dtype(name, A, tau, ("input", "tau"))


def _reflect(a: Any, tau: Any, x: Any, forwards: bool) -> Any:
    """x multiplied by the reflections I - tau_i v_i v_i^H, the last (or the first) one first."""
    count = tau.shape[-1]
    for i in range(count) if forwards else range(count - 1, -1, -1):
        v = np.tril(a[..., :, i : i + 1], -i - 1)
        v[..., i, :] = 1
        x = x - np.matmul(tau[..., None, i : i + 1] * v, np.matmul(np.conj(v.swapaxes(-1, -2)), x))
    return by_columns(x)


def _product(a: Any, tau: Any) -> Any:
    start = np.broadcast_to(np.eye(*a.shape[-2:], dtype=a.dtype), a.shape)
    return _reflect(a, tau, start, False)


_reflected = kernels.Native("lapack.reflecting", "reflected", _reflect)
_multiplied = kernels.Native("lapack.reflecting", "product", _product)


@operation(operands="a tau x", label="Ormqr")
def ormqr_(a: Any, tau: Any, x: Any, forwards: bool) -> Any:
    """x multiplied by the reflections I - tau_i v_i v_i^H, the last (or the first) one first."""
    return _reflected(a, tau, x, forwards)


@operation(operands="a tau", label="LinalgHouseholderProduct")
def householder_(a: Any, tau: Any) -> Any:
    """The first columns of the product of reflections."""
    return _multiplied(a, tau)


def _reflect_back(
    g: Tensor, a: Tensor, tau: Tensor, x: Tensor, forwards: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients towards the vectors, the factors and x: each reflection is taken again, and then back."""
    from ..join.cat import cat

    count, width = tau.shape[-1], a.shape[-1]
    vectors, steps, g = _vectors(a), [], g.contiguous()
    for i in range(count) if forwards else range(count - 1, -1, -1):
        v, factor = vectors[..., :, i : i + 1], tau[..., None, i : i + 1]
        inner = v.mH @ x
        steps.append((i, v, factor, x, inner))
        x = x - (factor * v) @ inner
    to_vectors: list[Any] = [vectors[..., :, i : i + 1] * 0 for i in range(width)]
    to_factors: list[Any] = [None] * count
    for i, v, factor, before, inner in reversed(steps):
        back, turned = v.mH @ g, conjugated(factor)
        to_factors[i] = -(conjugated(inner) * back).sum(-1)
        to_vectors[i] = -(turned * (g @ inner.mH) + factor * (before @ back.mH))
        g = g - (turned * v) @ back
    if not steps:
        return a * 0, tau * 0, g
    return cat(to_vectors, -1).tril(-1), cat(to_factors, -1), g


@ormqr_.gradient
def _(g: Tensor, a: Tensor, tau: Tensor, x: Tensor, forwards: bool, needs: tuple) -> tuple:
    if needs[0] or needs[1]:
        return _reflect_back(g, a, tau, x, forwards)
    return None, None, ormqr_(a, conjugated(tau), g, not forwards)


@householder_.gradient
def _(g: Tensor, a: Tensor, tau: Tensor) -> tuple:
    return _reflect_back(g, a, tau, _start(a), False)[:2]


def _start(like: Tensor) -> Tensor:
    from ..create.eye import eye

    return eye(*like.shape[-2:], dtype=like.dtype, device=like.device).expand(like.shape)


def _vectors(a: Tensor) -> Tensor:
    return a.tril(-1) + _start(a)


@public("linalg.householder_product", "orgqr", method="orgqr", out=True, tensors="A tau")
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of a product of Householder reflections.

    Args:
        A: Their vectors, in the columns below the diagonal (on it there is a one).
        tau: Their factors.

    Shape:
        A: (..., m, n) with m >= n. tau: (..., k) with k <= n. Result: (..., m, n).

    Source: torch.linalg.householder_product
    """
    _check_reflections("torch.linalg.householder_product", A, tau)
    implemented("orgqr_cpu", A)
    return householder_(A, tau)


@public("ormqr", method=True, out=True, tensors="input tau other")
def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """A matrix times the Q of `geqrf`'s reflections, without forming Q.

    Args:
        input: The reflections' vectors.
        tau: Their factors.
        other: The matrix.
        left: Q stands on the left of it.
        transpose: Multiply with Q^H.

    Source: torch.ormqr
    """
    name = "torch.ormqr"
    for x, label in ((input, "input"), (other, "other")):
        if x.ndim < 2:
            raise RuntimeError(f"{name}: {label} must have at least 2 dimensions.")
    rows = other.shape[-2 if left else -1]
    if rows < tau.shape[-1]:
        raise RuntimeError(
            f"{name}: other.shape[{-2 if left else -1}] must be greater than or equal to tau.shape[-1]"
        )
    if rows != input.shape[-2]:
        raise RuntimeError(
            f"{name}: other.shape[{-2 if left else -1}] must be equal to input.shape[-2]"
        )
    if tau.shape[-1] > input.shape[-1]:
        raise RuntimeError(
            f"{name}: tau.shape[-1] must be equal to min(other.shape[-2], input.shape[-1])"
        )
    if input.ndim - tau.ndim != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to "
            f"{tau.ndim} and input.ndim is equal to {input.ndim}"
        )
    same_dtype(name, input, tau, ("input", "tau"))
    same_dtype(name, input, other, ("input", "other"))
    if not left:
        return ormqr(input, tau, other.mH, True, not transpose).mH
    factors = conjugated(tau) if transpose else tau
    return ormqr_(input, factors, other, bool(transpose))
