"""How results lie in memory where operands do not lie in order; the strides are PyTorch's."""

import numpy as np
import pytest

import flambeau as torch


def test_joined_tensors_lie_in_order():
    x = torch.zeros(2, 6, 5).transpose(1, 2)
    for first in (torch.zeros(1, 1, 6).expand(2, -1, -1), x, torch.zeros(2, 1, 6)):
        assert torch.cat([first, x], 1).stride() == (6 * (5 + first.shape[1]), 6, 1)
    assert torch.stack([x, x], 1).stride() == (60, 30, 6, 1)
    large = torch.zeros(8, 128, 64).transpose(1, 2)
    assert torch.cat([torch.zeros(1, 1, 128).expand(8, -1, -1), large], 1).stride() == (
        8320,
        128,
        1,
    )


def test_results_lie_like_the_first_operand():
    x, y = torch.zeros(8, 128, 64).transpose(1, 2), torch.zeros(8, 64, 128)
    assert (x + y).stride() == (x * 2).stride() == (8192, 1, 64)
    assert (y + x).stride() == torch.addcmul(y, x, x).stride() == (8192, 128, 1)


@pytest.mark.parametrize("biased", [False, True])
def test_linear_of_exchanged_dimensions(biased):
    """Values and gradients are those of the copy in order; the result lies as the input does."""
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.integers(-4, 5, (3, 5, 7, 6)).astype("f4")).requires_grad_()
    w = torch.from_numpy(rng.integers(-4, 5, (9, 6)).astype("f4")).requires_grad_()
    b = torch.from_numpy(rng.integers(-4, 5, 9).astype("f4")).requires_grad_() if biased else None
    g = torch.from_numpy(rng.integers(-4, 5, (7, 3, 5, 9)).astype("f4"))
    operands = [v for v in (x, w, b) if v is not None]
    found = []
    for turned in (x.permute(2, 0, 1, 3), x.permute(2, 0, 1, 3).contiguous()):
        y = torch.nn.functional.linear(turned, w, b)
        for arriving in (g, g.permute(1, 2, 0, 3).contiguous().permute(2, 0, 1, 3)):
            grads = torch.autograd.grad(y, operands, arriving, retain_graph=True)
            found.append([y, *grads])
    for other in found[1:]:
        assert all(torch.equal(p, q) for p, q in zip(found[0], other))
    assert found[0][0].stride() == (9, 315, 63, 1)
