"""GradScaler: scaled losses, skipped steps, a factor that falls and grows."""

import pytest

import flambeau as torch
from flambeau.amp import GradScaler
from flambeau.amp.grad_scaler import OptState

DEVICE = torch.get_default_device().type


def _step(scaler, w, optimizer, factor=1.0):
    optimizer.zero_grad()
    scaler.scale((w * factor).sum()).backward()
    scaler.step(optimizer)
    scaler.update()


def test_steps_are_those_of_unscaled_gradients():
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.25)
    _step(GradScaler(DEVICE, init_scale=1024.0), w, optimizer)
    assert w.tolist() == [0.75, 0.75]
    assert w.grad.tolist() == [1.0, 1.0]


def test_infinite_gradients_skip_the_step_and_lower_the_factor():
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.25)
    scaler = GradScaler(DEVICE, init_scale=8.0, growth_interval=2)
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
    scaler = GradScaler(DEVICE)
    with pytest.raises(AssertionError, match="Attempted update but _scale is None"):
        scaler.update()
    scaler.scale(w.sum()).backward()
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)


def test_disabled_it_changes_nothing():
    scaler = GradScaler(DEVICE, enabled=False)
    x = torch.ones(1)
    assert scaler.scale(x) is x
    assert scaler.get_scale() == 1.0
    assert scaler.state_dict() == {}


def test_state_goes_to_another_scaler():
    one, other = GradScaler(DEVICE, init_scale=3.0), GradScaler(DEVICE)
    other.load_state_dict(one.state_dict())
    assert other.get_scale() == 3.0
    with pytest.raises(RuntimeError, match="source state dict is empty"):
        other.load_state_dict({})


def test_the_state_of_each_optimizer_can_be_seen():
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.25)
    scaler = GradScaler(DEVICE, init_scale=8.0)
    scaler.scale((w * float("inf")).sum()).backward()
    scaler.unscale_(optimizer)
    state = scaler._per_optimizer_states[id(optimizer)]
    assert state["stage"] is OptState.UNSCALED
    assert [found.item() for found in state["found_inf_per_device"].values()] == [1.0]
    scaler.step(optimizer)
    assert state["stage"] is OptState.STEPPED
    assert scaler._scale.dtype is torch.float32
    scaler.update()
    assert not scaler._per_optimizer_states


def test_half_precision_gradients_are_not_unscaled():
    w = torch.ones(2, dtype=torch.float16, requires_grad=True)
    scaler = GradScaler(DEVICE, init_scale=8.0)
    scaler.scale(w.sum()).backward()
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        scaler.unscale_(torch.optim.SGD([w], lr=0.25))


def test_an_optimizer_that_unscales_by_itself_is_given_the_factor():
    class Own(torch.optim.SGD):
        _step_supports_amp_scaling = True

        def step(self, closure=None):
            seen.append((self.grad_scale.item(), self.found_inf.item()))

    seen = []
    w = torch.ones(2, requires_grad=True)
    _step(GradScaler(DEVICE, init_scale=8.0), w, Own([w], lr=0.25))
    assert seen == [(8.0, 0.0)]
    assert w.grad.tolist() == [8.0, 8.0]


def test_functions_with_a_gradient_remember_autocast():
    seen = []

    class Product(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type=DEVICE)
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x @ y

        @staticmethod
        @torch.amp.custom_bwd(device_type=DEVICE)
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            seen.append(torch.is_autocast_enabled(DEVICE))
            return g @ y.t(), x.t() @ g

    x = torch.ones(2, 2, requires_grad=True)
    with torch.autocast(DEVICE):
        y = Product.apply(x, x)
    assert y.dtype is torch.get_autocast_dtype(DEVICE)
    y.sum().backward()
    Product.apply(x, x).sum().backward()
    assert seen == [True, False]
