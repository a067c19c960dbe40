"""Cross entropy of scores whose classes are the second dimension but lie side by side in memory."""

from itertools import product

import pytest

import flambeau as torch

F = torch.nn.functional
ORDERS = {
    "transposed": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
    "time first": lambda x: x.permute(2, 0, 1).contiguous().permute(1, 2, 0),
    "as given": lambda x: x,
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_any_order_gives_the_same(order: str, reduction: str) -> None:
    torch.manual_seed(0)
    x, target = torch.randn(4, 5, 7, dtype=torch.float64), torch.randint(0, 5, (4, 7))
    target[0, :3] = 1
    weights = None, torch.rand(5, dtype=torch.float64) + 0.1
    for weight, smoothing, ignored in product(weights, (0.0, 0.2), (-100, 1)):
        arranged = ORDERS[order](x).requires_grad_()
        loss = F.cross_entropy(
            arranged, target, weight, ignore_index=ignored, reduction=reduction,
            label_smoothing=smoothing,
        )  # fmt: skip
        (slope,) = torch.autograd.grad(loss.sum(), arranged)
        wanted = x.clone().requires_grad_()
        plain = _by_definition(wanted, target, weight, ignored, smoothing)
        plain = plain if reduction == "none" else plain.sum()
        if reduction == "mean":
            scale = torch.ones(5, dtype=torch.float64) if weight is None else weight
            plain = plain / scale[target].masked_fill(target == ignored, 0.0).sum()
        assert torch.allclose(loss, plain)
        assert torch.allclose(slope, torch.autograd.grad(plain.sum(), wanted)[0])


def _by_definition(x, target, weight, ignored, smoothing):
    """Each place's loss, from the logarithms of the shares."""
    logs = torch.log(torch.softmax(x, 1))
    scale = torch.ones(5, dtype=torch.float64) if weight is None else weight
    picked = torch.gather(logs, 1, target[:, None]).squeeze(1) * scale[target]
    spread = (logs * scale[None, :, None]).sum(1) / 5
    return -((1 - smoothing) * picked + smoothing * spread).masked_fill(target == ignored, 0.0)


def test_a_wrong_class_is_named_with_the_scores_as_given() -> None:
    x = torch.zeros(2, 3, 4).transpose(1, 2).contiguous().transpose(1, 2)
    target = torch.tensor([[0, 1, 2, 0], [0, 1, 3, 0]])
    with pytest.raises(IndexError, match=r"Target 3 is out of bounds. An input \[2, 3, 4\]"):
        F.cross_entropy(x, target)
