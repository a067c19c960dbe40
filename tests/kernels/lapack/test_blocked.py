"""Large triangles and factorisations, cut in halves, against what they are defined by, in float64."""

import numpy as np
import pytest

from flambeau import kernels

from .test_solving import DTYPES, found, regular, within

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


def triangle(a, upper, unitriangular):
    read = (np.triu if upper else np.tril)(a).astype(np.float64)
    return read - np.diag(np.diag(read)) + np.eye(len(a)) if unitriangular else read


@DTYPES
@pytest.mark.parametrize(("n", "k"), [(1, 8), (5, 64), (64, 63), (65, 130), (129, 9), (300, 300)])
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("unitriangular", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_systems(dtype, n, k, upper, unitriangular, turned):
    from flambeau.kernels.lapack.blocked import substitute

    a = regular((), n, dtype) / n
    a = a.T if turned else a
    b = np.random.default_rng(1).standard_normal((n, k)).astype(dtype)
    room = np.full((n, k + 3), np.nan, dtype)  # rows that lie further apart
    x = room[:, :k]
    x[...] = b
    substitute(a, x, upper, unitriangular)
    wanted = np.linalg.solve(triangle(a, upper, unitriangular), b)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(x, wanted, atol=within(dtype) * scale)
    assert np.isnan(room[:, k:]).all()


@DTYPES
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("n", "k"), [(3, 1), (40, 128), (70, 200)])
def test_stacks_share_their_strips(dtype, count, n, k):
    """One thread or two: the bits are the same. Zeros and what is not finite go their way."""
    from flambeau.kernels.lapack.substitution import substitute

    a = regular((count,), n, dtype)
    b = np.random.default_rng(2).standard_normal((count, n, k)).astype(dtype)
    b[0, :, 0], a[-1, 0, 0] = np.inf, 0
    results = []
    before = kernels.get_num_threads()
    try:
        for threads in (1, 2):
            kernels.set_num_threads(threads)
            results.append(b.copy())
            substitute(a, results[-1], False, False)
    finally:
        kernels.set_num_threads(before)
    np.testing.assert_array_equal(*results)
    assert np.isinf(results[0][-1, 0]).all()
    for i in range(count - 1):
        wanted = np.linalg.solve(np.tril(a[i].astype(np.float64)), b[i, :, 1:])
        np.testing.assert_allclose(results[0][i, :, 1:], wanted, atol=within(dtype))


@DTYPES
@pytest.mark.parametrize("n", [255, 256, 300, 450])
def test_factors(dtype, n):
    from flambeau.kernels.lapack.solving import cholesky, factor

    a = np.random.default_rng(3).standard_normal((2, n, n + 7)).astype(dtype)
    lu, pivots, info = found(factor(a))
    low, up = np.tril(lu[..., :, :n], -1) + np.eye(n), np.triu(lu)
    product = low @ up
    for matrix, swaps in zip(product, pivots):
        for j in reversed(range(n)):
            matrix[[j, swaps[j] - 1]] = matrix[[swaps[j] - 1, j]]
    np.testing.assert_allclose(product, a, atol=5 * within(dtype))
    assert not info.any()
    assert (np.abs(low) <= 1).all()
    if n >= 256:
        wide = a.astype(np.float64)
        positive = wide @ wide.swapaxes(-1, -2) / n + np.eye(n)
        made, info = found(cholesky(positive.astype(dtype)))
        np.testing.assert_allclose(made @ made.swapaxes(-1, -2), positive, atol=within(dtype))
        assert (np.triu(made, 1) == 0).all()
        assert not info.any()


def test_what_has_no_factor():
    from flambeau.kernels.lapack.blocked import cholesky as factored
    from flambeau.kernels.lapack.solving import factor

    a = np.eye(300)
    a[200, 200] = -1
    assert found(factored(a)) == 201
    b = regular((), 300, np.float64)
    b[:, 150] = 0
    assert found(factor(b))[2] == 151
