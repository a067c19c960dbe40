"""Householder reflections and L D L^T by LAPACK, against what they are defined by, in float64."""

import numpy as np
import pytest

from flambeau import kernels

from .test_solving import DTYPES, LEADS, found, within

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
SHAPES = pytest.mark.parametrize("shape", [(1, 1), (7, 3), (40, 40), (150, 90)])


def orthogonal(a, tau):
    """The product of the reflections, each as a matrix."""
    q = np.eye(a.shape[0])
    for i, factor in enumerate(tau.astype(np.float64)):
        v = np.zeros(a.shape[0])
        v[i], v[i + 1 :] = 1, a[i + 1 :, i]
        q = q - factor * np.outer(q @ v, v)
    return q


def flat(x, kept):
    return x.reshape(-1, *x.shape[x.ndim - kept :])


@DTYPES
@LEADS
@SHAPES
def test_reflections(dtype, lead, shape):
    """They leave the triangle, their product is what `product` gives, and `reflected` multiplies with it."""
    from flambeau.kernels.lapack.reflecting import product, reflected, reflections

    rng = np.random.default_rng(0)
    x = rng.standard_normal((*lead, *shape)).astype(dtype)
    b = rng.standard_normal((*lead, shape[0], 5)).astype(dtype)
    a, tau = found(reflections(x))
    q = found(product(a, tau))
    forth, back = (found(reflected(a, tau, b, forwards)) for forwards in (False, True))
    stacks = zip(*(flat(y, 2) for y in (x, a, q, b, forth, back)), flat(tau, 1))
    for matrix, vectors, made, given, there, turned, factors in stacks:
        wanted = orthogonal(vectors, factors)
        n = shape[1]
        np.testing.assert_allclose(wanted[:, :n] @ np.triu(vectors)[:n], matrix, atol=within(dtype))
        np.testing.assert_allclose(made, wanted[:, :n], atol=within(dtype))
        np.testing.assert_allclose(there, wanted @ given, atol=within(dtype))
        np.testing.assert_allclose(turned, wanted.T @ given, atol=within(dtype))


@DTYPES
def test_fewer_factors_than_columns(dtype):
    from flambeau.kernels.lapack.reflecting import product, reflections

    a, tau = found(reflections(np.random.default_rng(1).standard_normal((9, 6)).astype(dtype)))
    made = found(product(a, tau[:2]))
    np.testing.assert_allclose(made, orthogonal(a, tau[:2])[:, :6], atol=within(dtype))


@DTYPES
@LEADS
@pytest.mark.parametrize("n", [1, 2, 9, 130])
def test_symmetric_systems(dtype, lead, n):
    """Of indefinite matrices, some of whose pivots are blocks of two; the upper triangle is not read."""
    from flambeau.kernels.lapack.reflecting import ldl, ldl_solve

    rng = np.random.default_rng(2)
    a = rng.standard_normal((*lead, n, n))
    a = a + a.swapaxes(-1, -2)
    b = rng.standard_normal((*lead, n, 3))
    ld, pivots, info = found(ldl(np.tril(a).astype(dtype), False))
    x = found(ldl_solve(ld, pivots, b.astype(dtype), False))
    scale = np.abs(np.linalg.inv(a)).max() * n
    np.testing.assert_allclose(a @ x, b, atol=within(dtype) * scale)
    assert not info.any()
    assert pivots.shape == (*lead, n)
    assert (np.triu(ld, 1) == 0).all()
    assert n < 9 or (pivots < 0).any()


def test_a_zero_pivot_is_told():
    from flambeau.kernels.lapack.reflecting import ldl

    assert found(ldl(np.zeros((3, 3)), False))[2] == 1


@LEADS
@pytest.mark.parametrize("m", [4, 50])
def test_orders(lead, m):
    from flambeau.kernels.lapack.reflecting import order

    pivots = np.random.default_rng(3).integers(1, m + 1, (*lead, 4), np.int32)
    rows = found(order(pivots, m))
    assert rows.shape == (*lead, m)
    for swaps, got in zip(flat(pivots, 1), flat(rows, 1)):
        wanted = list(range(m))
        for j, at in enumerate(swaps):
            wanted[j], wanted[at - 1] = wanted[at - 1], wanted[j]
        assert got.tolist() == wanted


def test_other_arrays_are_left_to_numpy():
    from flambeau.kernels.lapack.reflecting import ldl, order, product, reflected, reflections

    a, tau = np.ones((3, 2)), np.ones(2)
    assert reflections(np.ones((2, 2), np.complex64)) is NotImplemented
    assert product(a, tau.astype(np.float32)) is NotImplemented
    assert product(np.ones((2, 3, 2)), tau) is NotImplemented
    assert reflected(a, tau, np.ones((2, 3, 1)), True) is NotImplemented
    assert ldl(np.ones((0, 2, 2)), False) is NotImplemented
    assert order(np.ones((2, 0), np.int32), 3) is NotImplemented
