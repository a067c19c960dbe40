"""make_tensor: PyTorch's draws, within its limits."""

from __future__ import annotations

import pytest

import flambeau as torch

make = torch.testing.make_tensor


def test_draws_are_those_of_pytorch() -> None:
    torch.manual_seed(3)
    options = {"device": "cpu"}
    assert make(3, dtype=torch.float32, **options).tolist() == pytest.approx(
        [-8.9233, -7.0998, -3.8548], abs=1e-4
    )
    assert make(3, dtype=torch.int64, low=0, exclude_zero=True, **options).tolist() == [7, 1, 1]
    assert make((3,), dtype=torch.complex64, **options).real.tolist() == pytest.approx(
        [4.8936, 1.6996, -0.8814], abs=1e-4
    )
    spread = make(3, 3, dtype=torch.float64, noncontiguous=True, **options)
    assert spread[0].tolist() == pytest.approx([-1.1985, 5.0139, 1.6999], abs=1e-4)
    assert spread.stride() == (6, 2)


def test_limits() -> None:
    x = make(500, dtype=torch.uint8, device="cpu")
    assert (x.min().item(), x.max().item()) == (0, 9)
    assert set(make(50, dtype=torch.bool, device="cpu").tolist()) == {True, False}
    assert not (make(200, dtype=torch.int8, device="cpu", exclude_zero=True) == 0).any()
    assert make(2, dtype=torch.float32, device="cpu", requires_grad=True).requires_grad
    with pytest.raises(ValueError, match="`low` must be less than `high`, but got 2 >= 1"):
        make(3, dtype=torch.int8, device="cpu", low=2, high=1)
    with pytest.raises(ValueError, match="not supported for boolean and integral dtypes"):
        make(3, dtype=torch.int64, device="cpu", requires_grad=True)
    with pytest.raises(ValueError, match="only supports"):
        make(3, dtype=torch.int8, device="cpu", low=200, high=300)
