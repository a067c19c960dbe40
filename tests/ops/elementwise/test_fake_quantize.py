"""fake_quantize; values are PyTorch 2.13.0's."""

import math

import pytest

import flambeau as torch


def test_one_scale():
    x = torch.tensor([-1.2, 0.04, 0.26, 0.5, 0.55, 3.0, math.nan], requires_grad=True)
    y = torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -8, 7)
    expected = torch.tensor([-0.8, 0.0, 0.3, 0.5, 0.6, 0.7, -0.8])
    torch.testing.assert_close(y, expected)
    y.backward(torch.arange(1.0, 8.0))
    assert x.grad.tolist() == [0.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0]
    zero = torch.tensor(2, dtype=torch.int32)
    y = torch.fake_quantize_per_tensor_affine(x, torch.tensor(0.1), zero, 0, 15)
    torch.testing.assert_close(y, torch.tensor([-0.2, 0.0, 0.3, 0.5, 0.6, 1.3, -0.2]))


def test_levels_are_even_numbers_at_halves():
    x = torch.tensor([0.05, 0.15, 0.25, -0.05, 1e10, -1e30])
    y = torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -8, 7)
    torch.testing.assert_close(y, torch.tensor([0.0, 0.2, 0.2, 0.0, 0.7, -0.8]))
    half = torch.fake_quantize_per_tensor_affine(x[:2].half(), 0.1, 0, -8, 7)
    torch.testing.assert_close(half, torch.tensor([0.0, 0.2], dtype=torch.float16))


def test_a_scale_for_each_channel():
    w = torch.tensor([[-1.2, 0.04], [0.26, 0.5], [0.55, 3.0]], requires_grad=True)
    scale, zero = torch.tensor([0.1, 0.2, 0.5]), torch.zeros(3, dtype=torch.int32)
    y = torch.fake_quantize_per_channel_affine(w, scale, zero, 0, -8, 7)
    torch.testing.assert_close(y, torch.tensor([[-0.8, 0.0], [0.2, 0.4], [0.5, 3.0]]))
    y.sum().backward()
    assert w.grad.tolist() == [[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    y = torch.fake_quantize_per_channel_affine(
        w, torch.tensor([0.1, 0.5]), torch.tensor([1.0, 2.0]), -1, 0, 15
    )
    torch.testing.assert_close(y, torch.tensor([[-0.1, 0.0], [0.3, 0.5], [0.5, 3.0]]))


def test_what_does_not_fit():
    x = torch.ones(2, 3)
    per_tensor, per_channel = (
        torch.fake_quantize_per_tensor_affine,
        torch.fake_quantize_per_channel_affine,
    )
    scale, zero = torch.ones(2), torch.zeros(2, dtype=torch.int32)
    with pytest.raises(RuntimeError, match="`quant_min` should be less than"):
        per_tensor(x, 0.1, 0, 7, -8)
    with pytest.raises(RuntimeError, match="`zero_point` must be between"):
        per_tensor(x, 0.1, 90, -8, 7)
    with pytest.raises(RuntimeError, match="`zero_point` must be between"):
        per_channel(x, scale, zero + 20, 0, -8, 7)
    with pytest.raises(RuntimeError, match="not consistent with input tensor"):
        per_channel(x, scale, zero, 1, -8, 7)
    with pytest.raises(RuntimeError, match="Zero-point must be Int32, Float or Half, found Long"):
        per_channel(x, scale, zero.long(), 0, -8, 7)
    with pytest.raises(NotImplementedError, match="'Long'"):
        per_tensor(x.long(), 0.1, 0, -8, 7)
    with pytest.raises(IndexError, match="Dimension out of range"):
        per_channel(x, scale, zero, 5, -8, 7)
