"""Quantised tensors, layers with weights of bytes, and products of eight bits, against PyTorch's numbers."""

from __future__ import annotations

import copy
import io
import pickle

import pytest

import flambeau as torch
from flambeau.ao import quantization
from flambeau.ao.nn.quantized import dynamic

X = (torch.arange(24.0) * 7 % 24).reshape(3, 8) / 12 - 0.8
W = (torch.arange(32.0) * 11 % 32).reshape(4, 8) / 20 - 0.7
BYTES = [
    [-105, -22, 60, -98, -15, 68, -90, -8],
    [75, -82, 0, 82, -75, 8, 90, -68],
    [15, 98, -60, 23, 105, -52, 30, 113],
    [-45, 38, 120, -38, 45, 127, -30, 52],
]
"""What PyTorch makes of W."""


def model() -> torch.nn.Sequential:
    layer = torch.nn.Linear(8, 4)
    with torch.no_grad():
        layer.weight.copy_(W)
        layer.bias.copy_(torch.tensor([0.1, -0.2, 0.3, 0.0]))
    return torch.nn.Sequential(layer)


def test_a_tensor_with_one_scale() -> None:
    x = torch.tensor([[-1.0, 0.0, 1.0], [2.0, 0.3, -0.7]])
    q = torch.quantize_per_tensor(x, 0.1, 10, torch.quint8)
    assert q.int_repr().tolist() == [[0, 10, 20], [30, 13, 3]]
    assert (q.q_scale(), q.q_zero_point(), q.dtype) == (0.1, 10, torch.quint8)
    assert q.qscheme() is torch.per_tensor_affine
    assert q.is_quantized
    torch.testing.assert_close(q.dequantize(), x)
    assert repr(q) == (
        "tensor([[-1.0000,  0.0000,  1.0000],\n        [ 2.0000,  0.3000, -0.7000]], size=(2, 3), "
        "dtype=torch.quint8,\n       quantization_scheme=torch.per_tensor_affine, scale=0.1, zero_point=10)"
    )
    assert torch.equal(copy.deepcopy(q), q)
    assert torch.quantize_per_tensor(x, 0.05, 0, torch.qint32).int_repr().dtype is torch.int32


def test_a_tensor_with_a_scale_a_channel() -> None:
    x = torch.tensor([[-1.0, 0.0, 1.0], [2.0, 0.3, -0.7]])
    q = torch.quantize_per_channel(
        x, torch.tensor([0.1, 0.02]), torch.tensor([0, 0]), 0, torch.qint8
    )
    assert q.int_repr().tolist() == [[-10, 0, 10], [100, 15, -35]]
    assert q.q_per_channel_axis() == 0
    assert q.q_per_channel_zero_points().tolist() == [0, 0]
    with pytest.raises(RuntimeError, match="q_per_channel_scales"):
        q.q_scale()


def test_nothing_is_computed_with_quantised_tensors() -> None:
    q = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    for use in (lambda: q + q, lambda: torch.relu(q), lambda: q.sum()):
        with pytest.raises(NotImplementedError, match="QuantizedCPU"):
            use()
    with pytest.raises(RuntimeError, match="out of range"):
        torch.quantize_per_tensor(torch.ones(2), 0.1, 300, torch.qint8)
    with pytest.raises(RuntimeError, match="Float Tensor"):
        torch.quantize_per_tensor(torch.ones(2).double(), 0.1, 0, torch.qint8)


def test_observers() -> None:
    x = torch.tensor([[-1.0, 0.0, 1.0], [2.0, 0.3, -0.7]])
    observer = quantization.MinMaxObserver()
    observer(x)
    scale, zero = observer.calculate_qparams()
    assert (round(scale.item(), 6), zero.tolist()) == (0.011765, [85])
    observer = quantization.default_per_channel_weight_observer()
    observer(x)
    assert observer.calculate_qparams()[0].tolist() == pytest.approx([1 / 127.5, 2 / 127.5])


def test_a_linear_layer() -> None:
    float_model = model()
    q = quantization.quantize_dynamic(float_model, {torch.nn.Linear}, dtype=torch.qint8)
    assert isinstance(q[0], dynamic.Linear)
    assert isinstance(float_model[0], torch.nn.Linear)
    assert q[0].weight().int_repr().tolist() == BYTES
    assert q[0].weight().q_scale() == 0.006666666362434626
    # PyTorch's own results lie within 0.0096: it quantises inputs more coarsely, all rows together.
    torch.testing.assert_close(q(X), float_model(X), rtol=0, atol=0.008)
    torchs = [1.504549264907837, -1.1377077102661133, -0.18173223733901978, 1.9064040184020996]
    torch.testing.assert_close(q(X)[1], torch.tensor(torchs), rtol=0, atol=0.015)
    assert not q(X.requires_grad_()).requires_grad
    X.requires_grad_(False)
    assert repr(q[0]) == (
        "DynamicQuantizedLinear(in_features=8, out_features=4, dtype=torch.qint8, "
        "qscheme=torch.per_tensor_affine)"
    )


def test_a_result_is_what_the_bytes_say() -> None:
    q = quantization.quantize_dynamic(model())[0]
    x = X.numpy().astype("float64")
    low, high = x.min(1).clip(max=0), x.max(1).clip(min=0)
    step = (high - low) / 255
    zero = (-low / step).round()
    levels = (x / step[:, None]).round() + zero[:, None]
    want = (levels - zero[:, None]) * step[:, None] @ q.weight().dequantize().double().numpy().T
    torch.testing.assert_close(
        q(X), torch.from_numpy(want).float() + q.bias(), rtol=1e-5, atol=1e-6
    )


def test_a_row_does_not_depend_on_the_others() -> None:
    q = quantization.quantize_dynamic(model())
    x = torch.randn(70, 8)
    x[5, 2], x[6, 1] = float("nan"), float("inf")
    many = q(x)
    assert torch.equal(many[3], q(x[3]))
    assert many.isnan().any(1).nonzero().flatten().tolist() == [5, 6]


@pytest.mark.parametrize(("n", "k", "m"), [(7, 5, 1), (33, 70, 3), (100, 64, 2), (50, 129, 70)])
def test_sizes(n: int, k: int, m: int) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Linear(k, n, bias=n > 40))
    config = {torch.nn.Linear: quantization.per_channel_dynamic_qconfig}
    q, x = quantization.quantize_dynamic(layer, config), torch.randn(m, k)
    assert q[0].weight().qscheme() is torch.per_channel_affine
    error = (q(x) - layer(x)).detach().square().mean().sqrt()
    assert error < 0.01 * layer(x).detach().std()


class Wrapped(torch.nn.Module):
    def __init__(self, inner: torch.nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor):
        return self.inner(x)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: torch.nn.LSTM(16, 24, 2, bidirectional=True),
        lambda: torch.nn.GRU(16, 24, 2, batch_first=True),
        lambda: torch.nn.LSTM(16, 24, bias=False),
    ],
)
def test_recurrent_layers(layer) -> None:
    torch.manual_seed(0)
    whole = Wrapped(layer())
    q = quantization.quantize_dynamic(whole, {torch.nn.LSTM, torch.nn.GRU})
    x = torch.randn(7, 3, 16)
    (want, states), (got, last) = whole(x), q(x)
    torch.testing.assert_close(got, want, rtol=0, atol=0.01)
    for a, b in zip(last if isinstance(last, tuple) else (last,), states):
        assert a.shape == (states if b.ndim == 2 else b).shape
    assert str(q.inner).startswith("DynamicQuantized")


def test_states_are_saved_and_loaded() -> None:
    q = quantization.quantize_dynamic(model())
    assert list(q.state_dict()) == [
        "0.scale", "0.zero_point", "0._packed_params.dtype", "0._packed_params._packed_params",
    ]  # fmt: skip
    file = io.BytesIO()
    torch.save(q.state_dict(), file)
    file.seek(0)
    other = quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(8, 4)))
    other.load_state_dict(torch.load(file))
    for again in (other, copy.deepcopy(q), pickle.loads(pickle.dumps(q))):
        assert torch.equal(again(X), q(X))


def test_half_weights() -> None:
    float_model = model()
    q = quantization.quantize_dynamic(float_model, dtype=torch.float16)
    assert q[0].weight().dtype is torch.float16
    torch.testing.assert_close(q(X), float_model(X).detach(), rtol=0, atol=1e-3)


def test_names_choose_layers() -> None:
    whole = torch.nn.Sequential(model(), torch.nn.Linear(4, 2))
    q = quantization.quantize_dynamic(whole, {"0"})
    assert type(q[0][0]) is dynamic.Linear
    assert type(q[1]) is torch.nn.Linear


def test_what_is_not_there_refuses() -> None:
    with pytest.raises(NotImplementedError, match="static quantisation"):
        quantization.prepare(model())
    with pytest.raises(NotImplementedError, match="no dynamic form of Conv2d"):
        quantization.quantize_dynamic(model(), {torch.nn.Conv2d})
    with pytest.raises(RuntimeError, match="engine"):
        torch.backends.quantized.engine = "none of them"
    q = quantization.quantize_dynamic(model())
    with pytest.raises(RuntimeError, match="Float"):
        q(X.double())
    with pytest.raises(RuntimeError, match="in_features"):
        q(X[:, :4])


def test_products_of_bytes() -> None:
    x = torch.arange(-40, 40, dtype=torch.int8).reshape(10, 8)
    y = torch.arange(-32, 32, dtype=torch.int8).reshape(8, 8)
    got = torch._int_mm(x, y)
    assert got.dtype is torch.int32
    assert torch.equal(got, (x.long() @ y.long()).int())
    large = torch.full((2, 4000), -128, dtype=torch.int8)
    assert torch._int_mm(large, large.t()).tolist() == [[65536000, 65536000]] * 2
    with pytest.raises(RuntimeError, match="int8"):
        torch._int_mm(x.float(), y)


A = ((torch.arange(16.0, device="cpu") * 5 % 16).reshape(2, 8) / 4 - 2).to(torch.float8_e4m3fn)
B = ((torch.arange(24.0, device="cpu") * 7 % 24).reshape(3, 8) / 6 - 2).to(torch.float8_e5m2)


def test_scaled_products() -> None:
    two, half = torch.tensor(2.0), torch.tensor(0.5)
    got = torch._scaled_mm(A, B.t(), two, half, out_dtype=torch.float32)
    assert got.tolist() == [[12.3359375, -2.125, -5.9765625], [-4.7265625, -3.375, 8.3359375]]
    got = torch._scaled_mm(A, B.t(), two, half, use_fast_accum=True)
    assert got.dtype is torch.float8_e4m3fn
    assert got.tolist() == [[12.0, -2.0, -6.0], [-4.5, -3.5, 8.0]]
    rows, columns = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0, 2.0, 3.0]])
    bias = torch.ones(3, dtype=torch.bfloat16)
    got = torch._scaled_mm(A, B.t(), rows, columns, bias=bias, out_dtype=torch.bfloat16)
    assert got.tolist() == [[13.3125, -3.25, -16.875], [-8.4375, -12.5, 51.0]]
    with pytest.raises(ValueError, match="scaling"):
        torch._scaled_mm(A.float(), B.t(), two, half)
    with pytest.raises(ValueError, match="scaling"):
        torch._scaled_mm(A, B.t(), rows, columns[:, :2])
