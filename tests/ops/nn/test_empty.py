"""Layers of nothing: batches of no samples, and dimensions of size 0 where PyTorch 2.13.0 takes them."""

import itertools

import pytest

import flambeau as torch
from flambeau import nn

F = torch.nn.functional
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
WINDOWS = {  # kernel, stride, padding, dilation, groups
    "point": (1, 1, 0, 1, 1),
    "padded": (3, 1, 1, 1, 1),
    "strided, dilated, grouped": (3, 2, 0, 2, 2),
    "point, strided": (1, 2, 0, 1, 2),
    "depthwise": (2, 1, 0, 1, 4),
}


def assert_empty(run, *tensors, shape):
    """The result has the shape; derivatives of both orders exist, and are 0 where there is something."""
    tensors = [t.requires_grad_() for t in tensors]
    out = run(*tensors)
    assert tuple(out.shape) == shape
    firsts = torch.autograd.grad(out.sum(), tensors, create_graph=True)
    seconds = torch.autograd.grad(
        sum(g.sum() for g in firsts if g.requires_grad) + sum(t.sum() for t in tensors), tensors
    )
    for x, first, second in zip(tensors, firsts, seconds):
        assert first.shape == second.shape == x.shape
        assert first.dtype is x.dtype
        assert not first.any()


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_convolution(n, window, dtype):
    kernel, stride, padding, dilation, groups = window
    x = torch.ones(0, 4, *(7,) * n, dtype=dtype)
    w, bias = torch.ones(4, 4 // groups, *(kernel,) * n, dtype=dtype), torch.ones(4, dtype=dtype)
    reach = dilation * (kernel - 1) + 1
    after = (7 + 2 * padding - reach) // stride + 1
    convolve, back = getattr(F, f"conv{n}d"), getattr(F, f"conv_transpose{n}d")
    assert_empty(
        lambda x, w, b: convolve(x, w, b, stride, padding, dilation, groups), x, w, bias,
        shape=(0, 4, *(after,) * n),
    )  # fmt: skip
    after = 6 * stride - 2 * padding + reach
    assert_empty(
        lambda x, w, b: back(x, w, b, stride, padding, 0, groups, dilation), x, w, bias,
        shape=(0, 4, *(after,) * n),
    )  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 3])
def test_convolution_without_channels(n):
    """No channels in: sums of nothing. (PyTorch 2.13.0 gives no channels out.)"""
    sizes, kernel = (5,) * n, (3,) * n
    convolve, back = getattr(F, f"conv{n}d"), getattr(F, f"conv_transpose{n}d")
    x, none = torch.ones(2, 4, *sizes), torch.ones(2, 0, *sizes)
    assert tuple(back(x, torch.ones(4, 0, *kernel)).shape) == (2, 0, *(7,) * n)
    got = convolve(none, torch.ones(4, 0, *kernel), torch.arange(4.0))
    assert got.flatten(2)[..., 0].tolist() == [[0.0, 1.0, 2.0, 3.0]] * 2


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pooling(n, dtype):
    x = torch.ones(0, 3, *(6,) * n, dtype=dtype)
    for name in ("max_pool", "avg_pool", "lp_pool", "adaptive_avg_pool", "adaptive_max_pool"):
        pool = getattr(F, f"{name}{n}d")
        options = (2.0, 2) if name == "lp_pool" else (3,) if "adaptive" in name else (2,)
        assert_empty(lambda x, pool=pool, o=options: pool(x, *o), x, shape=(0, 3, *(3,) * n))
    small = torch.ones(0, 3, *(3,) * n, dtype=dtype)
    places = torch.zeros(small.shape, dtype=torch.int64)
    unpool = getattr(F, f"max_unpool{n}d")
    assert_empty(lambda x: unpool(x, places, 2), small, shape=(0, 3, *(6,) * n))
    pool = getattr(F, f"adaptive_avg_pool{n}d")
    assert pool(torch.ones(2, 3, *(0,) * n), 1).isnan().all()
    assert tuple(pool(torch.ones(0, *(6,) * n), 3).shape) == (0, *(3,) * n)
    with pytest.raises(RuntimeError, match="non-zero size for non-batch dimensions"):
        pool(torch.ones(2, 3, *(0,) * n), 3)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 3, 0), (0, 3, 0)])
def test_running_statistics_see_no_empty_batch(shape):
    for norm in (nn.BatchNorm1d(3), nn.InstanceNorm1d(3, track_running_stats=True)):
        assert_empty(norm, torch.ones(shape), shape=shape)
        assert norm.running_mean.tolist() == [0.0] * 3
        assert norm.running_var.tolist() == [1.0] * 3
    assert tuple(nn.InstanceNorm1d(0)(torch.ones(2, 0, 7)).shape) == (2, 0, 7)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_grid_sample(mode):
    def run(x, grid):
        return F.grid_sample(x, grid, mode, align_corners=False)

    for n, c in ((0, 3), (2, 0), (0, 0)):
        x, grid = torch.ones(n, c, 5, 5), torch.zeros(n, 3, 4, 2)
        assert_empty(run, x, grid, shape=(n, c, 3, 4))
    assert tuple(run(torch.ones(2, 3, 5, 5), torch.zeros(2, 0, 4, 2)).shape) == (2, 3, 0, 4)


@pytest.mark.parametrize("sizes", [(0, 3, 3), (2, 0, 3), (2, 3, 0), (2, 0, 0)])
@pytest.mark.parametrize("need", [True, False])
def test_attention(sizes, need):
    """No queries: nothing; no keys: the projection's bias, and weights of no elements."""
    batch, length, source = sizes
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    nn.init.constant_(layer.out_proj.bias, 2.0)
    q, k = torch.ones(batch, length, 4), torch.ones(batch, source, 4)
    out, weights = layer(q, k, k, need_weights=need)
    assert tuple(out.shape) == (batch, length, 4)
    if not source:
        assert (out == 2).all()
    assert not need or tuple(weights.shape) == (batch, length, source)
    out.sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in layer.parameters())
    q, k = (x.unsqueeze(1).requires_grad_() for x in (q, k))
    for causal, dtype in itertools.product((False, True), FLOATS):
        a, b = q.to(dtype), k.to(dtype)
        mixed = F.scaled_dot_product_attention(a, b, b, is_causal=causal)
        assert tuple(mixed.shape) == (batch, 1, length, 4)


def test_attention_without_features():
    """Scores are sums of nothing: every key has an equal share."""
    q, v = torch.ones(1, 2, 3, 0), torch.arange(6.0).view(1, 1, 3, 2).expand(1, 2, 3, 2)
    out = F.scaled_dot_product_attention(q, q, v)
    assert out[0, 0].tolist() == [[2.0, 3.0]] * 3


@pytest.mark.parametrize("cls", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_layers(cls):
    layer = cls(3, 4, 2, bidirectional=True)
    out = layer(torch.ones(5, 0, 3, requires_grad=True))[0]
    assert tuple(out.shape) == (5, 0, 8)
    out.sum().backward()
    assert all(not p.grad.any() for p in layer.parameters())
