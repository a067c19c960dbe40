"""First values: PyTorch's numbers for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import init

DRAWN = {
    "uniform_": [0.496257, 0.768222, 0.0884774, 0.13203, 0.307423, 0.634079],
    "normal_": [1.541, -0.293429, -2.17879, 0.568431, -1.08452, -1.3986],
    "xavier_uniform_": [-0.0082014, 0.587645, -0.901601, -0.806181, -0.421915, 0.293752],
    "xavier_normal_": [0.974612, -0.185581, -1.37799, 0.359508, -0.685912, -0.884549],
    "kaiming_uniform_": [-0.010588, 0.758646, -1.16396, -1.04077, -0.54469, 0.379232],
    "kaiming_normal_": [1.25822, -0.239584, -1.77897, 0.464122, -0.885509, -1.14195],
    "trunc_normal_": [1.541, -0.293429, -0.719258, 0.568431, -1.08452, -1.3986],
    "orthogonal_": [0.573981, -0.109295, -0.811542, -0.345415, -0.930883, -0.118936],
    "eye_": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
}


@pytest.mark.parametrize("name", list(DRAWN))
def test_values(name: str) -> None:
    torch.manual_seed(0)
    x = torch.empty(2, 3)
    assert getattr(init, name)(x) is x
    np.testing.assert_allclose(x.numpy().ravel(), DRAWN[name], rtol=1e-4, atol=1e-6)


def test_sparse_and_far_truncated_values() -> None:
    torch.manual_seed(0)
    x = init.sparse_(torch.empty(3, 2), 0.5)
    np.testing.assert_allclose(x.numpy().ravel(), [0, 0, -0.0217879, 0, 0, -0.013986], rtol=1e-4)
    with pytest.warns(UserWarning, match="mean is more than 2 std"):
        y = init.trunc_normal_(torch.empty(4), a=4, b=5)
    np.testing.assert_allclose(y.numpy(), [4.17591, 4.24366, 4.16103, 4.03172], rtol=1e-5)


def test_dirac_passes_channels_on() -> None:
    weight = init.dirac_(torch.empty(4, 2, 3), groups=2)
    x = torch.arange(20.0).reshape(1, 4, 5)
    y = torch.nn.functional.conv1d(x, weight, padding=1, groups=2)
    assert torch.equal(x, y)


def test_gains() -> None:
    gains = [init.calculate_gain(n) for n in ("linear", "tanh", "relu", "leaky_relu", "selu")]
    np.testing.assert_allclose(gains, [1, 5 / 3, 2**0.5, 1.4141428569978354, 0.75])
    assert init.calculate_gain("leaky_relu", 0.2) == pytest.approx(1.3867504905630728)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: init.calculate_gain("nope"), "Unsupported nonlinearity nope"),
        (lambda: init.xavier_uniform_(torch.empty(3)), "fewer than 2 dimensions"),
        (lambda: init.kaiming_normal_(torch.empty(2, 2), mode="up"), "Mode up not supported"),
        (lambda: init.eye_(torch.empty(3)), "Only tensors with 2 dimensions"),
        (lambda: init.orthogonal_(torch.empty(3)), "2 or more dimensions"),
        (lambda: init.dirac_(torch.empty(3)), "3, 4, or 5 dimensions"),
    ],
)
def test_misuse(act, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act()


def test_old_names_warn() -> None:
    with pytest.warns(FutureWarning, match="deprecated in favor of `nn.init.constant_`"):
        assert init.constant(torch.empty(1), 3.0).item() == 3.0
