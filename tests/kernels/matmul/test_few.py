"""Products of a few elements, against NumPy in float64."""

import itertools

import numpy as np
import pytest

from flambeau import kernels

REFUSED = object()


@pytest.fixture
def few():
    if not kernels.enabled():
        pytest.skip("kernels are off")
    return kernels.matmul.few


@pytest.fixture
def product(few):
    return few.product(lambda *given: REFUSED)


def layouts(x):
    yield x
    yield np.asfortranarray(x)
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    yield wide[..., ::2]
    yield np.ascontiguousarray(x[..., ::-1])[..., ::-1]


SHAPES = [
    ((3, 5), (5, 7)), ((1, 1), (1, 1)), ((2, 9), (9, 4)), ((5, 3), (3, 13)), ((8, 1), (1, 8)),
    ((3, 5), (5,)), ((5,), (5,)), ((1,), (1,)), ((2, 3, 5), (2, 5, 4)), ((4, 1, 3), (4, 3, 1)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_values(product, dtype, shapes):
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    expected = np.matmul(x.astype(float), y.astype(float))
    for a, b in itertools.product(layouts(x), layouts(y)):
        made = product(a, b)
        assert made.dtype == dtype
        assert made.shape == expected.shape
        np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)
        if len(shapes[1]) > 1:
            bias = rng.standard_normal(shapes[1][-1]).astype(dtype)
            np.testing.assert_allclose(product(a, b, bias), expected + bias, rtol=1e-5, atol=1e-6)
        if expected.ndim:
            for start in layouts(rng.standard_normal(expected.shape).astype(dtype)):
                made = product(a, b, start)
                np.testing.assert_allclose(made, expected + start, rtol=1e-5, atol=1e-6)


def test_special_numbers(product):
    x = np.array([[1.0, np.inf], [np.nan, -0.0]])
    made = product(x, np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert made[0, 0] == np.inf
    assert np.isnan(made[0, 1])
    assert np.isnan(made[1]).all()


def test_what_it_is_not_made_for(few, product):
    x = np.ones((3, 5), np.float32)
    wide = np.ones((few.MOST // 16, 16), np.float32)
    assert product(wide, np.ones((16, 1), np.float32)) is not REFUSED
    for given in (
        (x, np.ones((5, 2))), (x, np.ones((4, 2), np.float32)), (x, np.ones((2, 5, 2), np.float32)),
        (wide, np.ones((16, 2), np.float32)), (np.ones((3, 0), np.float32), np.ones((0, 3), np.float32)),
        (np.ones((0, 3), np.float32), np.ones((3, 2), np.float32)), (x.astype(int), np.ones((5, 2), int)),
        (x, x.T, np.ones(2, np.float32)), (x, x.T, np.ones(3)), (x, x.T, 1.0), (x,), (x, [1]),
        (np.ones((2, 3, 5), np.float32), np.ones((1, 5, 2), np.float32)), (x[0], x.T),
        (x, np.ones(5, np.float32), np.ones(1, np.float32)), (x, x.T, np.ones((1, 3), np.float32)), (np.float32(1), x),
    ):  # fmt: skip
        assert product(*given) is REFUSED, given
