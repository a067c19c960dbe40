"""Linear algebra: what is refused, with which type and words."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from flambeau.ops.linalg import lapack

L = torch.linalg
EYE, ZERO = torch.eye(3), torch.zeros(3, 3)

SINGULAR = {
    "inv": (lambda: L.inv(ZERO), "linalg.inv: The diagonal element 1 is zero"),
    "inv batch": (lambda: L.inv(torch.stack([EYE, ZERO])), r"\(Batch element 1\): The diagonal"),
    "inv_ex": (lambda: L.inv_ex(ZERO, check_errors=True), "linalg.inv_ex: The diagonal element 1"),
    "solve": (lambda: L.solve(ZERO, EYE), "torch.linalg.solve: The solver failed because"),
    "solve batch": (
        lambda: L.solve(torch.stack([EYE, ZERO]), EYE),
        r"torch.linalg.solve: \(Batch element 1\): The solver failed",
    ),
    "cholesky": (
        lambda: L.cholesky(-EYE),
        r"the leading minor of order 1 is not positive-definite",
    ),
    "cholesky batch": (
        lambda: L.cholesky(torch.stack([EYE, -EYE])),
        r"linalg.cholesky: \(Batch element 1\): The factorization could not be completed",
    ),
    "cholesky_inverse": (lambda: torch.cholesky_inverse(ZERO), "The diagonal element 1 is zero"),
    "matrix_power": (lambda: L.matrix_power(ZERO, -1), "linalg.inv: The diagonal element 1"),
    "svd": (lambda: L.svd(EYE * float("nan")), "input matrix contained non-finite values"),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_matrices_without_an_answer(name: str) -> None:
    call, words = SINGULAR[name]
    with pytest.raises(L.LinAlgError, match=words):
        call()
    assert issubclass(L.LinAlgError, RuntimeError)


REFUSED = {
    "a vector": (lambda: L.inv(torch.ones(3)), "must have at least 2 dimensions"),
    "no square": (
        lambda: L.det(torch.ones(2, 3)),
        "batches of square matrices, but they are 2 by 3",
    ),
    "integers": (
        lambda: L.inv(torch.ones(2, 2).long()),
        "floating point or complex tensor as input. Got Long",
    ),
    "wide unsigned integers": (
        lambda: L.inv(torch.ones(2, 2, dtype=torch.uint16)),
        "floating point or complex tensor as input. Got UInt16",
    ),
    "half": (
        lambda: L.solve(EYE.half(), EYE.half()),
        "Low precision dtypes not supported. Got Half",
    ),
    "dtypes": (lambda: L.solve(EYE, EYE.double()), "found A of type Float and B of type Double"),
    "sizes": (
        lambda: L.solve(EYE, torch.ones(4, 2)),
        r"Incompatible shapes of A and B for the equation AX = B \(3x3 and 4x2\)",
    ),
    "batches": (
        lambda: L.solve(torch.ones(2, 3, 3), torch.ones(5, 3, 1)),
        "must match the size of tensor",
    ),
    "left vector": (
        lambda: L.solve(EYE, torch.ones(3), left=False),
        "Vector broadcasting of the left",
    ),
    "lu pivot": (
        lambda: L.lu_factor(EYE, pivot=False),
        "LU without pivoting is not implemented on the CPU",
    ),
    "lu zero": (lambda: L.lu_factor(ZERO), r"U\[1,1\] is zero and using it on lu_solve"),
    "lu_solve pivots": (
        lambda: torch.lu_solve(torch.ones(3, 2), EYE, torch.ones(3)),
        "scalar type torch.int32",
    ),
    "ldl zero": (lambda: L.ldl_factor(ZERO), r"D\[1,1\] is zero"),
    "uplo": (lambda: L.eigh(EYE, UPLO="x"), "to be 'L' or 'U', but got x"),
    "driver": (lambda: L.svd(EYE, driver="gesvd"), "only supported on CUDA"),
    "lstsq driver": (
        lambda: L.lstsq(EYE, EYE, driver="x"),
        "should be one of .gels, gelsy, gelsd, gelss",
    ),
    "lstsq sizes": (
        lambda: L.lstsq(EYE, torch.ones(4, 2)),
        r"input.size\(-2\) should match other.size\(-2\)",
    ),
    "qr mode": (lambda: L.qr(EYE, "full"), "unrecognized mode 'full'"),
    "eig nan": (lambda: L.eig(EYE * float("nan")), "should not contain infs or NaNs"),
    "norm order": (lambda: L.matrix_norm(EYE, 3), "Order 3 not supported"),
    "norm dims": (lambda: L.matrix_norm(EYE, dim=(0, 0)), r"dims must be different. Got \(0, 0\)"),
    "norm 3d": (lambda: L.norm(torch.ones(2, 2, 2), 1), "the input must be 1D or 2D. Got 3D"),
    "cond": (lambda: L.cond(EYE, "x"), "invalid norm type: x"),
    "multi_dot": (lambda: L.multi_dot([EYE]), "at least 2 tensors but got 1"),
    "multi_dot shapes": (
        lambda: L.multi_dot([EYE, torch.ones(4, 2)]),
        r"shapes \[3, 3\] and \[4, 2\] cannot",
    ),
    "tensorinv": (lambda: L.tensorinv(EYE, ind=0), "strictly positive integer for 'ind'"),
    "tensorinv sizes": (lambda: L.tensorinv(torch.ones(2, 3, 4)), "but got 4 != 6"),
    "cross": (
        lambda: L.cross(torch.ones(2), torch.ones(2)),
        "dimension -1 must have length 3. Got 2 and 2",
    ),
    "old cross": (
        lambda: torch.cross(torch.ones(2), torch.ones(2)),
        "no dimension of size 3 in input",
    ),
    "vander": (lambda: L.vander(torch.ones(3), N=1), "N must be greater than 1"),
    "householder": (
        lambda: L.householder_product(torch.ones(2, 3), torch.ones(2)),
        r"greater than or equal to input.shape\[-1\]",
    ),
    "rank": (
        lambda: L.matrix_rank(torch.ones(2, 2).int()),
        "doesn't handle types other than float and double",
    ),
    "pinv": (lambda: L.pinv(torch.ones(3)), "expected a tensor with 2 or more dimensions of float"),
    "cov": (
        lambda: torch.cov(torch.ones(2, 2), fweights=torch.tensor([1, -1])),
        "fweights cannot be negative",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, words = REFUSED[name]
    with pytest.raises(RuntimeError, match=words):
        call()


def test_types_that_lapack_does_not_have() -> None:
    with pytest.raises(NotImplementedError, match="\"linalg_eigh_cpu\" not implemented for 'Long'"):
        L.eigh(torch.ones(2, 2).long())
    with pytest.raises(NotImplementedError, match="\"cholesky_cpu\" not implemented for 'Half'"):
        L.cholesky(EYE.half())


def test_arguments_that_are_no_tensors() -> None:
    with pytest.raises(
        TypeError, match=r"linalg_inv\(\): argument 'A' \(position 1\) must be Tensor"
    ):
        L.inv([[1.0]])
    with pytest.raises(TypeError, match=r"argument 'n' \(position 2\) must be int, not float"):
        L.matrix_power(EYE, 0.5)


def test_gradients_that_do_not_exist() -> None:
    a = torch.ones(3, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="mode='complete' and nrows > ncols"):
        L.qr(a, "complete").R.sum().backward()
    with pytest.raises(RuntimeError, match="not computed when mode='r'"):
        L.qr(a, "r").R.sum().backward()
    with pytest.raises(RuntimeError, match="have no gradient"):
        L.svd(a).U[:, 2].sum().backward()
    with pytest.raises(NotImplementedError, match="geqrf"):
        torch.geqrf(a).a.sum().backward()


def test_a_loss_of_a_phase_is_ill_defined() -> None:
    a = torch.tensor([[2.0, 1j], [-1j, 3.0]], requires_grad=True)
    with pytest.raises(RuntimeError, match="specified up to multiplication"):
        L.eigh(a).eigenvectors.imag.sum().backward()


def test_a_numpy_without_the_functions_looked_for_gives_nan_too():
    """For a matrix of nan, as NumPy 2.0's public svd raises LinAlgError; the others of a batch are computed."""
    svd = lapack._function("of no NumPy", lambda a: tuple(np.linalg.svd(a, False)), 3)
    batch = np.stack([np.eye(3, 2), np.full((3, 2), np.nan)])
    u, s, vh = svd(batch)
    assert (u.shape, s.shape, vh.shape) == ((2, 3, 2), (2, 2), (2, 2, 2))
    assert s[0].tolist() == [1.0, 1.0]
    assert all(np.isnan(x[1]).all() for x in (u, s, vh))
    inv = lapack._function("of no NumPy", np.linalg.inv)
    assert np.isnan(inv(np.zeros((2, 2)))).all()
