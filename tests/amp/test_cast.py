"""Casts of weights within autocast: made once, and again when the weight changes."""

import pytest

import flambeau as torch
from flambeau.amp import cast
from flambeau.ops.tensor import convert

F = torch.nn.functional


@pytest.fixture
def reused(monkeypatch):
    """How often a cast was found."""
    found = []

    def counted(x, values):
        found.append(x)
        return convert.known_copy(x, values)

    monkeypatch.setattr(cast, "known_copy", counted)
    return found


def test_a_weight_is_cast_once_until_it_changes(reused):
    w, x = torch.nn.Parameter(torch.randn(8, 8)), torch.randn(4, 8)
    with torch.autocast("cpu"):
        first = F.linear(x, w)
        assert torch.equal(F.linear(x, w), first)
        assert len(reused) == 1
        with torch.no_grad():
            w.mul_(2)
        assert torch.equal(F.linear(x, w), first * 2)
        assert len(reused) == 1
        w.data = w.data * 2
        assert torch.equal(F.linear(x, w), first * 4)
        with torch.autocast("cpu"):
            assert torch.equal(F.linear(x, w), first * 4)
        assert len(reused) == 2
    w.data.mul_(0.5)  # no version counts it
    with torch.autocast("cpu"):
        assert torch.equal(F.linear(x, w), first * 2)
    assert len(reused) == 2


def test_a_cast_holds_in_other_blocks_too(reused):
    w, x = torch.nn.Parameter(torch.randn(8, 8)), torch.randn(4, 8)
    results = []
    for _ in range(3):
        with torch.autocast("cpu"):
            results.append(F.linear(x, w))
    assert len(reused) == 2
    with torch.no_grad(), torch.autocast("cpu"):
        assert torch.equal(F.linear(x, w), results[0])
        w.add_(w)
        assert torch.equal(F.linear(x, w), results[0] * 2)


@pytest.mark.parametrize(
    "held",
    [
        lambda w: w.data,
        lambda w: w.data[0],
        lambda w: w.detach().numpy(),
        lambda w: memoryview(w.detach().numpy()),
        lambda w: w.untyped_storage(),
        lambda w: torch.from_dlpack(w.detach()),
    ],
    ids=["data", "row", "numpy", "buffer", "storage", "dlpack"],
)
@pytest.mark.parametrize("early", [False, True])
def test_what_is_written_uncounted_shows_in_the_next_block(held, early):
    """Whoever writes got hold of the memory before the cast, or after it."""
    w, x = torch.nn.Parameter(torch.randn(8, 8)), torch.randn(4, 8)
    holder = held(w) if early else None
    for _ in range(3):
        with torch.autocast("cpu"):
            F.linear(x, w)
        holder = held(w) if holder is None else holder
        before = w.detach().clone()
        if isinstance(holder, torch.UntypedStorage):
            holder.fill_(0)
        elif isinstance(holder, memoryview):
            holder[0, 0] = 1000.0
        else:
            holder[...] = 3.0
        assert not torch.equal(before, w)
        with torch.autocast("cpu"):
            assert torch.equal(F.linear(x, w), x.bfloat16() @ w.detach().bfloat16().T)
        if not early:
            holder = None
        with torch.no_grad():
            w.normal_()


def test_casts_go_with_their_weights():
    w, x = torch.nn.Parameter(torch.randn(8, 8)), torch.randn(4, 8)
    torch.clear_autocast_cache()
    before = set(cast._kept)
    with torch.no_grad(), torch.autocast("cpu"):
        F.linear(x, w)
    assert len(set(cast._kept) - before) == 1
    del w
    assert set(cast._kept) == before


def test_nobody_writes_to_a_kept_cast():
    w = torch.nn.Parameter(torch.eye(3))
    with torch.no_grad(), torch.autocast("cpu"):
        torch.einsum("ij->ji", w).zero_()
        assert torch.equal(torch.einsum("ij->ij", w), torch.eye(3).bfloat16())


def test_frozen_parameters_are_weights_too(reused):
    w, x = torch.nn.Parameter(torch.randn(8, 8), requires_grad=False), torch.randn(4, 8)
    with torch.autocast("cpu"):
        first = F.linear(x, w)
        w.mul_(2)
        assert torch.equal(F.linear(x, w), first * 2)


def test_gradients_go_through_a_cast_that_was_found(reused):
    w, x = torch.nn.Parameter(torch.randn(8, 8)), torch.randn(4, 8)
    with torch.autocast("cpu"):
        total = F.linear(x, w).float().sum() + F.linear(x * 2, w).float().sum()
    total.backward()
    assert len(reused) == 1
    each = x.bfloat16().double().sum(0)
    assert w.grad.dtype is torch.float32
    assert (w.grad.double() - 3 * each).abs().max() < 0.1


def test_what_is_no_weight_is_not_kept(reused):
    w, x = torch.randn(8, 8), torch.randn(4, 8)
    with torch.autocast("cpu"):
        F.linear(x, w)
        F.linear(x, w)
    with torch.autocast("cpu", cache_enabled=False):
        w.requires_grad_()
        F.linear(x, w)
        F.linear(x, w)
    assert not reused


def test_the_cache_can_be_emptied_and_switched_off(reused):
    w, x = torch.nn.Parameter(torch.randn(8, 8)), torch.randn(4, 8)
    assert torch.is_autocast_cache_enabled()
    with torch.autocast("cpu"):
        F.linear(x, w)
        torch.clear_autocast_cache()
        F.linear(x, w)
        assert not reused
        F.linear(x, w)
        assert len(reused) == 1
    torch.set_autocast_cache_enabled(False)
    try:
        with torch.autocast("cpu"):
            F.linear(x, w)
            F.linear(x, w)
        assert len(reused) == 1
    finally:
        torch.set_autocast_cache_enabled(True)
