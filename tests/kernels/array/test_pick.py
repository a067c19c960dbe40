"""Elements picked at index arrays, against NumPy."""

import numpy as np
import pytest

from flambeau import kernels


@pytest.fixture
def pick():
    if not kernels.enabled():
        pytest.skip("kernels are off")
    return kernels.array.pick


def columns(pick, x, index, wraps=False):
    """Of each row of x the elements that the same row of `index` names."""
    rows = np.broadcast_to(np.arange(len(x))[:, None], index.shape)
    starts = (rows * x.strides[0]).reshape(-1)
    places = sum(n * s for n, s in zip(np.indices(index.shape), index.strides)).reshape(-1)
    reach = pick.Reach(x.shape[1], x.strides[1], wraps, index.itemsize == 4)
    return pick.picking(index.shape, x.dtype, starts, [reach], [places])


@pytest.mark.parametrize("dtype", ["int8", "float16", "float32", "float64"])
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_values(pick, dtype, index_dtype):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((5, 4)) * 9).astype(dtype).T
    index = rng.integers(0, 5, (6, 4)).astype(index_dtype).T[:, ::2]
    expected = np.take_along_axis(x, index.astype(np.int64), 1)
    assert np.array_equal(columns(pick, x, index)(x, index), expected)


def test_indices_out_of_range_have_no_result(pick):
    x, index = np.arange(6.0).reshape(2, 3), np.zeros((2, 2), np.int64)
    run, wrapping = columns(pick, x, index), columns(pick, x, index, True)
    for wrong in (-1, 3, 1 << 40, -(1 << 62)):
        index[1, 1] = wrong
        assert run(x, index) is None
    index[1, 1] = -3
    assert wrapping(x, index)[1, 1] == 3
    index[1, 1] = -4
    assert wrapping(x, index) is None


def test_two_index_arrays(pick):
    x, i, j = np.arange(12.0).reshape(3, 4), np.array([2, 0, 1]), np.array([3, 0, 2])
    at = np.arange(3) * 8
    reaches = [pick.Reach(3, 32, True, False), pick.Reach(4, 8, True, False)]
    run = pick.picking((3,), x.dtype, np.zeros(3, np.int64), reaches, [at, at])
    assert np.array_equal(run(x, i, j), x[i, j])
    assert np.array_equal(run(x, i - 3, j), x[i, j])


def test_wrong_arguments_are_errors(pick):
    x, index = np.arange(6.0).reshape(2, 3), np.zeros((2, 2), np.int64)
    for given in ((), (x,), (x, index, index), (x, [0])):
        with pytest.raises(TypeError):
            columns(pick, x, index)(*given)
