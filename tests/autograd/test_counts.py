"""Counts of references: what goes wrong with one that is too large, and that none is needed to be right."""

import re

import pytest

import flambeau as torch
from flambeau.autograd import engine, location
from flambeau.autograd.counts import MOST, fewest
from flambeau.dispatch import write
from flambeau.dispatch.formula import into
from flambeau.kernels import gradient


def assert_the_users_gradient_is_not_written_to():
    x, g = torch.ones(3, requires_grad=True), torch.ones(3)
    x.backward(g)
    x.grad.add_(1)
    assert g.tolist() == [1.0] * 3


def assert_the_base_of_the_users_gradient_is_not_written_to():
    x, g = torch.ones(3, 1, requires_grad=True), torch.ones(3)
    x.view(3).backward(g)
    x.grad.add_(1)
    assert g.tolist() == [1.0] * 3


def assert_leaves_do_not_share_a_gradient():
    a, b = (torch.ones(3, requires_grad=True) for _ in "ab")
    ((a + b) * 2).sum().backward()
    a.grad.zero_()
    assert b.grad.tolist() == [2.0] * 3


def assert_the_line_of_a_write_is_named():
    y = torch.ones(3, requires_grad=True).exp()
    with torch.no_grad():
        y.neg_()
    with pytest.raises(RuntimeError, match=re.escape("(`y.neg_()`)")):
        y.sum().backward()


def assert_the_line_of_a_partial_write_is_named():
    y = torch.ones(3, requires_grad=True).exp()
    y.index_fill_(0, torch.tensor([0]), 1)
    with pytest.raises(RuntimeError, match=r"index_fill_\("):
        y.sum().backward()


def assert_the_optimiser_is_named():
    a, b = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    loss = (a * b).sum()
    loss.backward(retain_graph=True)
    torch.optim.SGD([a], 0.1).step()
    with pytest.raises(RuntimeError, match=re.escape("by SGD.step() at")):
        loss.backward()


ASSERTIONS = {
    (engine, "HELD_HERE"): assert_the_users_gradient_is_not_written_to,
    (engine, "HELD_BASE"): assert_the_base_of_the_users_gradient_is_not_written_to,
    (into, "UNSAVED"): assert_the_line_of_a_write_is_named,
    (write, "UNSAVED"): assert_the_line_of_a_partial_write_is_named,
    (location, "UNSAVED"): assert_the_optimiser_is_named,
}
NAMES = [f"{place.__name__}.{name}" for place, name in ASSERTIONS]


@pytest.mark.parametrize(("place", "check"), ASSERTIONS.items(), ids=NAMES)
def test_a_count_is_as_small_as_it_has_to_be(place, check, monkeypatch):
    check()
    monkeypatch.setattr(*place, getattr(*place) + 1)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check()


@pytest.mark.parametrize("known", [True, False])
def test_nothing_is_shared(known, monkeypatch):
    for place in () if known else ASSERTIONS:
        monkeypatch.setattr(*place, 0)
    assert_leaves_do_not_share_a_gradient()
    for check in ASSERTIONS.values():
        check()


@pytest.mark.parametrize("shape", [(6,), (2, 3)])
def test_a_gradient_that_only_the_engine_holds_is_not_copied(shape, monkeypatch):
    """Each count is as large as it can be: with one less there is a copy."""
    copies = []

    def owned(x):
        copies.append(x.shape)
        return x.copy()

    def step():
        copies.clear()
        x = torch.ones(*shape, requires_grad=True)
        (x.view(6) * torch.arange(6.0)).backward(torch.ones(6))
        assert x.grad.tolist() == torch.arange(6.0).view(shape).tolist()
        return copies

    monkeypatch.setattr(gradient, "owned", owned)
    assert step() == []
    monkeypatch.setattr(engine, "HELD_HERE", engine.HELD_HERE - 1)
    assert step() == [shape]
    monkeypatch.undo()
    if len(shape) > 1:
        monkeypatch.setattr(gradient, "owned", owned)
        monkeypatch.setattr(engine, "HELD_BASE", engine.HELD_BASE - 1)
        assert step() == [shape]


def test_measuring_again_gives_the_same():
    before = engine.HELD_HERE, engine.HELD_BASE, location.UNSAVED
    engine._measure()
    location._measure()
    assert before == (engine.HELD_HERE, engine.HELD_BASE, location.UNSAVED)
    assert write.UNSAVED == location.UNSAVED
    assert 0 not in before


@pytest.mark.parametrize(
    ("alone", "shared", "found"),
    [
        (1, 2, 1),
        (3, 4, 3),
        (MOST, MOST + 1, MOST),
        (3, 3, 0),  # one holder more makes no difference: such counts say nothing
        (3, 1, 0),
        (MOST + 1, MOST + 2, 0),
    ],
)
def test_the_fewest_references(alone, shared, found):
    assert fewest(lambda count, held: count >= (shared if held else alone)) == found
