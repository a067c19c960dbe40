"""How reductions lie in memory: in order, as PyTorch's, however their operands lie and of whatever size they are."""

from __future__ import annotations

import pytest

import flambeau as torch


@pytest.mark.parametrize("shape", [(2, 3, 4, 8), (8, 33, 40, 64)])
def test_reductions_lie_in_order(shape: tuple[int, ...]) -> None:
    x = torch.ones(shape).permute(0, 3, 1, 2)
    _, n, m, k = x.shape
    assert x.sum(0).stride() == (m * k, k, 1)
    assert x.sum(-1, keepdim=True).stride() == (n * m, m, 1, 1)
    assert x.softmax(-1).stride() == (n * m * k, m * k, k, 1)
