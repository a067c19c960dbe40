"""Rows that lie across memory: any neighbouring dimensions but the last."""

from itertools import combinations

import numpy as np
import pytest

import flambeau as torch

SHAPES = [(3, 5), (2, 3, 4, 5), (7, 1, 3), (1, 4, 9), (1, 1), (3, 17, 64), (2, 300, 33)]


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_run_of_dimensions(shape, keepdim):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for count in range(1, len(shape) + 1):
        for dims in combinations(range(len(shape)), count):
            for dim in (dims, tuple(d - len(shape) for d in dims)):
                sums = torch.sum(torch.tensor(x), dim, keepdim=keepdim).numpy()
                expected = x.sum(dims, np.float64, keepdims=keepdim)
                assert sums.shape == expected.shape
                np.testing.assert_allclose(sums, expected, rtol=2e-6, atol=2e-5)
                most = torch.amax(torch.tensor(x), dim, keepdim=keepdim).numpy()
                np.testing.assert_array_equal(most, x.max(dims, keepdims=keepdim))


@pytest.mark.parametrize("dim", [0, 1, (0, 1)])
def test_not_in_order(dim):
    x = np.arange(2 * 3 * 4 * 5, dtype=np.float64).reshape(2, 3, 4, 5)
    for view in (x[:, ::2], x[::-1], x.swapaxes(0, 1), np.broadcast_to(x[:1], x.shape)):
        found = torch.sum(torch.from_numpy(view.copy("K")), dim).numpy()
        np.testing.assert_array_equal(found, view.sum(dim))


def test_gradient_of_rows_across_memory():
    x = torch.randn(4, 3, 5, dtype=torch.float64, requires_grad=True)
    for dim in (0, 1):
        assert torch.autograd.gradcheck(lambda x, dim=dim: torch.softmax(x, dim), x)
        assert torch.autograd.gradcheck(lambda x, dim=dim: torch.logsumexp(x, dim), x)
    assert torch.autograd.gradcheck(lambda x: x.var((0, 1)), x)


def test_empty_and_strange_axes():
    assert torch.zeros(0, 3).sum(0).tolist() == [0.0, 0.0, 0.0]
    assert torch.zeros(3, 0).sum(0).shape == (0,)
    with pytest.raises(IndexError):
        torch.zeros(3, 2).sum(2)
    with pytest.raises(RuntimeError):
        torch.zeros(3, 2, 4).sum((0, 0))
