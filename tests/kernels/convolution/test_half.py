"""Convolutions of half types against those of float64: rounded once, whatever the sizes, strides and groups."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
F = torch.nn.functional
FORWARD = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
UNIT = {torch.bfloat16: 2**-8, torch.float16: 2**-11}
"""Of a result, half a step between neighbours."""
BACK = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def assert_rounded_once(function, x, w, bias, *options):
    given = [None if a is None else a.double() for a in (x, w, bias)]
    exact = function(*given, *options)
    size = function(*(None if a is None else a.abs() for a in given), *options)
    result = function(x, w, bias, *options)
    assert result.dtype is x.dtype
    bound = exact.abs() * UNIT[x.dtype] * 1.01 + size * 1e-6
    assert ((result.double() - exact).abs() <= bound).all()


def window(rng, dims):
    sizes = [int(rng.integers(1, 5)) for _ in range(dims)]
    stride, dilation = ([int(rng.integers(1, most)) for _ in range(dims)] for most in (4, 3))
    return sizes, stride, dilation, [int(rng.integers(0, k)) for k in sizes]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("seed", np.random.SeedSequence(163).generate_state(25))
def test_any_sizes_and_window(dims, seed):
    dtype = list(UNIT)[seed // 2 % 2]
    rng = np.random.default_rng(seed)
    groups, images = int(rng.choice([1, 1, 1, 2])), int(rng.integers(1, 3))
    channels = int(rng.choice([2, 3, 4, 5, 8, 16, 17, 32, 33, 48, 64, 96]))
    rows = int(rng.choice([8, 9, 16, 24, 32, 40, 64]))
    sizes, stride, dilation, padding = window(rng, dims)
    image = [int(rng.integers(9, {1: 90, 2: 24, 3: 12}[dims])) for _ in range(dims)]
    x = torch.randn(images, channels * groups, *image).to(dtype)
    w = torch.randn(rows * groups, channels, *sizes).to(dtype)
    bias = torch.randn(rows * groups).to(dtype) if seed % 2 else None
    assert_rounded_once(FORWARD[dims], x, w, bias, stride, padding, dilation, groups)
    g = torch.randn(images, rows * groups, *image).to(dtype)
    one = [1] * dims
    assert_rounded_once(BACK[dims], g, w, None, one, padding, 0, groups, dilation)
    g, extra = g[(..., *[slice(7)] * dims)], [int(rng.integers(0, s)) for s in stride]
    bias = bias[:channels].repeat(groups) if bias is not None and channels < rows else None
    assert_rounded_once(BACK[dims], g, w, bias, stride, padding, extra, groups, dilation)


@pytest.mark.parametrize("channels", [3, 40])
@pytest.mark.parametrize("dtype", UNIT)
def test_what_is_not_finite_reaches_its_own_places(channels, dtype):
    """Few channels share a tile's row with neighbouring places, which must not see it."""
    x, w = (torch.randn(*s).to(dtype) for s in ((1, channels, 12, 40), (16, channels, 3, 3)))
    x[0, 1, 5, 20] = torch.inf
    result = F.conv2d(x, w, padding=1)
    x[0, 1, 5, 20] = 0
    plain = F.conv2d(x, w, padding=1)
    seen = torch.zeros(12, 40, dtype=torch.bool)
    seen[4:7, 19:22] = True
    assert result[..., seen].isinf().all()
    # One rounding: without tiles, the sums are made another way where something is not finite.
    torch.testing.assert_close(result[..., ~seen], plain[..., ~seen], rtol=2**-7, atol=1e-5)


def test_bits_do_not_depend_on_threads():
    x, w = torch.randn(3, 40, 30, 30).bfloat16(), torch.randn(50, 40, 3, 3).bfloat16()
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2, 5):
            torch.set_num_threads(number)
            results.append(F.conv2d(x, w, padding=1))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(results[0], other) for other in results)


def test_gradients_are_near_those_of_float64():
    x, w, b = (torch.randn(*s).bfloat16().requires_grad_()
               for s in ((2, 32, 14, 14), (48, 32, 3, 3), (48,)))  # fmt: skip
    wide = [t.detach().double().requires_grad_() for t in (x, w, b)]
    g = torch.randn(2, 48, 14, 14).bfloat16()
    F.conv2d(x, w, b, padding=1).backward(g)
    F.conv2d(*wide, padding=1).backward(g.double())
    for near, exact in zip((x, w, b), wide):
        scale = exact.grad.abs().max().item()
        assert (near.grad.double() - exact.grad).abs().max() <= 2**-7 * scale


@pytest.mark.parametrize("dtype", UNIT)
@pytest.mark.parametrize(("rows", "channels", "groups"), [(40, 64, 1), (9, 32, 2), (64, 128, 1)])
def test_weights_with_taps_between_their_channels(rows, channels, groups, dtype):
    """Packed along channels forward, and along rows backward; each with a last panel that is not full."""
    x = torch.randn(2, channels * groups, 5, 6).to(dtype)
    w = torch.randn(rows * groups, channels, 3, 2).to(dtype)
    assert_rounded_once(F.conv2d, x, w, None, 1, 1, 1, groups)
    w = torch.randn(channels * groups, rows, 3, 2).to(dtype)
    assert_rounded_once(F.conv_transpose2d, x, w, None, 1, 0, 0, groups)


@pytest.mark.parametrize("channels", [16, 64])
def test_weights_that_are_not_finite(channels):
    x, w = torch.randn(1, channels, 6, 7).half(), torch.randn(16, channels, 3, 3).half()
    w[5, 7, 1, 1] = torch.inf
    result = F.conv2d(x, w)
    assert result[:, 5].isinf().all()
    assert result[:, :5].isfinite().all()
    assert result[:, 6:].isfinite().all()


def weight_gradient(x, w, g, *options):
    function = FORWARD[x.ndim - 2]
    w = w.clone().requires_grad_()
    function(x, w, None, *options).backward(g)
    return w.grad


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("seed", np.random.SeedSequence(164).generate_state(25))
def test_gradient_towards_any_weight(dims, seed):
    rng = np.random.default_rng(seed)
    groups, images = int(rng.choice([1, 1, 2])), int(rng.integers(1, 4))
    channels, rows = int(rng.choice([2, 3, 5, 16, 17, 33, 40])), int(rng.choice([8, 9, 17, 32, 40]))
    sizes, stride, dilation, padding = window(rng, dims)
    image = [int(rng.integers(9, {1: 90, 2: 24, 3: 12}[dims])) for _ in range(dims)]
    x = torch.randn(images, channels * groups, *image).bfloat16()
    w = torch.randn(rows * groups, channels, *sizes).bfloat16()
    options = stride, padding, dilation, groups
    g = torch.randn(*FORWARD[dims](x, w, None, *options).shape).bfloat16()
    result = weight_gradient(x, w, g, *options)
    exact = weight_gradient(x.double(), w.double(), g.double(), *options)
    size = weight_gradient(x.double().abs(), w.double(), g.double().abs(), *options)
    bound = exact.abs() * UNIT[torch.bfloat16] * 1.01 + size * 1e-6
    assert ((result.double() - exact).abs() <= bound).all()


@pytest.mark.parametrize("spoilt", ["image", "gradient"])
def test_what_is_not_finite_reaches_the_weights_it_meets(spoilt):
    """As in float32: zeros between results, which tiles multiply, must not meet it."""
    x, g = torch.randn(1, 16, 9, 8).bfloat16(), torch.randn(1, 16, 9, 8).bfloat16()
    (x if spoilt == "image" else g)[0, 3, 0, 0] = torch.inf
    w = torch.randn(16, 16, 3, 3).bfloat16()
    grad = weight_gradient(x, w, g, 1, 1)
    wide = weight_gradient(x.float(), w.float(), g.float(), 1, 1)
    assert torch.equal(grad.isinf(), wide.isinf())
    assert torch.equal(grad.isnan(), wide.isnan())
    assert grad.isinf().any()
    assert grad.isfinite().any()


def test_bits_of_gradients_do_not_depend_on_threads():
    x, w = torch.randn(3, 40, 30, 30).bfloat16(), torch.randn(50, 40, 3, 3).bfloat16()
    g = torch.randn(3, 50, 30, 30).bfloat16()
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2, 5):
            torch.set_num_threads(number)
            results.append(weight_gradient(x, w, g, 1, 1))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(results[0], other) for other in results)
