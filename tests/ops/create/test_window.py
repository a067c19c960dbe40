"""Convolution, pooling, padding, unfolding, resizing, attention, embedding: gradients to second order
against float64 differences, and the errors of wrong arguments. Their values are compared with
PyTorch's in tests/nn/test_layer.py, and here where no layer has the option."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import flambeau as torch

F: Any = torch.nn.functional

CASES: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "conv1d": (
        lambda x, w, b: F.conv1d(x, w, b, padding="same", dilation=2),
        ((2, 3, 6), (4, 3, 2), (4,)),
    ),
    "conv2d": (
        lambda x, w, b: F.conv2d(x, w, b, (2, 1), (1, 2), (1, 2), 2),
        ((2, 4, 5, 6), (6, 2, 3, 2), (6,)),
    ),
    "conv3d": (
        lambda x, w: F.conv3d(x, w, stride=2, padding=1),
        ((1, 2, 3, 3, 4), (2, 2, 2, 2, 2)),
    ),
    "conv_point": (lambda x, w: F.conv2d(x, w), ((2, 3, 2, 2), (4, 3, 1, 1))),
    "conv_transpose1d": (
        lambda x, w, b: F.conv_transpose1d(x, w, b, output_padding=2, dilation=4),
        ((2, 4, 4), (4, 2, 2), (2,)),
    ),
    "conv_transpose2d": (
        lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1, 1, 2, (1, 2)),
        ((1, 4, 3, 2), (4, 2, 3, 2), (4,)),
    ),
    "conv_transpose3d": (
        lambda x, w: F.conv_transpose3d(x, w, stride=2),
        ((1, 2, 2, 2, 2), (2, 1, 2, 2, 2)),
    ),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), ((2, 2, 5, 6),)),
    "max_pool1d": (lambda x: F.max_pool1d(x, 2, 1, dilation=2), ((2, 2, 6),)),
    "avg_pool2d": (
        lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        ((2, 2, 5, 6),),
    ),
    "avg_pool3d": (lambda x: F.avg_pool3d(x, 2, 1, divisor_override=3), ((1, 2, 3, 3, 3),)),
    "lp_pool2d": (lambda x: F.lp_pool2d(x * x + 0.1, 3, 2), ((2, 2, 4, 4),)),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (3, 2)), ((2, 2, 5, 6),)),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, (3, 2)), ((2, 2, 5, 6),)),
    "pad_constant": (lambda x: F.pad(x, (1, 2, -1, 1), value=3.0), ((2, 2, 3, 4),)),
    "pad_reflect": (lambda x: F.pad(x, (1, 2, 0, 1), mode="reflect"), ((2, 2, 3, 4),)),
    "pad_circular": (lambda x: F.pad(x, (1, 2), mode="circular"), ((2, 2, 3),)),
    "pad_replicate": (lambda x: F.pad(x, (2, 1), mode="replicate"), ((2, 2, 3),)),
    "unfold": (lambda x: F.unfold(x, 2, 2, 1, 2), ((2, 2, 4, 4),)),
    "fold": (lambda x: F.fold(x, (4, 4), 2, 1, 1, 2), ((2, 8, 9),)),
    "bilinear": (lambda x: F.interpolate(x, (5, 3), mode="bilinear"), ((1, 2, 3, 4),)),
    "bicubic": (lambda x: F.interpolate(x, scale_factor=1.5, mode="bicubic"), ((1, 2, 4, 4),)),
    "antialias": (
        lambda x: F.interpolate(x, (2, 3), mode="bilinear", antialias=True),
        ((1, 1, 5, 6),),
    ),
    "nearest": (lambda x: F.interpolate(x, scale_factor=2), ((1, 2, 3),)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), ((1, 4, 2, 3),)),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2), ((1, 2, 4, 2),)),
    "channel_shuffle": (lambda x: F.channel_shuffle(x, 2), ((1, 4, 3),)),
    "grid_sample": (
        lambda x, grid: F.grid_sample(x, grid * 0.9, align_corners=False),
        ((1, 2, 4, 5), (1, 3, 2, 2)),
    ),
    "grid_reflection": (
        lambda x, grid: F.grid_sample(x, grid * 2, "bicubic", "reflection", True),
        ((1, 1, 4, 5), (1, 2, 2, 2)),
    ),
    "affine_grid": (lambda t: F.affine_grid(t, (1, 1, 3, 2), False), ((1, 2, 3),)),
    "attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        ((2, 3, 4), (2, 3, 4), (2, 3, 2)),
    ),
    "embedding": (
        lambda w: F.embedding(torch.tensor([[1, 1], [0, 2]]), w, 0, scale_grad_by_freq=True),
        ((4, 3),),
    ),
    "embedding_bag": (
        lambda w: F.embedding_bag(torch.tensor([1, 1, 0, 2]), w, torch.tensor([0, 2, 2])),
        ((4, 3),),
    ),
    "embedding_bag_max": (
        lambda w: F.embedding_bag(torch.tensor([[1, 3], [0, 2]]), w, mode="max"),
        ((4, 3),),
    ),
    "max_unpool2d": (
        lambda x: F.max_unpool2d(x, torch.tensor([[[[5, 7], [13, 15]]]]), 2),
        ((1, 1, 2, 2),),
    ),
}


def samples(name: str) -> list[np.ndarray]:
    rng = np.random.default_rng(len(name))
    arrays = [rng.uniform(-1, 1, shape) for shape in CASES[name][1]]
    if name in ("embedding",):  # its gradient leaves the padding row out and divides by counts
        arrays[0][0] = 0
    return arrays


def first_order(
    function: Callable, arrays: list[np.ndarray], weights: np.ndarray, create: bool
) -> Any:
    inputs = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    y = function(*inputs)
    loss = (y * torch.from_numpy(weights)).sum()
    return inputs, torch.autograd.grad(loss, inputs, create_graph=create)


def numeric(
    function: Callable[[list[np.ndarray]], float], arrays: list[np.ndarray]
) -> list[np.ndarray]:
    grads = []
    for k, array in enumerate(arrays):
        grad = np.zeros_like(array)
        for i in np.ndindex(array.shape):
            values = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[k][i] += sign * 1e-6
                values.append(function(moved))
            grad[i] = (values[0] - values[1]) / 2e-6
        grads.append(grad)
    return grads


@pytest.mark.parametrize("name", [n for n in CASES if n != "embedding"])
def test_gradients_agree_with_differences(name: str) -> None:
    function, arrays = CASES[name][0], samples(name)
    shape = tuple(function(*map(torch.from_numpy, arrays)).shape)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, shape)

    def value(arrays: list[np.ndarray]) -> float:
        return float((function(*map(torch.from_numpy, arrays)).numpy() * weights).sum())

    inputs, grads = first_order(function, arrays, weights, True)
    for got, want in zip(grads, numeric(value, arrays), strict=True):
        np.testing.assert_allclose(got.detach().numpy(), want, rtol=1e-5, atol=1e-7)
    directions = [
        np.random.default_rng(2 + i).uniform(0.5, 1.5, a.shape) for i, a in enumerate(arrays)
    ]

    def slope(arrays: list[np.ndarray]) -> float:
        found = first_order(function, arrays, weights, False)[1]
        return sum(float((g.numpy() * d).sum()) for g, d in zip(found, directions, strict=True))

    total = sum((g * torch.from_numpy(d)).sum() for g, d in zip(grads, directions, strict=True))
    second = numeric(slope, arrays)
    if not total.requires_grad:
        assert all(abs(part).max() < 1e-5 for part in second)
        return
    found = torch.autograd.grad(total, inputs, allow_unused=True)
    for got, want in zip(found, second, strict=True):
        values = np.zeros_like(want) if got is None else got.numpy()
        np.testing.assert_allclose(values, want, rtol=1e-4, atol=1e-5)


def test_the_gradient_of_an_embedding_by_count_and_without_padding() -> None:
    """PyTorch's: row 0 is padding, row 1 was picked twice."""
    w = torch.zeros(4, 1, requires_grad=True)
    y = F.embedding(torch.tensor([1, 1, 0, 2]), w, 0, scale_grad_by_freq=True)
    y.backward(torch.tensor([[2.0], [4.0], [5.0], [7.0]]))
    assert w.grad is not None
    assert w.grad.flatten().tolist() == [0.0, 3.0, 7.0, 0.0]


def test_strided_and_half_inputs_give_the_same() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 6, 5, 4)), rng.normal(size=(3, 4, 2, 2))
    want = F.conv2d(
        torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))), torch.from_numpy(w)
    )
    strided = F.conv2d(torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(w))
    np.testing.assert_allclose(strided.numpy(), want.numpy(), rtol=1e-12)
    half = F.conv2d(torch.from_numpy(x).permute(0, 3, 1, 2).half(), torch.from_numpy(w).half())
    assert half.dtype is torch.float16
    np.testing.assert_allclose(half.float().numpy(), want.numpy(), rtol=0.02, atol=0.02)


def test_complex_convolution_conjugates_in_its_gradient() -> None:
    x = torch.tensor([[[1 + 1j, 2.0, 3 - 1j]]], requires_grad=True)
    w = torch.tensor([[[2j, 1.0]]], requires_grad=True)
    F.conv1d(x, w).abs().square().sum().backward()
    y = np.array([(1 + 1j) * 2j + 2, 2 * 2j + 3 - 1j])
    want = [2 * y[0] * -2j, 2 * (y[0] + y[1] * -2j), 2 * y[1]]
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy().ravel(), want, rtol=1e-5)


def test_an_empty_batch() -> None:
    assert F.conv2d(torch.ones(0, 2, 4, 4), torch.ones(3, 2, 2, 2)).shape == (0, 3, 3, 3)
    assert F.max_pool2d(torch.ones(0, 2, 4, 4), 2).shape == (0, 2, 2, 2)


def test_maxima_have_places() -> None:
    y, places = F.max_pool1d(torch.tensor([[1.0, 3.0, 3.0, 2.0]]), 2, return_indices=True)
    assert y.tolist() == [[3.0, 3.0]]
    assert places.tolist() == [[1, 2]]
    assert F.max_unpool1d(y, places, 2).tolist() == [[0.0, 3.0, 3.0, 0.0]]


def test_attention_masks() -> None:
    """A row in which nothing may be seen gives zeros, as in PyTorch."""
    q = torch.ones(2, 3)
    mask = torch.tensor([[True, False], [False, False]])
    v = torch.tensor([[1.0], [2.0]])
    assert F.scaled_dot_product_attention(q, q, v, mask).tolist() == [[1.0], [0.0]]
    shifted = torch.tensor([[0.0, -math.inf], [0.0, 0.0]])
    assert F.scaled_dot_product_attention(q, q, v, shifted).tolist() == [[1.0], [1.5]]
    heads = torch.ones(1, 4, 2, 3)
    few = torch.ones(1, 2, 2, 3)
    assert F.scaled_dot_product_attention(heads, few, few, enable_gqa=True).shape == (1, 4, 2, 3)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda x, w: F.conv2d(x[0, 0], w),
            RuntimeError,
            "Expected 3D (unbatched) or 4D (batched)",
        ),
        (
            lambda x, w: F.conv2d(x[:, :1], w),
            RuntimeError,
            "to have 2 channels, but got 1 channels",
        ),
        (lambda x, w: F.conv2d(x, w.double()), RuntimeError, "should be the same"),
        (lambda x, w: F.conv2d(x[..., :1], w), RuntimeError, "can't be greater than actual input"),
        (lambda x, w: F.conv2d(x, w, padding="up"), RuntimeError, "Invalid padding string"),
        (lambda x, w: F.conv2d(x, w, stride=2, padding="same"), RuntimeError, "strided"),
        (lambda x, w: F.conv2d(x, w, stride=0), RuntimeError, "non-positive stride"),
        (lambda x, w: F.conv2d(x, w, bias=torch.ones(5)), RuntimeError, "expected bias to be"),
        (lambda x, w: F.conv2d(x, w, stride=(1, 2, 3)), RuntimeError, "expected stride to be"),
        (lambda x, w: F.conv2d(x, 3), TypeError, "must be Tensor, not int"),
        (lambda x, w: F.max_pool2d(x, 2, padding=3), RuntimeError, "pad should be at most half"),
        (lambda x, w: F.max_pool2d(x, 9), RuntimeError, "Output size is too small"),
        (lambda x, w: F.avg_pool2d(x, 2, divisor_override=0), RuntimeError, "must be not zero"),
        (lambda x, w: F.adaptive_avg_pool2d(x, (1, 2, 3)), RuntimeError, "output_size must be 2"),
        (lambda x, w: F.pad(x, (1,)), RuntimeError, "must be divisible by 2"),
        (lambda x, w: F.pad(x[0], (9, 0), mode="reflect"), RuntimeError, "should be less than"),
        (lambda x, w: F.pad(x, (1, 0), mode="nope"), NotImplementedError, "Unrecognised padding"),
        (lambda x, w: F.interpolate(x), ValueError, "either size or scale_factor"),
        (lambda x, w: F.interpolate(x, 2, mode="linear"), NotImplementedError, "Got 4D input"),
        (lambda x, w: F.pixel_shuffle(x, 2), RuntimeError, "divisible by the square"),
        (lambda x, w: F.grid_sample(x, x, "up"), ValueError, "expected mode to be"),
        (lambda x, w: F.embedding(torch.tensor([9]), w[0, 0]), IndexError, "index out of range"),
        (lambda x, w: F.unfold(x[0, 0], 2), RuntimeError, "Expected 3D or 4D"),
    ],
)
def test_wrong_arguments(act: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        act(torch.ones(1, 2, 4, 4), torch.ones(3, 2, 2, 2))
    assert message in str(caught.value)


def test_connectionist_losses_are_pytorchs() -> None:
    scores = torch.from_numpy(np.cos(np.arange(40.0)).reshape(5, 2, 4)).requires_grad_()
    logs = F.log_softmax(scores, 2)
    targets, sizes = torch.tensor([[1, 1, 2], [3, 2, 0]]), torch.tensor([3, 2])
    losses = F.ctc_loss(logs, targets, torch.tensor([5, 4]), sizes, reduction="none")
    np.testing.assert_allclose(losses.detach().numpy(), [5.55347767, 3.42755552], rtol=1e-8)
    losses.sum().backward()
    want = [0.445634, -0.634285, 0.120671, 0.0679805, -0.003903, 0.201651, 0.396647, -0.594396]
    assert scores.grad is not None
    np.testing.assert_allclose(scores.grad.numpy().ravel()[:8], want, rtol=1e-5)
    flat = torch.tensor([1, 1, 2, 3, 2])
    mean = F.ctc_loss(logs.detach(), flat, (5, 4), (3, 2))
    assert mean.item() == pytest.approx(1.7824684907285668)
    short = F.ctc_loss(logs.detach()[:2], flat, (2, 2), (3, 2), zero_infinity=True)
    assert short.item() == pytest.approx(0.7133221314395447)
    loss = F.ctc_loss(F.log_softmax(scores, 2), targets, (5, 4), (3, 2))
    (first,) = torch.autograd.grad(loss, scores, create_graph=True)
    with pytest.raises(RuntimeError, match="not implemented"):
        first.sum().backward()
    with pytest.raises(RuntimeError, match="input_lengths to have value at most 5"):
        F.ctc_loss(logs, flat, (6, 4), (3, 2))
