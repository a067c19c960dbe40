"""Softmax by the names of PyTorch's kernels."""

import pytest

import flambeau as torch


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_kernels(name):
    torch.manual_seed(0)
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    g = torch.randn(3, 4, dtype=torch.float64)
    y = getattr(torch, f"_{name}")(x, 0, False)
    assert torch.equal(y, getattr(torch, name)(x, 0))
    (want,) = torch.autograd.grad(y, x, g)
    got = getattr(torch, f"_{name}_backward_data")(g, y.detach(), 0, torch.float64)
    torch.testing.assert_close(got, want)


def test_halves():
    with pytest.raises(RuntimeError, match="not supported on CPU"):
        torch._softmax(torch.ones(2).half(), 0, True)
    got = torch._softmax_backward_data(torch.ones(2), torch.ones(2) / 2, 0, torch.half)
    assert got.dtype is torch.half
