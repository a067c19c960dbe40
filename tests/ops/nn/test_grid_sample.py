"""nn.functional.grid_sample where the grid leaves the input, lies on its border, or is no number."""

import itertools
import math

import numpy as np
import pytest

import flambeau as torch

F = torch.nn.functional
PADDINGS = ("zeros", "border", "reflection")
KINDS = [
    (mode, padding, aligned, n)
    for mode, padding, aligned, n in itertools.product(
        ("bilinear", "nearest", "bicubic"), PADDINGS, (False, True), (2, 3)
    )
    if not (mode == "bicubic" and n == 3)
]
kinds = pytest.mark.parametrize(("mode", "padding", "aligned", "n"), KINDS)
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def image(n, dtype=torch.float64):
    """Powers of 2 along the last dimension: every slope is another."""
    row = 2.0 ** torch.arange(5, dtype=dtype)
    return (row + torch.arange(3.0, dtype=dtype)[:, None] / 16).expand(1, 1, *(2,) * (n - 2), 3, 5)


def grid_of(points, n, dtype=torch.float64):
    """A grid of points on the first axis, near the middle of the others."""
    rest = [0.1] * (n - 1)
    rows = torch.tensor([[p, *rest] for p in points], dtype=dtype)
    return rows.view(1, *(1,) * (n - 1), len(points), n)


def sample(x, grid, kind):
    mode, padding, aligned, _ = kind
    return F.grid_sample(x, grid, mode=mode, padding_mode=padding, align_corners=aligned)


@kinds
@dtypes
def test_the_gradient_at_the_border_lies_between_both_sides(mode, padding, aligned, n, dtype):
    """Where the slope jumps every number between the slopes of the two sides is a subgradient."""
    kind, h = (mode, padding, aligned, n), 1e-6
    points = [-3.0, -1.0, 1.0, 3.0, 5.0] + ([0.5, -0.5] if aligned else [-0.8, 0.8])
    grid = grid_of(points, n, dtype).requires_grad_()
    sample(image(n, dtype), grid, kind).sum().backward()
    got = grid.grad[..., 0].flatten().tolist()
    value, left, right = (
        sample(image(n), grid_of([p + step for p in points], n), kind).flatten()
        for step in (0, -h, h)
    )
    for i, slope in enumerate(got):
        if mode == "nearest":
            assert slope == 0
            continue
        sides = sorted([((value - left)[i] / h).item(), ((right - value)[i] / h).item()])
        near = 1e-3 + 1e-4 * abs(sides[1])
        assert sides[0] - near <= slope <= sides[1] + near, points[i]


@kinds
@dtypes
def test_nan_counts_as_minus_one(mode, padding, aligned, n, dtype):
    kind = mode, padding, aligned, n
    grid = grid_of([math.nan, 0.2], n, dtype)
    known = grid_of([-1.0, 0.2], n, dtype)
    grid[..., 1, 1], known[..., 1, 1] = math.nan, -1.0
    grid.requires_grad_(), known.requires_grad_()
    got, right = sample(image(n, dtype), grid, kind), sample(image(n, dtype), known, kind)
    assert got.tolist() == right.tolist()
    got.sum().backward(), right.sum().backward()
    here = ~torch.isnan(grid.detach())
    assert grid.grad[~here].tolist() == [0.0, 0.0]
    assert grid.grad[here].tolist() == known.grad[here].tolist()


def test_nan_in_the_middle_column_and_row():
    """3 x 3 image 1..9: (nan, 0) is the middle of the left column, (0, nan) of the top row."""
    x = torch.arange(1.0, 10.0).view(1, 1, 3, 3)
    grid = torch.tensor([[[[math.nan, 0.0], [0.0, math.nan], [math.nan, math.nan]]]])
    for mode, padding in itertools.product(("bilinear", "nearest"), ("border", "reflection")):
        out = F.grid_sample(x, grid, mode, padding, align_corners=False)
        assert out.flatten().tolist() == [4.0, 2.0, 1.0]
    out = F.grid_sample(x, grid, "bilinear", "zeros", align_corners=False)
    assert out.flatten().tolist() == [2.0, 1.0, 0.25]


@kinds
def test_infinitely_far(mode, padding, aligned, n):
    kind = mode, padding, aligned, n
    for far in ([math.inf, -math.inf], [1e30, -1e30]):
        grid = grid_of(far, n).requires_grad_()
        out = sample(image(n), grid, kind)
        out.sum().backward()
        assert torch.isfinite(out).all()
        assert torch.isfinite(grid.grad).all()
        if padding != "reflection":
            assert grid.grad[..., 0].flatten().tolist() == pytest.approx([0.0, 0.0], abs=1e-9)
        if padding == "zeros":
            assert out.flatten().tolist() == [0.0, 0.0]
        if padding == "border":
            near = sample(image(n), grid_of([4.0, -4.0], n), kind)
            np.testing.assert_allclose(out.detach(), near, rtol=1e-12)


@kinds
def test_a_nan_shows_only_where_it_is_looked_at(mode, padding, aligned, n):
    x = image(n).clone()
    x[(0, 0, *(0,) * n)] = math.nan
    out = sample(x, grid_of([9.0, 0.9, 0.7], n), (mode, "zeros", aligned, n))
    assert not torch.isnan(out).any()


@pytest.mark.parametrize(
    ("mode", "padding", "aligned", "n"), [k for k in KINDS if k[0] != "nearest"]
)
def test_derivatives_of_both_orders(mode, padding, aligned, n):
    def run(x, grid):
        return sample(x, grid, (mode, padding, aligned, n))

    inputs = (
        image(n)[..., :2, :2].clone().requires_grad_(),
        grid_of([-2.9, -1.15, 0.37], n).requires_grad_(),
    )
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


def test_an_infinite_edge_is_no_difference_of_infinities():
    """At the border the element beyond takes no part, not even with the weight 0."""
    x = torch.full((1, 1, 2, 2), math.inf)
    for padding in ("border", "reflection"):
        out = F.grid_sample(x, torch.ones(1, 1, 1, 2), "bilinear", padding, align_corners=True)
        assert out.item() == math.inf
