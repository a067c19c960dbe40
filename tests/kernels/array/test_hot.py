"""Vectors with a one, around the ends of vectors, and indices that are refused."""

import numpy as np
import pytest

import flambeau as torch

one_hot = torch.nn.functional.one_hot


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 70])
@pytest.mark.parametrize("shape", [(1,), (17,), (3, 5), (0,), (2, 0)])
def test_ones_stand_at_the_indices(count, shape):
    index = np.random.default_rng(0).integers(0, count, shape)
    expected = np.eye(count, dtype=np.int64)[index]
    assert np.array_equal(one_hot(torch.from_numpy(index), count).numpy(), expected)
    turned = torch.from_numpy(np.asfortranarray(index))
    assert np.array_equal(one_hot(turned, count).numpy(), expected)


@pytest.mark.parametrize(("wrong", "said"), [(-1, "non-negative"), (5, "smaller than num_classes")])
def test_indices_out_of_range(wrong, said):
    with pytest.raises(RuntimeError, match=said):
        one_hot(torch.tensor([0, wrong, 1]), 5)
