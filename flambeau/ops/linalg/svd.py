"""Singular values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.result import named_result
from ...core.tensor import Tensor
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from . import lapack
from .check import LinAlgError, conjugated, floating, identity, matrices

Svd = named_result("linalg_svd", "U S Vh")
OldSvd = named_result("svd", "U S V")


def differences(values: Tensor) -> Tensor:
    """values[j] - values[i] at (i, j), and ones on the diagonal, for dividing."""
    eye = identity(values.shape[-1], values)
    return values[..., None, :] - values[..., :, None] + eye


def diag_embed(values: Tensor) -> Tensor:
    """Matrices with the values on their diagonal."""
    return values[..., None, :] * identity(values.shape[-1], values)


def check_phase(name: str, diagonal: Tensor) -> None:
    """Raises RuntimeError where a loss depends on the phase of complex vectors, which nothing fixes."""
    if not diagonal.dtype.is_complex:
        return
    turn = np.abs(diagonal._array.imag)
    if turn.size and turn.max() > 1e-2 * max(1.0, float(np.abs(diagonal._array).max())):
        raise RuntimeError(
            f"{name}: The vectors in the complex case are specified up to multiplication by "
            "e^{i phi}. The specified loss function depends on this quantity, so it is ill-defined."
        )


@operation(outputs="u s vh", label="LinalgSvd")
def svd_(a: Any, full: bool) -> Any:
    """Singular values, and the vectors on both sides."""
    u, s, vh = lapack.svd(a, full)
    if s.size and not s.max() < np.inf:
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix contained "
            "non-finite values."
        )
    return u, s, vh


@svd_.gradient
def _(
    g_u: Tensor | None,
    g_s: Tensor | None,
    g_vh: Tensor | None,
    u: Tensor,
    s: Tensor,
    vh: Tensor,
) -> Any:
    k = s.shape[-1]
    m, n = u.shape[-2], vh.shape[-1]
    u, vh = u[..., :, :k], vh[..., :k, :]
    if g_u is None and g_vh is None:
        return None if g_s is None else (u * g_s[..., None, :]) @ vh
    gu = None if g_u is None else g_u[..., :, :k]
    gv = None if g_vh is None else g_vh[..., :k, :]
    if g_u is not None and g_u.shape[-1] > k and g_u[..., :, k:]._array.any():
        _beyond("U")
    if g_vh is not None and g_vh.shape[-2] > k and g_vh[..., k:, :]._array.any():
        _beyond("Vh")
    core = _core(gu, g_s, gv, u, s, vh)
    inverse = 1 / s
    result = u @ core @ vh
    if gu is not None and m > k:
        rest = gu * inverse[..., None, :]
        result = result + (rest - u @ (u.mH @ rest)) @ vh
    if gv is not None and n > k:
        rest = inverse[..., :, None] * gv
        result = result + u @ (rest - (rest @ vh.mH) @ vh)
    return result


def _beyond(name: str) -> None:
    raise RuntimeError(
        f"svd_backward: the columns of {name} beyond the number of singular values have no gradient; "
        "use full_matrices=False, or only the first columns, where a gradient is wanted"
    )


def _core(
    gu: Tensor | None, gs: Tensor | None, gv: Tensor | None, u: Tensor, s: Tensor, vh: Tensor
) -> Tensor:
    """The gradient in the basis of the singular vectors."""
    k = s.shape[-1]
    off = 1 - identity(k, s)
    gaps = differences(s) * (s[..., None, :] + s[..., :, None]) * off + identity(k, s)
    core: Any = 0
    turn: Any = 0
    if gu is not None:
        part = u.mH @ gu
        turn = part.diagonal(0, -2, -1)
        core = core + (part - part.mH) / gaps * off * s[..., None, :]
    if gv is not None:
        part = vh @ gv.mH
        turn = turn + part.diagonal(0, -2, -1)
        core = core + s[..., :, None] * ((part - part.mH) / gaps * off)
    check_phase("svd_backward", turn)
    if u.dtype.is_complex and gu is not None:
        phase = (u.mH @ gu).diagonal(0, -2, -1).imag / s
        core = core + diag_embed(phase) * 1j
    if gs is not None:
        core = core + diag_embed(gs)
    return core


def _driver(driver: str | None) -> None:
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with "
            "cuSOLVER backend: leave it out."
        )


@public("linalg.svd", out=True, tensors="A")
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Svd:  # type: ignore[valid-type]
    """Singular value decompositions A = U diag(S) Vh.

    Args:
        A: Matrices of any shape.
        full_matrices: Give square U and Vh.
        driver: For CUDA only.

    Source: torch.linalg.svd

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.svd(torch.tensor([[3., 0.], [0., 2.]])).S
        tensor([3., 2.])
    """
    matrices("linalg.svd", A)
    floating("linalg.svd", A, "linalg_svd_cpu")
    _driver(driver)
    return Svd(svd_(A, full_matrices))


@operation(label="LinalgSvd")
def svdvals_(a: Any) -> Any:
    """Singular values alone."""
    try:
        return np.linalg.svd(a, compute_uv=False)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            "linalg.svdvals: The algorithm failed to converge because the input matrix contained "
            "non-finite values."
        ) from error


@svdvals_.gradient
def _(g: Tensor, a: Tensor) -> Tensor:
    u, _, vh = svd_(a, False)
    return (u * g[..., None, :]) @ vh


@public("linalg.svdvals", out=True, tensors="A")
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """Singular values, descending.

    Source: torch.linalg.svdvals
    """
    matrices("linalg.svdvals", A)
    floating("linalg.svdvals", A, "linalg_svd_cpu")
    _driver(driver)
    return svdvals_(A)


@public("svd", method="svd", out=True, tensors="input")
def old_svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> OldSvd:  # type: ignore[valid-type]
    """Singular value decompositions input = U diag(S) V^H; `torch.linalg.svd` is newer.

    Args:
        input: Matrices of any shape.
        some: Give only as many vectors as there are singular values.
        compute_uv: False gives zeros for U and V.

    Source: torch.svd
    """
    matrices("svd", input, "input")
    floating("linalg.svd", input, "linalg_svd_cpu")
    if not compute_uv:
        m, n = input.shape[-2:]
        batch = input.shape[:-2]
        zeros = input.new_zeros
        return OldSvd((zeros((*batch, m, m)), svdvals_(input), zeros((*batch, n, n))))
    u, s, vh = svd_(input, not some)
    return OldSvd((u, s, conjugated(vh).mT))
