"""Linear algebra: values and gradients to second order, real and complex, against recorded answers
and against differences. Where vectors are fixed only up to a sign or a phase, what does not depend on
it is compared."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch


def definite(t, a):
    return a @ a.mH + 2 * t.eye(a.shape[-1], dtype=a.dtype)


def hermitian(a):
    return a + a.mH


def squared(x):
    return (x * x.conj()).real if x.is_complex() else x * x


def qr_parts(t, a):
    q, r = t.linalg.qr(a)
    return squared(q).cumsum(-2) @ squared(r)


CASES = {
    "cholesky": (lambda t, a: t.linalg.cholesky(definite(t, a)), [(3, 3)]),
    "cholesky upper batch": (
        lambda t, a: t.linalg.cholesky(definite(t, a), upper=True),
        [(2, 3, 3)],
    ),
    "cholesky_solve": (lambda t, b, a: t.cholesky_solve(b, a + 3 * t.eye(3)), [(3, 2), (3, 3)]),
    "cholesky_inverse upper": (lambda t, a: t.cholesky_inverse(a + 3 * t.eye(3), True), [(3, 3)]),
    "solve_triangular": (
        lambda t, a, b: t.linalg.solve_triangular(a + 3 * t.eye(3), b, upper=False),
        [(2, 3, 3), (3, 2)],
    ),
    "solve_triangular right unit": (
        lambda t, a, b: t.linalg.solve_triangular(a, b, upper=True, left=False, unitriangular=True),
        [(3, 3), (2, 3)],
    ),
    "triangular_solve": (
        lambda t, b, a: t.triangular_solve(b, a, transpose=True).solution,
        [(3, 2), (3, 3)],
    ),
    "inv": (lambda t, a: t.linalg.inv(a), [(2, 3, 3)]),
    "solve": (lambda t, a, b: t.linalg.solve(a, b), [(3, 3), (3,)]),
    "solve right": (lambda t, a, b: t.linalg.solve(a, b, left=False), [(2, 3, 3), (4, 3)]),
    "det": (lambda t, a: t.linalg.det(a), [(2, 3, 3)]),
    "slogdet": (lambda t, a: t.linalg.slogdet(a).logabsdet, [(2, 3, 3)]),
    "slogdet sign": (lambda t, a: t.linalg.slogdet(a * (1 + 0j)).sign, [(2, 3, 3)]),
    "logdet": (lambda t, a: t.logdet(definite(t, a)), [(3, 3)]),
    "tensorinv": (lambda t, a: t.linalg.tensorinv(a, ind=2), [(2, 3, 6)]),
    "tensorsolve": (
        lambda t, a, b: t.linalg.tensorsolve(a, b, dims=(1,)),
        [(2, 6, 3), (2, 3)],
    ),
    "lu": (lambda t, a: t.linalg.lu(a).L @ t.linalg.lu(a).U.cos(), [(3, 3)]),
    "lu wide": (lambda t, a: t.linalg.lu_factor(a).LU, [(3, 5)]),
    "lu tall": (lambda t, a: t.linalg.lu_factor(a).LU, [(2, 5, 3)]),
    "lu_solve": (
        lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b, adjoint=True),
        [(3, 3), (3, 2)],
    ),
    "lu_solve right": (
        lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b, left=False),
        [(3, 3), (2, 3)],
    ),
    "eigh values": (lambda t, a: t.linalg.eigh(hermitian(a)).eigenvalues, [(2, 3, 3)]),
    "eigh vectors": (
        lambda t, a: squared(t.linalg.eigh(hermitian(a)).eigenvectors),
        [(3, 3)],
    ),
    "eigvalsh": (lambda t, a: t.linalg.eigvalsh(hermitian(a), UPLO="U"), [(3, 3)]),
    "eigvals": (lambda t, a: t.linalg.eigvals(a).abs().sort().values, [(3, 3)]),
    "svdvals": (lambda t, a: t.linalg.svdvals(a), [(2, 3, 4)]),
    "svd left": (
        lambda t, a: squared(t.linalg.svd(a, full_matrices=False).U),
        [(4, 3)],
    ),
    "svd right": (
        lambda t, a: squared(t.linalg.svd(a, full_matrices=False).Vh) @ a.abs().mT,
        [(3, 4)],
    ),
    "old svd": (lambda t, a: squared(t.svd(a).V) * t.svd(a).S, [(3, 3)]),
    "pinv": (lambda t, a: t.linalg.pinv(a), [(2, 4, 3)]),
    "pinv wide": (lambda t, a: t.pinverse(a), [(3, 4)]),
    "pinv hermitian": (lambda t, a: t.linalg.pinv(hermitian(a), hermitian=True), [(3, 3)]),
    "lstsq": (lambda t, a, b: t.linalg.lstsq(a, b, driver="gelsd").solution, [(4, 3), (4, 2)]),
    "cond": (lambda t, a: t.linalg.cond(a, 1), [(3, 3)]),
    "cond 2": (lambda t, a: t.linalg.cond(a, -2), [(3, 4)]),
    "matrix_norm fro": (lambda t, a: t.linalg.matrix_norm(a), [(2, 3, 4)]),
    "matrix_norm nuc": (
        lambda t, a: t.linalg.matrix_norm(a, "nuc", dim=(2, 0), keepdim=True),
        [(3, 2, 4)],
    ),
    "matrix_norm 2": (lambda t, a: t.linalg.norm(a, 2), [(3, 4)]),
    "matrix_norm inf": (lambda t, a: t.linalg.norm(a, float("inf"), dim=(0, 2)), [(3, 2, 4)]),
    "qr tall": (qr_parts, [(4, 3)]),
    "qr square": (qr_parts, [(2, 3, 3)]),
    "qr wide": (lambda t, a: squared(t.linalg.qr(a).R), [(3, 4)]),
    "householder_product": (
        lambda t, a, tau: t.linalg.householder_product(a, tau),
        [(4, 3), (2,)],
    ),
    "ormqr": (
        lambda t, a, tau, b: t.ormqr(a, tau, b, left=False, transpose=True),
        [(4, 3), (3,), (2, 4)],
    ),
    "matrix_exp": (lambda t, a: t.linalg.matrix_exp(a), [(2, 3, 3)]),
    "matrix_power": (lambda t, a: t.linalg.matrix_power(a, 5), [(3, 3)]),
    "matrix_power negative": (lambda t, a: t.linalg.matrix_power(a, -3), [(3, 3)]),
    "multi_dot": (lambda t, a, b, c: t.linalg.multi_dot([a, b, c]), [(3,), (3, 4), (4, 2)]),
    "cross": (lambda t, a, b: t.linalg.cross(a, b, dim=0), [(3, 4), (3, 1)]),
    "vecdot": (lambda t, a, b: t.linalg.vecdot(a, b, dim=0), [(3, 4), (3, 1)]),
    "vander": (lambda t, a: t.linalg.vander(a, N=4), [(2, 3)]),
    "kron": (lambda t, a, b: t.kron(a, b), [(2, 3), (4,)]),
    "cov": (lambda t, a: t.cov(a, fweights=t.tensor([1, 2, 1, 3])), [(3, 4)]),
    "corrcoef": (lambda t, a: t.corrcoef(a), [(3, 4)]),
    "norm nuc": (lambda t, a: t.norm(a, "nuc"), [(3, 4)]),
    "tensordot": (lambda t, a, b: t.tensordot(a, b, dims=([0, 1], [1, 0])), [(3, 1, 2), (4, 3, 2)]),
}

REAL = {"cholesky_solve", "cholesky_inverse upper", "slogdet sign", "lu"}
"""Recorded for real inputs only: mixed with a real identity, or a sign that real numbers do not have."""

COMPLEX_FIRST = {"corrcoef", "svd right", "eigvals"}
"""Recorded to first order only for complex inputs."""

UNRECORDED = {"cond"}
"""PyTorch cannot go back through it: it writes over the inverse that it saved."""

NOT_A_DERIVATIVE = {"cholesky_solve", "cholesky_inverse upper"}
"""Their gradient counts for the symmetric matrix, as PyTorch's does, and not for each element of the factor."""


@pytest.mark.parametrize("name", [n for n in CASES if n not in UNRECORDED])
def test_as_recorded(name: str, assert_recorded) -> None:
    case, shapes = CASES[name]
    assert_recorded("linear.json", name, "float64", case, shapes)


@pytest.mark.parametrize("name", [n for n in CASES if n not in REAL | UNRECORDED])
def test_complex_as_recorded(name: str, assert_recorded) -> None:
    case, shapes = CASES[name]
    second = name not in COMPLEX_FIRST
    assert_recorded("linear.json", name, "complex128", case, shapes, second)


@pytest.mark.parametrize("name", [n for n in CASES if n not in NOT_A_DERIVATIVE])
def test_gradients_agree_with_differences(name: str, assert_differences) -> None:
    assert_differences(*CASES[name])


def numbers(*shape, complex):
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex else 0)
    return torch.tensor(x)


@pytest.mark.parametrize("complex", [False, True])
@pytest.mark.parametrize("uplo", ["L", "U"])
def test_the_gradient_of_eigenvectors_is_hermitian(uplo: str, complex: bool) -> None:
    """To second order, in a batch; along Hermitian directions it is the derivative."""
    a, step = (hermitian(numbers(2, 3, 3, complex=complex)) for _ in range(2))
    a = a + torch.diag(torch.tensor([0.0, 3, 7], dtype=torch.float64))
    weight = torch.arange(9.0, dtype=torch.float64).reshape(3, 3) % 4

    def loss(a):
        values, vectors = torch.linalg.eigh(a, UPLO=uplo)
        return (squared(vectors) * weight).sum() + values.sin().sum()

    a.requires_grad_()
    (g,) = torch.autograd.grad(loss(a), a, create_graph=True)
    (second,) = torch.autograd.grad(squared(g).sum(), a)
    for part in (g.detach(), second):
        np.testing.assert_allclose(part, part.mH, atol=1e-12 * float(part.abs().max()))
    with torch.no_grad():
        slope = (loss(a + 1e-5 * step) - loss(a - 1e-5 * step)) / 2e-5
        along = (g.conj() * step).sum().real if complex else (g * step).sum()
    assert slope.item() == pytest.approx(along.item(), rel=1e-7)
