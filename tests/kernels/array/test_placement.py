"""Elements moved by a list of where they come from, against NumPy's own indexing."""

import numpy as np
import pytest

from flambeau import kernels


@pytest.fixture
def placement():
    if not kernels.enabled():
        pytest.skip("kernels are off")
    return kernels.array.placement


DTYPES = ["bool", "int8", "int16", "float16", "float32", "int64", "float64", "complex128"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_elements_of_two_arrays_and_a_filling(placement, dtype):
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 2, 12).astype(dtype) for _ in range(2))
    spread = np.repeat(y, 2)[::2]  # every other element of a longer array
    sources = rng.integers(-1, 2, (3, 5))
    elements = rng.integers(0, 12, (3, 5))
    offsets = elements * np.where(sources == 1, spread.strides[0], x.itemsize)
    filling = np.ones((), dtype)
    words = placement.places(sources.reshape(-1), offsets.reshape(-1))
    run = placement.placing((3, 5), x.dtype, words, filling.tobytes(), 2)
    expected = np.where(
        sources == 0, x[elements], np.where(sources == 1, spread[elements], filling)
    )
    made = run(x, spread)
    assert made.dtype == x.dtype
    assert made.flags.c_contiguous
    assert np.array_equal(made, expected)


def test_elements_before_the_first(placement):
    x = np.arange(6.0)[::-1]
    words = placement.places(np.zeros(6, np.int64), np.arange(6) * -8)
    assert np.array_equal(placement.placing((6,), x.dtype, words, b"", 1)(x), x)


def test_shapes_without_dimensions(placement):
    words = placement.places(np.zeros(1, np.int64), np.array([8]))
    made = placement.placing((), np.dtype("float64"), words, b"", 1)(np.array([1.0, 2.0]))
    assert made.shape == ()
    assert made == 2


def test_what_it_is_not_made_for(placement):
    long = np.zeros(placement.MOST + 1, np.int64)
    assert placement.placing(long.shape, np.dtype("int64"), long, b"", 1) is None
    assert placement.placing((1,), np.dtype("V3"), long[:1], b"", 1) is None
    assert placement.placing((1,), np.dtype("int64"), long[:1], b"", 9) is None
    run = placement.placing((1,), np.dtype("int64"), long[:1], b"", 1)
    with pytest.raises(TypeError):
        run([1])
