"""Stacks of small matrices across lanes, against NumPy's functions in float64."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
COUNTS = [(8,), (15,), (16,), (3, 11)]


def stack(lead, n, dtype, seed=0):
    a = np.random.default_rng(seed).standard_normal((*lead, n, n))
    return (a + 3 * np.eye(n) * np.where(np.arange(n) % 2, 1, -1)).astype(dtype)[..., ::-1, :]


def layouts(a):
    """Row by row, column by column, backwards, and with gaps."""
    yield np.ascontiguousarray(a)
    yield np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2)
    yield np.ascontiguousarray(a[..., ::-1, ::-1])[..., ::-1, ::-1]
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    yield wide[..., ::2]


def close(made, expected, a):
    within = 100 * np.finfo(a.dtype).eps * np.linalg.cond(a.astype(float)).max()
    np.testing.assert_allclose(made, expected, rtol=within, atol=within * np.abs(expected).max())


@DTYPES
@pytest.mark.parametrize("lead", COUNTS, ids=str)
@pytest.mark.parametrize("n", range(1, 9))
def test_elimination(dtype, lead, n):
    from flambeau.kernels.lapack import small

    a = stack(lead, n, dtype)
    wide = a.astype(float)
    for k in (1, 3):
        b = np.random.default_rng(1).standard_normal((*lead, n, k)).astype(dtype)
        for x, y in zip(layouts(a), layouts(b)):
            found = small.eliminated(x, y)
            close(found.x, np.linalg.solve(wide, b.astype(float)), a)
            close(found.products, np.linalg.det(wide), a)
            close(found.pivots.prod(-1), np.linalg.det(wide), a)
            assert not found.info.any()
    close(small.eliminated(a, k=n).x, np.linalg.inv(wide), a)
    shared = small.eliminated(a, b[(0,) * len(lead)]).x
    close(shared, np.linalg.solve(wide, b[(0,) * len(lead)].astype(float)), a)


@DTYPES
@pytest.mark.parametrize("lead", COUNTS, ids=str)
@pytest.mark.parametrize("n", range(1, 9))
def test_cholesky(dtype, lead, n):
    """The upper triangle is not read."""
    from flambeau.kernels.lapack import small

    a = stack(lead, n, dtype)
    a = a @ a.swapaxes(-1, -2) + np.eye(n, dtype=dtype)
    for x in layouts(np.where(np.tri(n, dtype=bool), a, dtype(np.nan))):
        factor, info = small.cholesky(x)
        close(factor, np.linalg.cholesky(a.astype(float)), a)
        assert not info.any()


def test_zero_pivots():
    from flambeau.kernels.lapack import small

    a = np.tile(np.eye(4), (20, 1, 1))
    a[3, 2, 2], a[7, :, 0], a[8, 1] = 0, 0, a[8, 3]
    found = small.eliminated(a, k=4)
    assert found.info[[3, 7, 8]].tolist() == [3, 1, 2]
    assert found.info.sum() == 6
    assert found.products[[3, 7, 8]].tolist() == [0, 0, 0]
    assert small.cholesky(-a) is NotImplemented


def test_numbers_that_are_not_finite():
    """They spoil their own matrix and no other."""
    for place in np.ndindex(3, 3):
        a = np.tile(np.diag([1.0, 2.0, 3.0]) + 0.5, (17, 1, 1))
        a[5][place] = np.nan
        made = torch.linalg.det(torch.from_numpy(a)).numpy()
        assert np.isnan(made).tolist() == [i == 5 for i in range(17)]
        inverse = torch.linalg.inv_ex(torch.from_numpy(a)).inverse.numpy()
        np.testing.assert_allclose(inverse[6], np.linalg.inv(a[6]))


def test_pivots_whose_product_is_no_number():
    a = 1e-20 * torch.eye(4).expand(10, 4, 4)
    sign, magnitude = torch.linalg.slogdet(a)
    assert sign.tolist() == [1] * 10
    np.testing.assert_allclose(magnitude, 4 * np.log(1e-20), rtol=1e-6)


def test_errors_name_the_matrix():
    a = torch.eye(3).repeat(12, 1, 1)
    a[9, 1, 1] = 0
    assert torch.linalg.det(a)[9] == 0
    assert torch.linalg.slogdet(a).logabsdet[9] == -torch.inf
    for function in (torch.linalg.inv, lambda a: torch.linalg.solve(a, a)):
        with pytest.raises(torch.linalg.LinAlgError, match=r"\(Batch element 9\)"):
            function(a)
    with pytest.raises(torch.linalg.LinAlgError, match=r"\(Batch element 9\).*order 2 "):
        torch.linalg.cholesky(a)


def test_threads_change_no_bit():
    a = torch.tensor(stack((30000,), 5, np.float32).copy())
    made, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            made.append(torch.linalg.inv(a).numpy())
    finally:
        torch.set_num_threads(before)
    assert made[0].tobytes() == made[1].tobytes()
