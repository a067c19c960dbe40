"""Differences, slopes, areas, distances: recorded answers, differences, and errors."""

from __future__ import annotations

import pytest

import flambeau as torch

CASES = {
    "diff": (lambda t, x, a: t.diff(x, n=2, dim=0, prepend=a), [(4, 3), (1, 3)]),
    "gradient": (
        lambda t, x: t.gradient(
            x, spacing=(t.tensor([0.0, 1, 3]), t.tensor([0.0, 1, 3, 4])), edge_order=2
        )[1],
        [(3, 4)],
    ),
    "gradient edges": (lambda t, x: t.gradient(x, spacing=0.5, dim=0)[0], [(4, 2)]),
    "trapezoid": (lambda t, y, x: t.trapezoid(y, x, dim=0), [(4, 3), (4,)]),
    "trapezoid dx": (lambda t, y: t.trapezoid(y, dx=3), [(2, 4)]),
    "cumulative_trapezoid": (lambda t, y, x: t.cumulative_trapezoid(y, x), [(2, 4), (2, 4)]),
    "dist": (lambda t, a, b: t.dist(a, b, 3), [(2, 3), (3,)]),
    "renorm": (lambda t, a: t.renorm(a, 3, 1, 0.5), [(2, 3)]),
    "cdist": (lambda t, a, b: t.cdist(a, b), [(2, 3, 4), (5, 4)]),
    "cdist product": (
        lambda t, a, b: t.cdist(a, b, compute_mode="use_mm_for_euclid_dist"),
        [(3, 4), (2, 4)],
    ),
    "cdist 1": (lambda t, a, b: t.cdist(a, b, p=1), [(3, 4), (2, 4)]),
    "cdist 3": (lambda t, a, b: t.cdist(a, b, p=3.0), [(3, 4), (2, 4)]),
    "cdist inf": (lambda t, a, b: t.cdist(a, b, p=float("inf")), [(3, 4), (2, 4)]),
    "pdist": (lambda t, a: t.nn.functional.pdist(a), [(4, 3)]),
    "bilinear": (
        lambda t, a, b, w, c: t.nn.functional.bilinear(a, b, w, c),
        [(2, 3, 2), (2, 3, 4), (3, 2, 4), (3,)],
    ),
}

REAL = {n for n in CASES if n.startswith(("cdist", "pdist", "bilinear"))}
"""PyTorch has distances and bilinear forms of real vectors only."""

FIRST = {"cdist", "cdist product", "cdist 1", "cdist 3", "cdist inf", "pdist"}
"""PyTorch differentiates these once only."""


@pytest.mark.parametrize("name", CASES)
def test_as_recorded(name: str, assert_recorded) -> None:
    case, shapes = CASES[name]
    assert_recorded("calculus.json", name, "float64", case, shapes, name not in FIRST)


@pytest.mark.parametrize("name", [n for n in CASES if n not in REAL])
def test_complex_as_recorded(name: str, assert_recorded) -> None:
    case, shapes = CASES[name]
    assert_recorded("calculus.json", name, "complex128", case, shapes)


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree_with_differences(name: str, assert_differences) -> None:
    assert_differences(*CASES[name])


def test_differences_of_bools_and_of_too_few() -> None:
    assert torch.diff(torch.tensor([True, False, False])).tolist() == [True, False]
    assert torch.diff(torch.arange(4), n=9).tolist() == []
    assert torch.diff(torch.arange(4), n=0).tolist() == [0, 1, 2, 3]
    assert torch.gradient(torch.arange(3))[0].tolist() == [1.0, 1.0, 1.0]


def test_equal_points_are_at_distance_zero_with_gradient_zero() -> None:
    x = torch.ones(2, 3, requires_grad=True)
    torch.cdist(x, torch.ones(1, 3)).sum().backward()
    assert x.grad.tolist() == [[0.0] * 3] * 2


INF = float("inf")


@pytest.mark.parametrize(("p", "at_x", "at_y"), [
    (0.0, [[0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
    (1.0, [[-10.0, 10.0, -20.0]], [[10.0, -10.0, 0.0], [0.0, 0.0, 20.0]]),
    (INF, [[-10.0, 10.0, -20.0]], [[10.0, -10.0, 0.0], [0.0, 0.0, 20.0]]),
])  # fmt: skip
def test_every_largest_gap_receives_the_gradient(p: float, at_x: list, at_y: list) -> None:
    x = torch.tensor([[2.0, 2.0, 2.0]], requires_grad=True)
    y = torch.tensor([[4.0, 0.0, 2.0], [2.0, 2.0, 5.0]], requires_grad=True)
    found = torch.autograd.grad(
        torch.cdist(x, y, p), (x, y), torch.tensor([[10.0, 20.0]]), allow_unused=True
    )
    assert [g.tolist() for g in found] == [at_x, at_y]


@pytest.mark.parametrize("p", [1.0, INF])
def test_distances_have_tangents(p: float) -> None:
    x, along = torch.tensor([[1.0, 5.0], [3.0, 4.0], [0.0, 9.0]]).double(), torch.eye(3, 2).double()
    for function in (lambda x: torch.cdist(x, x[:2] * 0.5, p), lambda x: torch.pdist(x, p)):
        slope = torch.func.jvp(function, (x,), (along,))[1]
        step = (function(x + along * 1e-4) - function(x - along * 1e-4)) / 2e-4
        torch.testing.assert_close(slope, step)


def test_renorm_in_place() -> None:
    x = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert x.renorm_(2, 0, 1) is x
    assert x.tolist()[1] == [0.0, 1.0]
    assert x.tolist()[0] == pytest.approx([0.6, 0.8])


REFUSED = {
    "diff 0-d": (lambda: torch.diff(torch.tensor(1.0)), RuntimeError, "at least one-dimensional"),
    "diff n": (lambda: torch.diff(torch.ones(2), n=-1), RuntimeError, "non-negative but got -1"),
    "diff prepend": (
        lambda: torch.diff(torch.ones(2), prepend=torch.ones(2, 2)),
        RuntimeError,
        "prepend or append to be the same dimension",
    ),
    "edge_order": (
        lambda: torch.gradient(torch.ones(3), edge_order=3),
        RuntimeError,
        "only supports edge_order=1 and edge_order=2",
    ),
    "spacing": (
        lambda: torch.gradient(torch.ones(3), spacing=[1.0, 2.0]),
        RuntimeError,
        "of length 2",
    ),
    "few": (lambda: torch.gradient(torch.ones(1)), RuntimeError, r"at least edge_order\+1"),
    "dims": (lambda: torch.gradient(torch.ones(3, 3), dim=(0, 0)), RuntimeError, "dim 0 appears"),
    "points": (
        lambda: torch.trapezoid(torch.ones(4), torch.ones(3)),
        RuntimeError,
        "one `x` value for each sample point",
    ),
    "x and dx": (lambda: torch.trapezoid(torch.ones(4), torch.ones(4), dx=1), TypeError, "x or dx"),
    "columns": (
        lambda: torch.cdist(torch.ones(2, 3), torch.ones(2, 2)),
        RuntimeError,
        "same number of columns. X1: 3 X2: 2",
    ),
    "p": (
        lambda: torch.cdist(torch.ones(2, 3), torch.ones(2, 3), p=-1),
        RuntimeError,
        "non-negative p",
    ),
    "mode": (
        lambda: torch.cdist(torch.ones(2, 3), torch.ones(2, 3), compute_mode="x"),
        ValueError,
        "not a valid value for compute_mode",
    ),
    "pdist": (
        lambda: torch.pdist(torch.ones(3)),
        RuntimeError,
        "only supports 2D tensors, got: 1D",
    ),
    "maxnorm": (
        lambda: torch.renorm(torch.ones(2, 2), 2, 0, -1.0),
        RuntimeError,
        "expected maxnorm to be >= 0 but got -1",
    ),
    "bilinear": (
        lambda: torch.bilinear(torch.ones(2, 3), torch.ones(2, 4), torch.ones(5, 3, 3)),
        RuntimeError,
        "input2 size does not match weight size: got 4 but expected 3",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call()
