"""Gradients that nobody else holds become `.grad` as they are; all others are copied first."""

import pytest

import flambeau as torch
from flambeau.autograd import engine
from flambeau.nn import functional as F

SIZE = 3000  # large enough for kernels


@pytest.fixture
def copies(monkeypatch):
    """The arrays that the engine copied."""
    seen = []
    plain = engine.gradient.owned

    def owned(g):
        seen.append(g.shape)
        return plain(g)

    monkeypatch.setattr(engine.gradient, "owned", owned)
    return seen


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x * 2).sum(),
        lambda x: (x.reshape(30, -1) * 2).sum(),
        lambda x: F.max_pool1d(x.view(2, 3, -1), 2).sum(),
        lambda x: F.linear(torch.ones(5, 60), x.view(50, 60)).sum(),
    ],
    ids=["formula", "reshaped", "pooling", "linear"],
)
def test_fresh_gradients_are_not_copied(function, copies):
    x = torch.ones(SIZE, requires_grad=True)
    function(x).backward()
    assert x.grad.shape == (SIZE,)
    assert copies == []


@pytest.mark.parametrize("shape", [(SIZE,), (30, 100)])
def test_what_others_hold_is_copied(shape, copies):
    x, y = (torch.zeros(SIZE, requires_grad=True) for _ in range(2))
    given = torch.ones(shape)
    (x.view(shape) + y.view(shape)).backward(given)
    assert copies
    x.grad.add_(1)
    assert (x.grad == 2).all()
    assert (y.grad == 1).all()
    assert (given == 1).all()


def test_the_given_gradient_of_a_view_is_not_the_leafs():
    x, given = torch.zeros(SIZE, requires_grad=True), torch.ones(30, 100)
    x.view(30, 100).backward(given)
    x.grad.zero_()
    assert (given == 1).all()
