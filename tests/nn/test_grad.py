"""Gradients of convolutions as functions, against numbers that PyTorch gave."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau.nn import grad


def ramp(*shape: int) -> torch.Tensor:
    count = 1
    for n in shape:
        count *= n
    return (torch.arange(count, dtype=torch.float64).reshape(shape) * 0.37).sin()


@pytest.mark.parametrize(
    ("dims", "options"),
    [
        (1, {}),
        (1, {"stride": 2, "padding": 1}),
        (2, {"padding": 1, "groups": 2}),
        (2, {"stride": (2, 1), "dilation": 2, "padding": (2, 1)}),
        (3, {"padding": 1}),
    ],
)
def test_against_the_dot_product(dims: int, options: dict) -> None:
    """A convolution is linear in each: <g, conv(x, w)> = <input(g), x> = <weight(g), w>."""
    groups = options.get("groups", 1)
    x, w = ramp(2, 4, *(5 + d for d in range(dims))), ramp(6, 4 // groups, *(3,) * dims)
    convolve = getattr(torch.nn.functional, f"conv{dims}d")
    y = convolve(x, w, **options)
    g = ramp(*y.shape).cos()
    expected = (g * y).sum().item()
    back = getattr(grad, f"conv{dims}d_input")(x.shape, w, g, **options)
    assert back.shape == x.shape
    assert (back * x).sum().item() == pytest.approx(expected)
    back = getattr(grad, f"conv{dims}d_weight")(x, w.shape, g, **options)
    assert back.shape == w.shape
    assert (back * w).sum().item() == pytest.approx(expected)


def test_against_recorded_numbers() -> None:
    x = torch.arange(6.0).reshape(1, 1, 6)
    w = torch.tensor([[[1.0, 2.0, -1.0]]])
    g = torch.tensor([[[1.0, 0.0, 2.0, 1.0]]])
    assert grad.conv1d_input(x.shape, w, g).tolist() == [[[1.0, 2.0, 1.0, 5.0, 0.0, -1.0]]]
    assert grad.conv1d_weight(x, w.shape, g).tolist() == [[[7.0, 11.0, 15.0]]]
