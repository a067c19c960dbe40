"""Products of device arrays, against NumPy's in more precision."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.cuda.matmul import gemv, matmul
from flambeau.kernels.cuda.matmul.precision import precision

TOLERANCE = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 2e-6, "complex64": 2e-6}
DTYPES = [*map(np.dtype, ("f4", "f8", "f2", "c8", "c16")), np.dtype(ml_dtypes.bfloat16)]
RANDOM = np.random.default_rng(0)


def normal(shape, dtype):
    x = RANDOM.normal(size=shape)
    if dtype.kind == "c":
        x = x + 1j * RANDOM.normal(size=shape)
    return x.astype(dtype)


def exact(x):
    return x.astype("c16" if x.dtype.kind == "c" else "f8")


def assert_near(got, want, dtype):
    assert got.dtype == dtype
    assert got.shape == want.shape
    tolerance = TOLERANCE.get(dtype.name, 1e-14) * np.abs(want).max(initial=1)
    np.testing.assert_allclose(exact(got.get()), want, rtol=0, atol=tolerance)


SHAPES = [
    ((5, 7), (7, 3)),
    ((1, 7), (7, 1)),
    ((5, 1), (1, 4)),
    ((4, 5, 7), (4, 7, 3)),
    ((4, 5, 7), (7, 3)),
    ((5, 7), (2, 4, 7, 3)),
    ((2, 1, 5, 7), (1, 4, 7, 3)),
    ((2, 3, 5, 7), (2, 1, 7, 3)),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_product(xp, dtype, shapes):
    x, y = (normal(shape, dtype) for shape in shapes)
    bias = normal(y.shape[-1:], dtype)
    want = np.matmul(exact(x), exact(y))
    assert_near(matmul.product(xp.asarray(x), xp.asarray(y)), want, dtype)
    made = matmul.product(xp.asarray(x), xp.asarray(y), xp.asarray(bias))
    assert_near(made, want + exact(bias), dtype)


VIEWS = {
    "transposed": lambda x: x.T,
    "every second row": lambda x: x[::2],
    "every second column": lambda x: x[:, ::2],
    "backwards": lambda x: x[::-1],
    "some columns": lambda x: x[:, 1:7],
    "one row for all": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f2")], ids=str)
def test_views_are_multiplied_where_they_lie(xp, view, dtype):
    x, y = (normal((8, 8), dtype) for _ in range(2))
    look = VIEWS[view]

    def device(a):
        if view == "one row for all":
            return xp.broadcast_to(xp.asarray(a)[:1], a.shape)
        return look(xp.asarray(a))

    a, b = look(x), np.ascontiguousarray(look(y).T)
    assert_near(matmul.product(device(x), xp.asarray(b)), np.matmul(exact(a), exact(b)), dtype)
    a, b = np.ascontiguousarray(look(x).T), look(y)
    assert_near(matmul.product(xp.asarray(a), device(y)), np.matmul(exact(a), exact(b)), dtype)


def test_transposes_and_slices_are_not_copied():
    item = 4
    for shape, strides, turned in (
        ((8, 6), (24, 4), 0),
        ((6, 8), (4, 24), 1),
        ((4, 6), (48, 4), 0),
    ):
        found = matmul.layout(shape, strides, item, ())
        assert found is not None
        assert found.turned == turned
    assert matmul.layout((4, 4), (32, 8), item, ()) is None


def test_a_stack_without_one_distance_is_copied(xp):
    x, y = normal((2, 3, 4, 4), np.dtype("f4")), normal((2, 3, 4, 4), np.dtype("f4"))
    a, b = x.transpose(1, 0, 2, 3)[:, :, ::2], y.transpose(1, 0, 2, 3)
    made = matmul.product(
        xp.asarray(x).transpose(1, 0, 2, 3)[:, :, ::2], xp.asarray(y).transpose(1, 0, 2, 3)
    )
    assert_near(made, np.matmul(exact(a), exact(b)), x.dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_empty(xp, dtype):
    assert matmul.product(xp.ones((0, 3), dtype), xp.ones((3, 2), dtype)).shape == (0, 2)
    nothing = matmul.product(xp.ones((2, 0), dtype), xp.ones((0, 2), dtype))
    assert (nothing.get() == 0).all()
    started = matmul.added(xp.ones((2, 0), dtype), xp.ones((0, 2), dtype), xp.ones((2,), dtype))
    assert (started.get() == 1).all()


def test_added_rounds_once(xp):
    """1 + 2^-11 is no float16, but the sum with 2^-11 more is."""
    x = np.array([[1.0, 2.0**-11]], np.float16)
    y = np.array([[1.0], [1.0]], np.float16)
    start = np.array([2.0**-11], np.float16)
    made = matmul.added(xp.asarray(x), xp.asarray(y), xp.asarray(start))
    assert made.get()[0, 0] == 1 + 2.0**-10


def test_what_cublas_does_not_multiply(xp):
    whole = xp.ones((2, 2), np.int32)
    assert matmul.product(whole, whole) is NotImplemented
    assert matmul.product(xp.ones((2, 2), np.float32), xp.ones((2, 2))) is NotImplemented


def test_matrix_vector(xp):
    a, x = normal((5, 7), np.dtype("f8")), normal((7,), np.dtype("f8"))
    assert_near(gemv.matrix_vector(xp.asarray(a), xp.asarray(x)), a @ x, a.dtype)


def test_tf32_is_used_where_it_is_allowed(xp, monkeypatch):
    """TF32 keeps 11 significant bits: it loses 2^-12 beside 1, which float32 keeps."""
    x = np.array([[1 + 2.0**-12]], np.float32)
    one = np.ones((1, 1), np.float32)
    assert matmul.product(xp.asarray(x), xp.asarray(one)).get()[0, 0] == x[0, 0]
    monkeypatch.setattr(precision, "float32", "high")
    assert matmul.product(xp.asarray(x), xp.asarray(one)).get()[0, 0] == 1
