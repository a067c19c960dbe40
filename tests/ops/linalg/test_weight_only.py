"""Products with weights of eight and four bits."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch

FLOATS = {torch.float32: 2e-6, torch.bfloat16: 2**-8, torch.float16: 2**-11}
ROWS = (1, 2, 3, 5, 16, 17, 40)
"""Around the rows of a tile, and where weights are widened first."""


def close(got: torch.Tensor, want: np.ndarray, dtype: torch.dtype) -> None:
    assert got.dtype is dtype
    error = abs(got.double().numpy() - want).max()
    assert error <= FLOATS[dtype] * abs(want).max()


def numbers(*shape: int) -> torch.Tensor:
    return torch.randint(0, 16, shape, dtype=torch.int32)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 7), (16, 32), (33, 130), (64, 64), (4, 300)])
def test_weights_of_eight_bits(dtype: torch.dtype, n: int, k: int) -> None:
    torch.manual_seed(0)
    for m in ROWS:
        x, scales = torch.randn(m, k).to(dtype), torch.rand(n).to(dtype)
        weight = torch.randint(-128, 128, (n, k), dtype=torch.int8)
        want = x.double().numpy() @ (weight.double() * scales.double()[:, None]).numpy().T
        close(torch._weight_int8pack_mm(x, weight, scales), want, dtype)


def weight_of(q: torch.Tensor, scales: torch.Tensor, group: int) -> np.ndarray:
    each = scales.double().numpy().repeat(group, 0)
    return (q.double().numpy().T - 8) * each[..., 0] + each[..., 1]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("n", "k"), [(16, 32), (64, 64), (80, 96), (112, 256), (128, 64)])
def test_weights_of_four_bits(dtype: torch.dtype, n: int, k: int) -> None:
    torch.manual_seed(0)
    for m in ROWS:
        q, x = numbers(n, k), torch.randn(m, k).to(dtype)
        packed = torch._convert_weight_to_int4pack_for_cpu(q, 1)
        assert (packed.shape, packed.dtype) == ((n, k // 2), torch.uint8)
        scales = torch.rand(k // 32, n, 2).to(dtype)
        got = torch._weight_int4pack_mm_for_cpu(x, packed, 32, scales)
        close(got, x.double().numpy() @ weight_of(q, scales, 32), dtype)


def test_the_order_of_four_bits_is_pytorchs() -> None:
    """Of PyTorch 2.13 on a processor with AVX-512: a whole block, and a smaller one after it."""
    q = (torch.arange(80 * 2, dtype=torch.int32) * 7 % 16).reshape(80, 2)
    packed = torch._convert_weight_to_int4pack_for_cpu(q, 2).reshape(-1)
    assert packed[:4].tolist() == [0x00, 0xEE, 0xCC, 0xAA]
    assert packed[32:36].tolist() == [0x77, 0x55, 0x33, 0x11]
    assert packed[64:].tolist() == [
        *(0xE0, 0xAC, 0x68, 0x24, 0xE0, 0xAC, 0x68, 0x24),
        *(0x57, 0x13, 0xDF, 0x9B, 0x57, 0x13, 0xDF, 0x9B),
    ]


@pytest.mark.parametrize("group", [32, 64])
def test_weights_with_a_bias(group: int) -> None:
    torch.manual_seed(0)
    n, k = 33, 64
    low, high = numbers(n, k // 2), numbers(n, k // 2)
    scales, bias = torch.rand(n, k // group), torch.rand(n)
    both = (low | high << 4).to(torch.uint8)
    weight = torch.stack([low, high], -1).reshape(n, k).double() - 8
    weight = (weight * scales.double().repeat_interleave(group, 1)).numpy()
    for shift in (None, bias):
        packed = torch._dyn_quant_pack_4bit_weight(both, scales, shift, group, k, n)
        x = torch.randn(5, k)
        want = x.double().numpy() @ weight.T + (0 if shift is None else shift.double().numpy())
        close(torch._dyn_quant_matmul_4bit(x, packed, group, k, n), want, torch.float32)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    torch.manual_seed(0)
    q, weight = numbers(320, 512), torch.randint(-128, 128, (300, 512), dtype=torch.int8)
    packed, scales = torch._convert_weight_to_int4pack_for_cpu(q, 1), torch.rand(16, 320, 2)
    before, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            for m in (1, 7, 100):
                x = torch.ones(m, 512) / 3
                found.append(torch._weight_int8pack_mm(x, weight, torch.ones(300) / 7))
                found.append(torch._weight_int4pack_mm_for_cpu(x, packed, 32, scales))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(found[:6], found[6:]))


def test_gradients_reach_the_input() -> None:
    torch.manual_seed(0)
    weight, scales = torch.randint(-128, 128, (5, 7), dtype=torch.int8), torch.rand(5)
    x = torch.randn(3, 7, requires_grad=True)
    torch._weight_int8pack_mm(x, weight, scales).sum().backward()
    want = (weight.float() * scales[:, None]).sum(0)
    torch.testing.assert_close(x.grad, want.expand(3, 7))
    q, scales = numbers(16, 32), torch.rand(1, 16, 2)
    x = torch.randn(3, 32, requires_grad=True)
    packed = torch._convert_weight_to_int4pack_for_cpu(q, 1)
    torch._weight_int4pack_mm_for_cpu(x, packed, 32, scales).sum().backward()
    want = torch.from_numpy(weight_of(q, scales, 32).sum(1)).float()
    torch.testing.assert_close(x.grad, want.expand(3, 32))


def test_what_does_not_fit_is_refused() -> None:
    x, weight, scales = torch.ones(2, 4), torch.ones(3, 4, dtype=torch.int8), torch.ones(3)
    f = torch._weight_int8pack_mm
    for given, match in (
        ((x.double(), weight, scales), "A to be either 32-bit or 16-bit float tensor"),
        ((x[0], weight, scales), "A to be 2D"),
        ((x, weight.float(), scales), "B to be int8"),
        ((x, torch.ones(4, 3, dtype=torch.int8).t(), scales), "B to be contiguous"),
        ((x[:, :3], weight, scales), r"expect B.size\(1\) == 3"),
        ((x, weight, scales[:2]), "1d tensor with size 3"),
        ((x, weight, scales.bfloat16()), "expected scalar type Float but found BFloat16"),
    ):
        with pytest.raises(RuntimeError, match=match):
            f(*given)
    with pytest.raises(RuntimeError, match="dividable by 16"):
        torch._convert_weight_to_int4pack_for_cpu(numbers(8, 4), 1)
    packed = torch._convert_weight_to_int4pack_for_cpu(numbers(16, 32), 1)
    g = torch._weight_int4pack_mm_for_cpu
    with pytest.raises(RuntimeError, match="qGroupSize to be 32, 64, 128 or 256, got 16"):
        g(torch.ones(1, 32), packed, 16, torch.ones(2, 16, 2))
    with pytest.raises(RuntimeError, match="divisible by qGroupSize, got K:32"):
        g(torch.ones(1, 32), packed, 64, torch.ones(1, 16, 2))
    with pytest.raises(RuntimeError, match="qScaleAndZeros"):
        g(torch.ones(1, 32), packed, 32, torch.ones(2, 16, 2))
    assert f(x[:0], weight, scales).shape == (0, 3)
