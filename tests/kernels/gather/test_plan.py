"""Copies of keys, which a recorded operation keeps."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.kernels.gather.plan import Along, snapshot


def test_a_copy_of_a_broadcast_index_is_broadcast_and_nobody_elses() -> None:
    index = np.array([2, 0, 1])
    wide = np.broadcast_to(index[:, None], (3, 4))
    kept = snapshot(Along(wide, 0))
    assert kept.index.strides == wide.strides
    assert kept.dim == 0
    index[:] = 0
    assert kept.index.tolist() == [[2] * 4, [0] * 4, [1] * 4]


def test_a_copy_of_other_indices_lies_in_order() -> None:
    index = np.arange(6).reshape(2, 3).T
    (kept,) = snapshot((index,))
    assert kept.tolist() == index.tolist()
    assert not np.shares_memory(kept, index)
    empty = np.broadcast_to(np.zeros((0, 1), np.int64), (0, 3))
    assert snapshot((empty, slice(None)))[0].shape == (0, 3)


@pytest.mark.parametrize("call", ["gather", "scatter_add"])
def test_gradients_count_by_the_index_as_it_was(call: str) -> None:
    index = torch.tensor([2, 0, 0])
    wide = index[:, None].expand(3, 2)
    x = torch.arange(6.0).reshape(3, 2).requires_grad_()
    y = x.gather(0, wide) if call == "gather" else torch.zeros(3, 2).scatter_add(0, wide, x)
    index.zero_()
    slope = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    y.backward(slope)
    wanted = slope[[2, 0, 0]] if call == "scatter_add" else [[8.0, 10.0], [0.0, 0.0], [1.0, 2.0]]
    assert x.grad.tolist() == torch.as_tensor(wanted).tolist()
