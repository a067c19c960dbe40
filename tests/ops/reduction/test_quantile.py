"""Quantiles among infinities and ties: values by hand, gradients as shares of neighbours."""

import math

import pytest

import flambeau as torch

inf, nan = math.inf, math.nan


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("values", "q", "way", "wanted"),
    [
        ([0.0, inf], 0.4, "linear", inf), ([0.0, inf], 0.6, "linear", inf), ([0.0, inf], 1.0, "linear", inf),
        ([0.0, inf], 0.0, "linear", 0.0), ([1.0, 2.0, inf, inf], 0.9, "linear", inf),
        ([-inf, -inf, 0.0], 0.2, "linear", -inf), ([-inf, -inf, 0.0], 0.6, "linear", -inf),
        ([-inf, inf], 0.5, "linear", nan), ([-inf, 0.0, inf], 0.5, "linear", 0.0),
        ([0.0, inf], 0.6, "midpoint", inf), ([inf, inf], 0.5, "midpoint", inf),
        ([0.0, inf], 0.4, "lower", 0.0), ([0.0, inf], 0.4, "higher", inf), ([0.0, inf], 0.4, "nearest", 0.0),
        ([-3e38, 3e38], 0.25, "linear", -1.5e38), ([1.0, 3.0, 3.0], 0.75, "linear", 3.0),
    ],
)  # fmt: skip
def test_values(values, q, way, wanted, dtype):
    x = torch.tensor(values, dtype=dtype)
    for got in (
        x.quantile(q, interpolation=way),
        torch.cat([x, x.new_tensor([nan])]).nanquantile(q, interpolation=way),
        torch.stack([x, x], 1).quantile(q, 0, True, interpolation=way)[0, 1],
    ):
        assert got.item() == pytest.approx(wanted, rel=1e-6, nan_ok=True)


def test_gradients_of_neighbours():
    x = torch.tensor([0.0, inf, 1.0], requires_grad=True)
    x.quantile(0.75).backward()
    assert x.grad.tolist() == [0.0, 0.5, 0.5]


def test_gradient_of_the_share():
    q = torch.tensor([0.25, 0.75], dtype=torch.float64, requires_grad=True)
    torch.tensor([1.0, 2.0, inf], dtype=torch.float64).quantile(q).sum().backward()
    assert q.grad.tolist() == [2.0, inf]
