"""Losses of no samples: PyTorch's mean is nan, its sum 0."""

import math

import pytest

import flambeau as torch

F = torch.nn.functional
SHAPES = [(0, 3), (0, 3, 4), (2, 3, 0), (0, 0)]


def assert_nothing(loss, reduction, shape):
    if reduction == "none":
        assert tuple(loss.shape) == shape
    elif reduction == "sum":
        assert loss.item() == 0
    else:
        assert math.isnan(loss.item())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES)
def test_losses_of_classes(reduction, shape):
    rest = (shape[0], *shape[2:])
    target = torch.zeros(rest, dtype=torch.int64)
    ways = [{}, {"weight": torch.ones(shape[1])}, {"label_smoothing": 0.1}]
    if shape != (0, 0):
        ways.append({"target": torch.ones(shape)})
    for options in ways:
        x = torch.ones(shape, requires_grad=True)
        loss = F.cross_entropy(x, **{"target": target, **options}, reduction=reduction)
        assert_nothing(loss, reduction, rest)
        loss.sum().backward()
        assert tuple(x.grad.shape) == shape
    loss = F.nll_loss(torch.ones(shape), target, reduction=reduction)
    assert_nothing(loss, reduction, rest)
