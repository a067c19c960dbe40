"""Decompositions of low rank, by random projections."""

from __future__ import annotations

from ...core.tensor import Tensor
from ...dispatch.registry import NAMESPACES, public
from .qr import qr
from .svd import svd


def _range(A: Tensor, q: int, niter: int) -> Tensor:
    """Orthogonal columns that span most of what A reaches (Halko, Martinsson and Tropp, 4.4)."""
    x = A @ NAMESPACES["torch"]["randn"](A.shape[-1], q, dtype=A.dtype, device=A.device)
    basis = qr(x)[0]
    for _ in range(niter):
        basis = qr(A.mH @ basis)[0]
        basis = qr(A @ basis)[0]
    return basis


@public("svd_lowrank", out=True, tensors="A")
def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and V of the largest singular values, by a random projection.

    Args:
        A: Matrices.
        q: A little more than the rank that is looked for.
        niter: How often the projection is refined.
        M: Subtracted from A first.

    Source: torch.svd_lowrank; Halko, Martinsson and Tropp (2009)
    """
    q = 6 if q is None else q
    niter = 2 if niter is None else niter
    if M is not None:
        A = A - M.expand(A.shape)
    wide = A.shape[-2] < A.shape[-1]
    x = A.mH if wide else A
    basis = _range(x, q, niter)
    u, s, vh = svd(basis.mH @ x, full_matrices=False)
    u, v = basis @ u, vh.mH
    return (v, s, u) if wide else (u, s, v)


@public("pca_lowrank", out=True, tensors="A")
def pca_lowrank(
    A: Tensor, q: int | None = None, center: bool = True, niter: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """The principal components of rows, by a random projection.

    Args:
        A: Matrices: rows are samples.
        q: How many components. Default: min(6, m, n).
        center: Subtract the mean of the columns first.
        niter: How often the projection is refined.

    Raises:
        ValueError: q or niter is out of range.

    Source: torch.pca_lowrank
    """
    m, n = A.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    x = A - A.mean(-2, keepdim=True) if center else A
    return svd_lowrank(x, q, niter)
