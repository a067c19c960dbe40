"""autocast: which functions get which dtype, as PyTorch 2.13 answered on a CPU."""

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn import functional as F

A = torch.ones(2, 2)
H = A.bfloat16()
LOW = {
    "matmul": lambda: A @ A,
    "method": lambda: A.mm(A),
    "einsum": lambda: torch.einsum("ij,jk->ik", A, A),
    "tensordot": lambda: torch.tensordot(A, A, 1),
    "addmm": lambda: torch.addmm(A, A, A),
    "conv": lambda: nn.Conv1d(2, 2, 1)(A[None]),
    "linear": lambda: nn.Linear(2, 2)(A),
    "attention": lambda: nn.MultiheadAttention(2, 1)(A[None], A[None], A[None])[0],
    "sdpa": lambda: F.scaled_dot_product_attention(A[None], A[None], A[None]),
    "softmax of half": lambda: H.softmax(0),
    "layer_norm of half": lambda: nn.LayerNorm(2)(H),
    "batch_norm of half": lambda: nn.BatchNorm1d(2)(H),
    "sum of half": lambda: H.sum(),
}
FULL = {
    "add": lambda: A + A,
    "dot": lambda: torch.dot(A[0], A[0]),
    "mse_loss": lambda: F.mse_loss(H, H),
    "cross_entropy": lambda: F.cross_entropy(H, torch.tensor([0, 1])),
    "bce": lambda: F.binary_cross_entropy_with_logits(H, H),
    "prod": lambda: H.prod(),
    "cdist": lambda: torch.cdist(H, H),
    "inv": lambda: torch.linalg.inv(torch.eye(2).bfloat16()),
    "cat": lambda: torch.cat([H, A]),
}


@pytest.mark.parametrize("name", LOW)
def test_products_run_in_16_bits(name):
    with torch.autocast("cpu"):
        assert LOW[name]().dtype is torch.bfloat16


@pytest.mark.parametrize("name", FULL)
def test_what_needs_range_runs_in_float32(name):
    with torch.autocast("cpu"):
        assert FULL[name]().dtype is torch.float32


@pytest.mark.parametrize(
    ("kind", "dtype"), [("LSTM", torch.bfloat16), ("RNN", torch.bfloat16), ("GRU", torch.float32)]
)
@pytest.mark.parametrize("packed", [False, True])
def test_recurrent_networks(kind, dtype, packed):
    """Their results' types are PyTorch's, and the steps are those of float32."""
    torch.manual_seed(0)
    layer, x = getattr(nn, kind)(6, 5, 2, bidirectional=True), torch.randn(7, 3, 6)
    if packed:
        x = nn.utils.rnn.pack_padded_sequence(x, [7, 4, 2])
    want = layer(x)
    with torch.autocast("cpu"):
        got = layer(x)
        again = layer(x, got[1])
    flat = [(a, b) for a, b in zip(_leaves(got), _leaves(want)) if a.is_floating_point()]
    assert {a.dtype for a, _ in flat} == {dtype} == {a.dtype for a in _leaves(again)[:1]}
    for a, b in flat:
        torch.testing.assert_close(a.float(), b, rtol=0, atol=0.02)
    sum(a.float().square().sum() for a, _ in flat).backward()
    slopes = [p.grad for p in layer.parameters()]
    layer.zero_grad()
    sum(b.square().sum() for _, b in flat).backward()
    for got, p in zip(slopes, layer.parameters()):
        assert (got - p.grad).abs().max() <= 0.03 * p.grad.abs().max() + 0.02


def _leaves(values):
    if isinstance(values, torch.Tensor):
        return [values]
    return [] if values is None else [leaf for value in values for leaf in _leaves(value)]


def test_steps_of_recurrent_networks():
    x = torch.randn(3, 6)
    with torch.autocast("cpu"):
        assert [y.dtype for y in nn.LSTMCell(6, 5)(x)] == [torch.float32] * 2
        assert nn.GRUCell(6, 5)(x).dtype is torch.float32
        assert nn.RNNCell(6, 5)(x).dtype is torch.bfloat16


def test_modes_are_asked_before_anything_is_cast():
    seen = []

    class Names(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    with torch.autocast("cpu"), Names():
        first = F.linear(A, A)
    with Names(), torch.autocast("cpu"):
        second = F.linear(A, A)
    assert first.dtype is second.dtype is torch.bfloat16
    assert seen == ["linear"] * 2


def test_float64_is_left_alone():
    with torch.autocast("cpu"):
        assert (A.double() @ A.double()).dtype is torch.float64


def test_nesting_and_what_is_in_force():
    assert not torch.is_autocast_enabled("cpu")
    with torch.autocast("cpu", dtype=torch.float16):
        assert torch.is_autocast_enabled("cpu")
        assert torch.get_autocast_dtype("cpu") is torch.float16
        with torch.autocast("cpu", enabled=False):
            assert not torch.is_autocast_cpu_enabled()
            assert (A @ A).dtype is torch.float32
        assert (A @ A).dtype is torch.float16
    assert (A @ A).dtype is torch.float32


def test_weights_and_gradients_stay_float32():
    layer = nn.Linear(2, 2)
    with torch.autocast("cpu"):
        loss = F.mse_loss(layer(A), A)
    loss.backward()
    assert layer.weight.dtype is layer.weight.grad.dtype is torch.float32
    assert bool(layer.weight.grad.any())


def test_as_a_decorator():
    @torch.autocast("cpu")
    def product(x):
        """The square."""
        return x @ x

    assert product(A).dtype is torch.bfloat16
    assert product.__doc__ == "The square."


def test_what_cannot_be_honoured_says_so():
    with pytest.raises(RuntimeError, match="unsupported autocast device_type 'tpu'"):
        torch.autocast("tpu")
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        torch.autocast(torch.device("cpu"))
    with pytest.warns(UserWarning, match="dtype torch.float32 is not supported"):
        context = torch.autocast("cpu", dtype=torch.float32)
    with context:
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks what happens without a GPU")
def test_without_a_gpu_its_autocast_is_off():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        context = torch.autocast("cuda")
    with context:
        assert (A @ A).dtype is torch.float32
