"""Chunks of tensors side by side, with PyTorch's answers."""

from __future__ import annotations

import pytest

import flambeau as torch


def test_chunks_lie_side_by_side() -> None:
    x, y = torch.arange(10.0).reshape(5, 2), torch.arange(6.0).reshape(3, 2, 1)
    assert torch._chunk_cat([x, y], 0, 2).tolist() == [
        [0, 1, 2, 3, 4, 5, 0, 1, 2, 3],
        [6, 7, 8, 9, 0, 0, 4, 5, 0, 0],
    ]
    assert torch._chunk_cat([torch.ones(2, 3), torch.zeros(2, 2)], 1, 2).shape == (2, 2, 3)


def test_gradients_leave_the_filling_out() -> None:
    x = torch.ones(3, requires_grad=True)
    (torch._chunk_cat([x], 0, 2) * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert x.grad.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("tensors", "dim", "count", "match"),
    [
        ([torch.ones(2, 3), torch.zeros(4, 2)], 1, 2, "same sizes"),
        ([torch.ones(2, 3)], 0, 0, "positive num_chunks"),
        ([], 0, 1, "non-empty"),
    ],
)
def test_what_is_refused(tensors, dim, count, match) -> None:
    with pytest.raises(RuntimeError, match=match):
        torch._chunk_cat(tensors, dim, count)


def test_internal_names_of_layers() -> None:
    x = torch.arange(6.0).reshape(3, 2)
    out, mean, _ = torch._native_batch_norm_legit(x, None, None, True, 0.1, 1e-5)
    assert mean.tolist() == [2.0, 3.0]
    running = torch.zeros(2), torch.ones(2)
    again = torch.ops.aten._batch_norm_with_update(x, None, None, *running, 0.5, 1e-5)
    assert torch.equal(again[0], out)
    assert running[0].tolist() == [1.0, 1.5]
    assert (again[3].dtype, again[3].numel()) == (torch.uint8, 0)
    mask = torch.tensor([True, False])
    assert torch.ops.aten.native_dropout_backward(torch.ones(2), mask, 2.0).tolist() == [2.0, 0.0]
