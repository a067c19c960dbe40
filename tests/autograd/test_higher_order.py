"""Derivatives of derivatives."""

from __future__ import annotations

import pytest

import flambeau as torch


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x.sum() ** 4, [4 * 27.0, 12 * 9.0, 24 * 3.0, 24.0]),
        (lambda x: (x * x).mean() ** 2, None),
        (lambda x: x.exp().sum(), [2.718281828, 2.718281828, 2.718281828, 2.718281828]),
        (lambda x: (x**4).sum(), [4.0, 12.0, 24.0, 24.0]),
    ],
)
def test_four_derivatives_in_the_direction_of_the_first_element(function, expected) -> None:
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    value, found = function(x), []
    for _ in range(4):
        (g,) = torch.autograd.grad(value, x, create_graph=True)
        value = g[0]
        found.append(value.item())
    if expected is None:  # d/dx1 of ((x1² + x2²) / 2)², at (1, 2)
        expected = [5.0, 7.0, 6.0, 6.0]
    assert found == pytest.approx(expected)


def test_a_sum_is_differentiated_through_what_arrives() -> None:
    # The gradient of the gradient of a sum has no operand but the incoming gradients.
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    v = torch.tensor([1.0, 1.0], requires_grad=True)
    u = torch.tensor(1.0, requires_grad=True)
    (g,) = torch.autograd.grad(x.sum(), x, u, create_graph=True)
    (h,) = torch.autograd.grad(g, u, v, create_graph=True)
    (k,) = torch.autograd.grad(h, v, torch.tensor(3.0), create_graph=True)
    assert (h.item(), k.tolist()) == (2.0, [3.0, 3.0])


def test_what_only_decides_a_step_receives_zeros() -> None:
    """The slope of a piecewise linear function is differentiated towards what arrived, and flat towards its operand."""
    x = torch.tensor([-1.0, 2.0, -3.0], requires_grad=True)
    g = torch.tensor([3.0, 4.0, 5.0], requires_grad=True)
    y = torch.nn.functional.leaky_relu(x, 0.5)
    (slope,) = torch.autograd.grad(y, x, g, create_graph=True)
    by_g, by_x = torch.autograd.grad(slope, (g, x), torch.ones(3))
    assert by_g.tolist() == [0.5, 1.0, 0.5]
    assert by_x.tolist() == [0.0, 0.0, 0.0]
    assert by_x.dtype is torch.float32
