"""Decompositions by LAPACK, against what they are defined by and NumPy's functions."""

import numpy as np
import pytest

from flambeau import kernels

from .test_solving import DTYPES, LEADS, SIZES, found, regular, within

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@DTYPES
@LEADS
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (3, 7), (40, 40), (80, 20)])
@pytest.mark.parametrize("mode", ["reduced", "complete"])
def test_qr(dtype, lead, shape, mode):
    from flambeau.kernels.lapack.decomposing import qr

    a = np.random.default_rng(0).standard_normal((*lead, *shape)).astype(dtype)
    q, r = found(qr(a, mode))
    expected = np.linalg.qr(a.astype(np.float64), mode)
    assert (q.shape, r.shape) == (expected[0].shape, expected[1].shape)
    np.testing.assert_allclose(q @ r, a, atol=within(dtype))
    np.testing.assert_allclose(r, expected[1], atol=within(dtype))
    eye = np.broadcast_to(np.eye(q.shape[-1]), (*lead, q.shape[-1], q.shape[-1]))
    np.testing.assert_allclose(q.swapaxes(-1, -2) @ q, eye, atol=within(dtype))


@DTYPES
@LEADS
@SIZES
@pytest.mark.parametrize("uplo", ["L", "U"])
def test_eigenvalues(dtype, lead, n, uplo):
    """Of a symmetric matrix one triangle is read."""
    from flambeau.kernels.lapack.decomposing import eigvals, eigvalsh

    a = regular(lead, n, dtype)
    values, info = found(eigvalsh(a, uplo))
    np.testing.assert_allclose(
        values, np.linalg.eigvalsh(a.astype(np.float64), uplo), atol=10 * within(dtype)
    )
    assert not info.any()
    values, info = found(eigvals(a))
    expected = np.linalg.eigvals(a.astype(np.float64))
    for mine, theirs in zip(values.reshape(-1, n), expected.reshape(-1, n)):
        gaps = np.abs(mine[:, None] - theirs).min(0)
        assert gaps.max() < 20 * within(dtype)
    assert not info.any()


@DTYPES
@LEADS
@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (30, 30)])
def test_least_squares(dtype, lead, shape):
    from flambeau.kernels.lapack.decomposing import lstsq

    rng = np.random.default_rng(1)
    a = rng.standard_normal((*lead, *shape)).astype(dtype)
    a[..., :, 1] = a[..., :, 0]  # of rank one less where there are more rows
    b = rng.standard_normal((*lead, shape[0], 2)).astype(dtype)
    x, rank = found(lstsq(a, b, 1e-4))
    wide = a.astype(np.float64)
    np.testing.assert_allclose(x, np.linalg.pinv(wide, 1e-4) @ b, atol=50 * within(dtype))
    assert (rank == np.linalg.matrix_rank(wide, rtol=1e-4)).all()
    assert rank.shape == lead
