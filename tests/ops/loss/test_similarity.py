"""Distances and similarities of rows that broadcast, of all dtypes; the reference is NumPy."""

from functools import partial

import numpy as np
import pytest

import flambeau as torch

F = torch.nn.functional
SHAPES = [
    *([(2, 3), (2, 3)], [(2, 3), (1, 3)], [(1, 3), (2, 3)], [(2, 3), (3,)], [(3,), (2, 3)]),
    *([(2, 3), (2, 1)], [(2, 1), (2, 3)], [(4, 1, 3), (1, 5, 3)], [(2, 2), (2,)], [(4,), (4,)]),
]


def pair(shapes, recorded=False):
    generator = torch.Generator().manual_seed(3)
    options = {"dtype": torch.float64, "requires_grad": recorded, "generator": generator}
    return [torch.rand(shape, **options) for shape in shapes]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_rows_broadcast(shapes):
    x, y = pair(shapes)
    a, b = np.broadcast_arrays(x.numpy(), y.numpy())
    for dim in range(-a.ndim, a.ndim):
        lengths = np.sqrt((a * a).sum(dim) * (b * b).sum(dim))
        found = F.cosine_similarity(x, y, dim)
        np.testing.assert_allclose(found.numpy(), (a * b).sum(dim) / lengths, 1e-14)
    want = np.sqrt(((a - b + 1e-6) ** 2).sum(-1))
    np.testing.assert_allclose(F.pairwise_distance(x, y).numpy(), want, 1e-14)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_gradients_of_rows_that_broadcast(shapes):
    x, y = pair(shapes, recorded=True)
    for dim in range(max(x.ndim, y.ndim)):
        assert torch.autograd.gradcheck(partial(F.cosine_similarity, dim=dim), (x, y))
    assert torch.autograd.gradcheck(F.pairwise_distance, (x, y))


def test_distances_of_integers_and_complex_numbers():
    x, y = torch.tensor([[1, 2]]), torch.tensor([[4, 6]])
    assert F.pairwise_distance(x, y).item() == pytest.approx(5, 1e-5)
    assert F.triplet_margin_loss(x, y, x).item() == pytest.approx(6, 1e-5)
    z, w = torch.tensor([[1 + 1j, 2]]), torch.tensor([[1, 2j]])
    assert F.pairwise_distance(z, w).item() == pytest.approx(3)


@pytest.mark.parametrize("function", [F.cosine_similarity, F.pairwise_distance])
def test_shapes_that_do_not_broadcast(function):
    with pytest.raises(RuntimeError, match="must match the size of tensor b"):
        function(torch.ones(2, 3), torch.ones(2, 4))
