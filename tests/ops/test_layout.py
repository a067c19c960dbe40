"""How results lie in memory where operands do not lie in order; the strides are PyTorch's."""

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
