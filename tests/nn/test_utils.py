"""nn.utils: clipping, vectors, packed sequences, parametrizations, fusion."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn.utils import parametrizations, parametrize, rnn


@pytest.fixture
def double() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def parameters() -> list[nn.Parameter]:
    made = [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(1))]
    made[0].grad = torch.tensor([3.0, 4.0])
    made[1].grad = torch.ones(3)
    return made


def test_gradients_are_scaled_together() -> None:
    p = parameters()
    assert nn.utils.clip_grad_norm_(p, 1.0).item() == pytest.approx(28**0.5)
    np.testing.assert_allclose(p[0].grad.numpy(), [3 / 28**0.5, 4 / 28**0.5], rtol=1e-5)
    assert nn.utils.clip_grad_norm_(p, 9.0, float("inf")).item() == pytest.approx(4 / 28**0.5)
    assert nn.utils.get_total_norm([p[1].grad], 1.0).item() == pytest.approx(3 / 28**0.5)
    nn.utils.clip_grad_value_(p, 0.1)
    np.testing.assert_allclose(p[0].grad.numpy(), [0.1, 0.1])


def test_a_norm_that_is_no_number_is_refused_if_asked() -> None:
    p = parameters()
    p[0].grad = torch.tensor([float("nan"), 1.0])
    with pytest.raises(RuntimeError, match="is non-finite"):
        nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)


def test_vectors_of_parameters() -> None:
    p = parameters()
    vector = nn.utils.parameters_to_vector(p)
    assert vector.shape == (6,)
    nn.utils.vector_to_parameters(vector.detach() * 2, p)
    assert p[1].tolist() == [2.0, 2.0, 2.0]


# ------------------------------------------------------------------------------------- sequences


def test_packing_and_padding() -> None:
    x = torch.arange(12.0).reshape(3, 4)
    packed = rnn.pack_padded_sequence(x, [2, 3, 1, 3], enforce_sorted=False)
    assert packed.data.tolist() == [1, 3, 0, 2, 5, 7, 4, 9, 11]
    assert packed.batch_sizes.tolist() == [4, 3, 2]
    assert packed.sorted_indices.tolist() == [1, 3, 0, 2]
    assert packed.unsorted_indices.tolist() == [2, 0, 3, 1]
    padded, lengths = rnn.pad_packed_sequence(packed, True, -1.0, 4)
    assert padded.tolist() == [
        [0, 4, -1, -1],
        [1, 5, 9, -1],
        [2, -1, -1, -1],
        [3, 7, 11, -1],
    ]
    assert lengths.tolist() == [2, 3, 1, 3]
    assert [part.tolist() for part in rnn.unpack_sequence(packed)][2] == [2.0]
    left = rnn.pad_sequence([torch.ones(2), torch.ones(1)], True, 9.0, "left")
    assert left.tolist() == [[1, 1], [9, 1]]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [([2, 0], "has to be greater than 0"), ([2, 3], "must be sorted in decreasing order")],
)
def test_lengths_that_cannot_be_packed(lengths: list[int], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        rnn.pack_padded_sequence(torch.ones(3, 2), lengths)


@pytest.mark.usefixtures("double")
def test_recurrent_layers_stop_where_sequences_end() -> None:
    torch.manual_seed(3)
    lstm = nn.LSTM(2, 2, 2, bidirectional=True)
    x = torch.arange(16.0).reshape(4, 2, 2).cos()
    y, (h, c) = lstm(rnn.pack_padded_sequence(x, [2, 4], enforce_sorted=False))
    want = [-0.21596891, -0.21382205, -0.24173345, -0.18113546, -0.21645457, -0.17429591]
    np.testing.assert_allclose(y.data.sum(1).detach().numpy(), want, rtol=1e-6)
    want = [-0.54654219, -0.021831654, -0.13719562, -0.30530615]
    np.testing.assert_allclose(h.sum((1, 2)).detach().numpy(), want, rtol=1e-6)
    want = [-0.18779702, -0.38190349, 0.57001818, 1.0385529]
    np.testing.assert_allclose(c[:2, :, 0].detach().numpy().ravel(), want, rtol=1e-6)
    gru = nn.GRU(2, 2, bidirectional=True)
    y, h = gru(rnn.pack_padded_sequence(x, [4, 1]))
    want = [-0.42110254, -0.17475758, -0.34104262, -0.11908144, 0.05398314]
    np.testing.assert_allclose(y.data.sum(1).detach().numpy(), want, rtol=1e-6)
    want = [0.028198378, 0.16757922, -0.10738675, 0.26296624]
    np.testing.assert_allclose(h[0].detach().numpy().ravel(), want, rtol=1e-6)


# ------------------------------------------------------------------------------- parametrizations


def test_weight_norm_splits_length_and_direction() -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    parametrizations.weight_norm(layer)
    assert list(layer.state_dict()) == [
        "bias",
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ]
    np.testing.assert_allclose(layer.weight.detach().numpy(), before.numpy(), rtol=1e-5)
    with torch.no_grad():
        layer.parametrizations.weight.original0.mul_(2)
    np.testing.assert_allclose(layer.weight.detach().numpy(), 2 * before.numpy(), rtol=1e-5)
    layer(torch.ones(1, 3)).sum().backward()
    assert layer.parametrizations.weight.original0.grad is not None
    other = copy.deepcopy(layer)
    assert torch.equal(other.weight, layer.weight)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert isinstance(layer.weight, nn.Parameter)


def test_spectral_norm_divides_by_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    layer = parametrizations.spectral_norm(nn.Linear(4, 3), n_power_iterations=30).eval()
    sizes = np.linalg.svd(layer.weight.detach().numpy(), compute_uv=False)
    assert sizes[0] == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("sizes", [(3, 3), (3, 2), (2, 3)])
def test_orthogonal_weights_stay_orthogonal(sizes: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = parametrizations.orthogonal(nn.Linear(*sizes))
    with torch.no_grad():
        layer.parametrizations.weight.original.normal_()
    w = layer.weight.detach().numpy()
    w = w if w.shape[0] < w.shape[1] else w.T
    np.testing.assert_allclose(w @ w.T, np.eye(len(w)), atol=1e-5)


def test_parametrizations_chain_cache_and_check() -> None:
    class Double(nn.Module):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            Double.calls += 1
            return x * 2

        def right_inverse(self, x: torch.Tensor) -> torch.Tensor:
            return x / 2

    layer = nn.Linear(1, 1)
    before = layer.weight.item()
    parametrize.register_parametrization(layer, "weight", Double())
    assert layer.weight.item() == pytest.approx(before)
    assert layer.parametrizations.weight.original.item() == pytest.approx(before / 2)
    layer.weight = torch.full((1, 1), 6.0)
    assert layer.parametrizations.weight.original.item() == 3.0
    Double.calls = 0
    with parametrize.cached():
        assert layer.weight is layer.weight
    assert Double.calls == 1

    class Wide(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x, x])

    with pytest.raises(ValueError, match="may not change the dtype or shape"):
        parametrize.register_parametrization(nn.Linear(1, 1), "weight", Wide())
    with pytest.raises(ValueError, match="does not have a parameter"):
        parametrize.register_parametrization(nn.Linear(1, 1), "nope", Double())


def test_the_old_weight_norm() -> None:
    layer = nn.Linear(3, 2)
    before = layer(torch.ones(1, 3)).detach().numpy()
    with pytest.warns(FutureWarning, match="parametrizations.weight_norm"):
        nn.utils.weight_norm(layer)
    assert list(layer.state_dict()) == ["bias", "weight_g", "weight_v"]
    np.testing.assert_allclose(layer(torch.ones(1, 3)).detach().numpy(), before, rtol=1e-5)
    nn.utils.remove_weight_norm(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_a_normalisation_is_folded_into_the_layer_before_it() -> None:
    conv, bn = nn.Conv2d(2, 3, 3).eval(), nn.BatchNorm2d(3).eval()
    bn.running_mean.normal_()
    bn.running_var.uniform_(0.5, 2.0)
    x = torch.randn(1, 2, 5, 5)
    both = nn.utils.fuse_conv_bn_eval(conv, bn)
    np.testing.assert_allclose(
        both(x).detach().numpy(), bn(conv(x)).detach().numpy(), rtol=1e-4, atol=1e-5
    )
    with pytest.raises(AssertionError, match="Fusion only for eval"):
        nn.utils.fuse_conv_bn_eval(nn.Conv2d(1, 1, 1), bn)


# ------------------------------------------------------------------------------------ lazy layers


def test_lazy_layers_learn_their_sizes() -> None:
    layer = nn.LazyLinear(3)
    assert repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    assert repr(layer.weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="Can't access the shape"):
        layer.weight.shape  # noqa: B018
    with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
        layer.weight + 1
    assert layer(torch.ones(2, 4)).shape == (2, 3)
    assert type(layer) is nn.Linear
    assert layer.weight.shape == (3, 4)


def test_lazy_layers_take_sizes_from_a_state() -> None:
    net = nn.Sequential(nn.LazyConv2d(3, 2), nn.LazyBatchNorm2d())
    full = nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3))
    net.load_state_dict(full.state_dict())
    assert torch.equal(net[0].weight, full[0].weight)
    x = torch.randn(2, 2, 4, 4)
    np.testing.assert_allclose(net(x).detach().numpy(), full(x).detach().numpy(), rtol=1e-5)
    assert [type(layer).__name__ for layer in net] == ["Conv2d", "BatchNorm2d"]


def test_lazy_layers_are_converted_first() -> None:
    layer = nn.LazyBatchNorm1d().double()
    assert layer(torch.ones(2, 3, dtype=torch.float64)).dtype is torch.float64
    assert layer.running_mean.shape == (3,)
