"""nn.utils.spectral_norm, the old one: values are PyTorch 2.13's for the same seed."""

import pytest

import flambeau as torch
from flambeau import nn


def _layer():
    torch.manual_seed(0)
    return nn.utils.spectral_norm(nn.Linear(3, 2))


def _close(found, expected):
    torch.testing.assert_close(found, torch.tensor(expected), atol=2e-4, rtol=0)


def test_forward_iterates_while_training():
    layer = _layer()
    y = layer(torch.ones(1, 3))
    _close(layer.weight_u, [-0.6007, -0.7995])
    _close(layer.weight_v, [0.8942, -0.0372, 0.4461])
    _close(y.detach(), [[-0.4600, -0.8432]])
    y.sum().backward()
    _close(layer.weight_orig.grad, [[0.1591, 2.7451, 1.4032], [-0.6626, 2.7793, 0.9933]])
    before = layer.weight_u.clone()
    layer.eval()(torch.ones(1, 3))
    assert torch.equal(layer.weight_u, before)


def test_remove_leaves_the_divided_weight():
    layer = _layer()
    layer(torch.ones(1, 3))
    nn.utils.remove_spectral_norm(layer)
    assert list(layer.state_dict()) == ["bias", "weight"]
    _close(layer.weight.detach(), [[-0.0114, 0.8183, -1.2554], [-1.1226, -0.5875, 0.4090]])
    with pytest.raises(ValueError, match="spectral_norm of 'weight' not found"):
        nn.utils.remove_spectral_norm(layer)


def test_what_is_refused():
    with pytest.raises(RuntimeError, match="Cannot register two spectral_norm hooks"):
        nn.utils.spectral_norm(_layer())
    with pytest.raises(ValueError, match="n_power_iterations to be positive"):
        nn.utils.spectral_norm(nn.Linear(2, 2), n_power_iterations=0)
