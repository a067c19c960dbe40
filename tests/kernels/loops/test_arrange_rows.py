"""Reductions of one array of any strides, against NumPy in float64."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import flambeau as torch

LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "in order": lambda x: x,
    "transposed": lambda x: x.transpose(0, 2),
    "rotated": lambda x: x.permute(1, 2, 0),
    "inner": lambda x: x[:, 1:-1, 1:-1],
    "every second": lambda x: x[:, :, ::2],
    "every second in the middle": lambda x: x[:, ::2],
    "transposed inner": lambda x: x[1:, :, 1:].transpose(1, 2),
    "expanded": lambda x: x[:, :1].expand(-1, 5, -1),
}
REDUCTIONS: dict[str, tuple[Callable, Callable]] = {
    "sum": (torch.sum, np.sum),
    "mean": (torch.mean, np.mean),
    "amax": (torch.amax, np.max),
    "var": (lambda x, dim, keepdim: torch.var(x, dim, keepdim=keepdim, correction=0), np.var),
    "norm": (
        lambda x, dim, keepdim: torch.linalg.vector_norm(x, 2, dim, keepdim),
        lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis, keepdims=keepdims)),
    ),
    "logsumexp": (
        torch.logsumexp,
        lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis, keepdims=keepdims)),
    ),
}
DIMS = [dims for n in (1, 2, 3) for dims in itertools.combinations(range(3), n)]


def tensor(shape: tuple[int, ...]) -> Any:
    return torch.from_numpy(np.random.default_rng(len(shape)).normal(size=shape).astype("float32"))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_every_layout_and_dimension(name: str, layout: str) -> None:
    reduce, reference = REDUCTIONS[name]
    for shape in ((4, 5, 6), (3, 40, 19), (33, 4, 70)):
        x = LAYOUTS[layout](tensor(shape))
        exact = x.numpy().astype(np.float64)
        for dims, keepdim in itertools.product(DIMS, (False, True)):
            found = reduce(x, dims, keepdim=keepdim).numpy()
            wanted = reference(exact, axis=dims, keepdims=keepdim)
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted, rtol=3e-6, atol=3e-6, err_msg=f"{dims}")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_places_and_results_of_every_element(layout: str) -> None:
    x = LAYOUTS[layout](tensor((5, 30, 18)))
    exact = x.numpy().astype(np.float64)
    for dim in range(3):
        assert np.array_equal(x.argmax(dim).numpy(), exact.argmax(dim))
        weights = np.exp(exact) / np.exp(exact).sum(dim, keepdims=True)
        np.testing.assert_allclose(torch.softmax(x, dim).numpy(), weights, rtol=2e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_integers_and_bools(layout: str) -> None:
    x = LAYOUTS[layout]((tensor((5, 30, 18)) * 100).to(torch.int64))
    for dims in DIMS:
        assert np.array_equal(x.sum(dims).numpy(), x.numpy().sum(dims))
        assert np.array_equal((x > 150).any(dims).numpy(), (x.numpy() > 150).any(dims))


def test_of_all_elements() -> None:
    x = tensor((300, 400))
    for view in (x.t(), x[:, 1:-1], x[::2], x.t()[::3]):
        np.testing.assert_allclose(view.sum().item(), view.numpy().astype(float).sum(), rtol=1e-5)
        assert view.amax().item() == view.numpy().max()


def test_nan_wins() -> None:
    x = torch.zeros(20, 30)
    x[3, 4] = float("nan")
    assert torch.amax(x.t(), 0).isnan().nonzero().tolist() == [[3]]
    assert torch.amax(x[:, 1:], (0,)).isnan().nonzero().tolist() == [[3]]


def test_strides_of_softmax_are_those_of_pytorch() -> None:
    """What it gives lies in order, whatever its operand does."""
    assert torch.softmax(torch.rand(6, 5).t(), 0).stride() == (6, 1)
    assert torch.log_softmax(torch.rand(4, 10)[:, ::2], 0).stride() == (5, 1)


def test_bits_do_not_depend_on_threads() -> None:
    x = torch.rand(900, 1000)
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append([v.sum(d) for v in (x.t(), x[:, 1:-1], x[:, ::2]) for d in (0, 1, (0, 1))])
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(*found))


@pytest.mark.parametrize("layout", ["in order", "transposed", "rotated", "inner", "expanded"])
def test_norms_with_a_weight_of_every_layout(layout: str) -> None:
    """Values and gradients of a norm whose weight has fewer dimensions, against NumPy, and results in order."""
    x = LAYOUTS[layout](tensor((4, 5, 7)).double()).requires_grad_()
    weight = torch.arange(1.0, x.shape[-1] + 1).double().requires_grad_()
    g = LAYOUTS[layout](tensor((4, 5, 7)).double() + 1)
    y = torch.nn.functional.layer_norm(x, weight.shape, weight)
    gx, gw = torch.autograd.grad(y, (x, weight), g)
    a, w, slope = x.detach().numpy(), weight.detach().numpy(), g.numpy()
    apart = a - a.mean(-1, keepdims=True)
    scale = 1 / np.sqrt(np.square(apart).mean(-1, keepdims=True) + 1e-5)
    unit = apart * scale
    np.testing.assert_allclose(y.detach().numpy(), unit * w, rtol=1e-10, atol=1e-12)
    assert y.is_contiguous()
    s = slope * w
    found = scale * (s - s.mean(-1, keepdims=True) - unit * (s * unit).mean(-1, keepdims=True))
    np.testing.assert_allclose(gx.numpy(), found, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(gw.numpy(), (slope * unit).sum((0, 1)), rtol=1e-9, atol=1e-11)
