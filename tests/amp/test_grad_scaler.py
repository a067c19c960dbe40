"""GradScaler: scaled losses, skipped steps, a factor that falls and grows."""

import pytest

import flambeau as torch
from flambeau.amp import GradScaler


def _step(scaler, w, optimizer, factor=1.0):
    optimizer.zero_grad()
    scaler.scale((w * factor).sum()).backward()
    scaler.step(optimizer)
    scaler.update()


def test_steps_are_those_of_unscaled_gradients():
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.25)
    _step(GradScaler("cpu", init_scale=1024.0), w, optimizer)
    assert w.tolist() == [0.75, 0.75]
    assert w.grad.tolist() == [1.0, 1.0]


def test_infinite_gradients_skip_the_step_and_lower_the_factor():
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.25)
    scaler = GradScaler("cpu", init_scale=8.0, growth_interval=2)
    _step(scaler, w, optimizer, float("inf"))
    assert w.tolist() == [1.0, 1.0]
    assert scaler.get_scale() == 4.0
    _step(scaler, w, optimizer)
    _step(scaler, w, optimizer)
    assert w.tolist() == [0.5, 0.5]
    assert scaler.get_scale() == 8.0


def test_order_of_calls_is_checked():
    w = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1.0)
    scaler = GradScaler("cpu")
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.update()
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)


def test_disabled_it_changes_nothing():
    scaler = GradScaler("cpu", enabled=False)
    x = torch.ones(1)
    assert scaler.scale(x) is x
    assert scaler.get_scale() == 1.0
    assert scaler.state_dict() == {}


def test_state_goes_to_another_scaler():
    one, other = GradScaler("cpu", init_scale=3.0), GradScaler("cpu")
    other.load_state_dict(one.state_dict())
    assert other.get_scale() == 3.0
    with pytest.raises(RuntimeError, match="source state dict is empty"):
        other.load_state_dict({})
