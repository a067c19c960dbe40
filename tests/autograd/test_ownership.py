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


def test_grad_gives_fresh_gradients_as_they_are(copies):
    x, y = (torch.ones(SIZE, requires_grad=True) for _ in range(2))
    found = torch.autograd.grad((x * 2).sum() + (y * x.detach()).sum(), (x, y))
    assert [g.sum().item() for g in found] == [2 * SIZE, SIZE]
    assert copies == []


def test_grad_shares_the_memory_that_pytorchs_shares():
    """The expected numbers are PyTorch's: what is only passed on is one array, which may be the given one."""
    x, y = (torch.zeros(SIZE, requires_grad=True) for _ in range(2))
    total, given = x + y, torch.ones(SIZE)
    again = total * 1.0
    found = torch.autograd.grad(again, (again, total, x, y), given)
    for i, g in enumerate(found, 2):
        g.fill_(i)
    assert [g[0].item() for g in found] == [2, 5, 5, 5]
    assert (given == 2).all()


def test_grad_of_a_sum_is_an_array_of_its_own():
    x = torch.zeros(3, 4, requires_grad=True)
    (g,) = torch.autograd.grad(x.sum(), x)
    g[0, 0] = 5
    assert g.sum().item() == 16
