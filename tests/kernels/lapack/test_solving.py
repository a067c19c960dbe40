"""LAPACK's routines for stacks, against what they are defined by and NumPy's functions, in float64."""

import numpy as np
import pytest

from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LEADS = pytest.mark.parametrize("lead", [(), (1,), (5,), (2, 3)])
SIZES = pytest.mark.parametrize("n", [1, 3, 10, 70])


def within(dtype):
    return 2e-3 if dtype == np.float32 else 1e-9


def regular(lead, n, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((*lead, n, n)) + np.eye(n) * (2 + n**0.5)).astype(dtype)


def found(value):
    """What a function gave; there may be another BLAS."""
    if value is NotImplemented:
        pytest.skip("NumPy's library has no such routine")
    return value


@DTYPES
@LEADS
@SIZES
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("unitriangular", [False, True])
def test_triangles(dtype, lead, n, turned, upper, unitriangular):
    """What lies in the other triangle, and on a unit diagonal, is not read."""
    from flambeau.kernels.lapack.solving import triangle

    a = regular(lead, n, dtype)
    a = a.swapaxes(-1, -2) if turned else a
    b = np.random.default_rng(1).standard_normal((*lead, n, 4)).astype(dtype)
    read = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        read = np.tril(np.triu(read, 1), -1) + read
        places = np.arange(n)
        read[..., places, places] = 1
        a = a / n
        read = read / n
        read[..., places, places] = 1
    x = found(triangle(a, b, upper, unitriangular))
    np.testing.assert_allclose(
        read.astype(np.float64) @ x, b, rtol=within(dtype), atol=within(dtype)
    )


def test_zeros_on_a_diagonal_are_divided_by():
    from flambeau.kernels.lapack.solving import triangle

    a = np.array([[1.0, 2.0], [0.0, 0.0]])
    x = found(triangle(a, np.ones((2, 1)), True, False))
    assert np.isinf(x[1, 0])


@DTYPES
@LEADS
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (70, 70), (9, 5), (5, 9)])
def test_factors(dtype, lead, shape):
    from flambeau.kernels.lapack.solving import factor

    a = np.random.default_rng(2).standard_normal((*lead, *shape)).astype(dtype)
    lu, pivots, info = found(factor(a))
    m, k = shape[0], min(shape)
    low, up = np.tril(lu[..., :, :k], -1) + np.eye(m, k), np.triu(lu[..., :k, :])
    product = (low @ up).reshape(-1, *shape)
    for matrix, swaps in zip(product, pivots.reshape(-1, k)):
        for j in reversed(range(k)):
            matrix[[j, swaps[j] - 1]] = matrix[[swaps[j] - 1, j]]
    np.testing.assert_allclose(product.reshape(a.shape), a, atol=within(dtype))
    assert not info.any()
    assert (np.abs(low) <= 1 + within(dtype)).all()


@DTYPES
@pytest.mark.parametrize("n", [24, 70, 129, 300])
def test_inverses_and_solutions(dtype, n):
    from flambeau.kernels.lapack.solving import DETERMINED, SOLVED, inverse, slogdet, solve

    a, b = regular((2,), n, dtype), np.random.default_rng(3).standard_normal((2, n, 3))
    made, info = found(inverse(a))
    np.testing.assert_allclose(made @ a, np.broadcast_to(np.eye(n), a.shape), atol=within(dtype))
    assert not info.any()
    if n >= SOLVED:
        x, info = found(solve(a, b.astype(dtype)))
        np.testing.assert_allclose(a @ x, b, atol=5 * within(dtype))
    if n >= DETERMINED:
        sign, log = found(slogdet(a))
        expected = np.linalg.slogdet(a.astype(np.float64))
        np.testing.assert_allclose(sign, expected[0])
        np.testing.assert_allclose(log, expected[1], rtol=within(dtype))


def test_a_singular_matrix_says_where_and_leaves_the_others_alone():
    from flambeau.kernels.lapack.solving import inverse

    a = regular((3,), 30, np.float64)
    a[1, :, 4] = 0
    made, info = found(inverse(a))
    assert info.tolist() == [0, 5, 0]
    np.testing.assert_allclose(
        made[::2] @ a[::2], np.broadcast_to(np.eye(30), (2, 30, 30)), atol=1e-9
    )


@DTYPES
@LEADS
@SIZES
@pytest.mark.parametrize("upper", [False, True])
def test_cholesky_factors(dtype, lead, n, upper):
    from flambeau.kernels.lapack.solving import cholesky_inverse, cholesky_solve

    x = regular(lead, n, np.float64) / n
    a = x @ x.swapaxes(-1, -2) + np.eye(n)
    factor = np.linalg.cholesky(a)
    factor = (factor.swapaxes(-1, -2) if upper else factor).astype(dtype)
    b = np.random.default_rng(4).standard_normal((*lead, n, 2)).astype(dtype)
    solved, made = found(cholesky_solve(b, factor, upper)), found(cholesky_inverse(factor, upper))
    np.testing.assert_allclose(a @ solved, b, atol=within(dtype))
    np.testing.assert_allclose(a @ made, np.broadcast_to(np.eye(n), a.shape), atol=within(dtype))


def test_other_arrays_are_left_to_numpy():
    from flambeau.kernels.lapack.decomposing import eigvals, qr
    from flambeau.kernels.lapack.solving import factor, triangle

    assert factor(np.ones((2, 2), np.complex64)) is NotImplemented
    assert factor(np.ones((0, 2, 2))) is NotImplemented
    assert triangle(np.ones((2, 2)), np.ones((2, 2), np.float32), True, False) is NotImplemented
    assert qr(np.ones((3, 0)), "reduced") is NotImplemented
    assert eigvals(np.ones((2, 2), np.complex128)) is NotImplemented


def test_the_same_bits_on_any_number_of_threads():
    from flambeau.kernels.lapack.solving import factor

    a = regular((400,), 24, np.float32)
    threads = kernels.get_num_threads()
    try:
        results = []
        for number in (1, 2):
            kernels.set_num_threads(number)
            results.append(found(factor(a))[0])
    finally:
        kernels.set_num_threads(threads)
    assert (results[0] == results[1]).all()
