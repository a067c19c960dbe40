"""Products added to something."""

from __future__ import annotations

import pytest

import flambeau as torch


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
def test_integers_stay_integers(dtype: torch.dtype) -> None:
    x, y, z = (torch.tensor(v, dtype=dtype) for v in ([[1, 2]], [[3, 4]], [[1, 0], [2, 1]]))
    expected = torch.tensor([[3 * 1 + 2 * 11, 3 * 2 + 2 * 4]], dtype=dtype)
    result = torch.addmm(x, y, z, beta=3, alpha=2)
    assert result.dtype is dtype
    assert torch.equal(result, expected)
    assert torch.equal(x.clone().addmm_(y, z, beta=3, alpha=2), expected)
    assert torch.equal(torch.addmm(x, y, z, beta=3, alpha=2, out=torch.empty_like(x)), expected)
