"""The types of eight bits and complex32: values from their definitions and as PyTorch converts them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import flambeau as torch

# name: (bits of the exponent, of the fraction, bias), and how its patterns are read
FORMATS = {
    "float8_e4m3fn": (4, 3, 7),
    "float8_e4m3fnuz": (4, 3, 8),
    "float8_e5m2": (5, 2, 15),
    "float8_e5m2fnuz": (5, 2, 16),
}


def value_of(name: str, pattern: int) -> float:
    """The number that a pattern of bits stands for (OCP 8-bit floating point specification)."""
    exponent_bits, fraction_bits, bias = FORMATS[name]
    if name.endswith("fnuz") and pattern == 0x80:
        return math.nan
    sign = -1.0 if pattern & 0x80 else 1.0
    exponent = pattern >> fraction_bits & (1 << exponent_bits) - 1
    fraction = pattern & (1 << fraction_bits) - 1
    if name == "float8_e4m3fn" and pattern & 0x7F == 0x7F:
        return math.nan
    if name == "float8_e5m2" and exponent == 31:
        return math.nan if fraction else sign * math.inf
    if exponent == 0:
        return sign * fraction * 2.0 ** (1 - bias - fraction_bits)
    return sign * (1 + fraction / (1 << fraction_bits)) * 2.0 ** (exponent - bias)


@pytest.mark.parametrize("name", FORMATS)
def test_every_pattern_is_read_and_written(name: str) -> None:
    patterns = torch.arange(256, dtype=torch.uint8)
    numbers = patterns.view(getattr(torch, name))
    expected = [value_of(name, i) for i in range(256)]
    np.testing.assert_array_equal(numbers.float().numpy(), expected)
    regular = torch.tensor(expected).isfinite()
    there_and_back = numbers.float().to(numbers.dtype).view(torch.uint8)
    assert torch.equal(there_and_back[regular], patterns[regular])


@pytest.mark.parametrize("name", FORMATS)
def test_rounding_is_to_the_nearest_and_to_even(name: str) -> None:
    kept = sorted({v for i in range(128) if math.isfinite(v := value_of(name, i))})
    low, high = np.array(kept[:-1]), np.array(kept[1:])
    middle = torch.from_numpy((low + high) / 2)
    found = middle.to(getattr(torch, name)).double().numpy()
    even = np.where(np.arange(len(low)) % 2 == 0, low, high)
    np.testing.assert_array_equal(found, even)
    above = torch.from_numpy(np.nextafter(middle.numpy(), np.inf)).float()
    rounded_up = above.numpy() > middle.numpy()
    found = above.to(getattr(torch, name)).double().numpy()
    np.testing.assert_array_equal(found[rounded_up], high[rounded_up])


# What torch 2.13 makes of numbers out of range.
BEYOND = [1e9, 460.0, 464.0, 465.0, 480.0, math.inf, -math.inf, -1e9, 61440.0]
CONVERTED = {
    "float8_e4m3fn": [448.0, 448.0, 448.0, 448.0, 448.0, 448.0, -448.0, -448.0, 448.0],
    "float8_e4m3fnuz": [math.nan] * 9,
    "float8_e5m2": [math.inf, 448.0, 448.0, 448.0, 512.0, math.inf, -math.inf, -math.inf, math.inf],
    "float8_e5m2fnuz": [math.nan, 448.0, 448.0, 448.0, 512.0, *[math.nan] * 4],
    "float8_e8m0fnu": [2.0**30, 512.0, 512.0, 512.0, 512.0, math.nan, math.nan, 2.0**30, 65536.0],
}


@pytest.mark.parametrize("source", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", CONVERTED)
def test_what_is_out_of_range(name: str, source: str) -> None:
    x = torch.tensor(BEYOND, dtype=torch.float32).to(getattr(torch, source))
    target = getattr(torch, name)
    if source == "bfloat16":
        x[1:5] = torch.tensor([460, 464, 464, 480], dtype=torch.bfloat16)
    for found in (
        x.to(target),
        torch.zeros(9, dtype=target).copy_(x),
        torch.tensor(x.tolist(), dtype=target),
        torch.cat([x]).to(target),
    ):
        np.testing.assert_array_equal(found.float().numpy(), CONVERTED[name])


def test_powers_of_two_have_neither_sign_nor_zero() -> None:
    x = torch.tensor([1.5, 3.0, 0.75, 1.25, 0.0, -3.0, 1e-40, math.nan])
    found = x.to(torch.float8_e8m0fnu).double().tolist()
    assert found[:7] == [2.0, 4.0, 1.0, 1.0, 2.0**-127, 4.0, 2.0**-127]
    assert math.isnan(found[7])


@pytest.mark.parametrize(
    (
        "name",
        "limits",
    ),  # torch.finfo of 2.13: max, eps, tiny; but its eps of e5m2fnuz is half of 1.25 - 1
    [
        ("float8_e4m3fn", (448.0, 0.125, 2.0**-6)),
        ("float8_e4m3fnuz", (240.0, 0.125, 2.0**-7)),
        ("float8_e5m2", (57344.0, 0.25, 2.0**-14)),
        ("float8_e5m2fnuz", (57344.0, 0.25, 2.0**-15)),
        ("complex32", (65504.0, 2.0**-10, 2.0**-14)),
    ],
)
def test_limits(name: str, limits: tuple[float, float, float]) -> None:
    found = torch.finfo(getattr(torch, name))
    assert (found.max, found.eps, found.tiny) == limits


def test_float8_is_converted_before_it_meets_others() -> None:
    x = torch.ones(2, dtype=torch.float8_e5m2)
    with pytest.raises(RuntimeError, match="Promotion for Float8 Types is not supported"):
        x + torch.ones(2)
    with pytest.raises(TypeError, match="couldn't find storage object Float8_e5m2Storage"):
        torch.set_default_dtype(torch.float8_e5m2)
    assert (x + x).tolist() == [2.0, 2.0]


# -- complex32 -------------------------------------------------------------------------------------

C = torch.tensor([1 + 2j, 3.5], dtype=torch.complex32, device="cpu")
ANSWERS: dict[str, Any] = {  # of torch 2.13 where it has the operation, else computed in complex128
    "C + C": [2 + 4j, 7],
    "C * C": [-3 + 4j, 12.25],
    "C / C": [1, 1],
    "C * 2j": [-4 + 2j, 7j],
    "C.conj()": [1 - 2j, 3.5],
    "-C": [-1 - 2j, -3.5],
    "C.pow(2)": [-3 + 4j, 12.25],
    "C.cumsum(0)": [1 + 2j, 4.5 + 2j],
    "C.cumprod(0)": [1 + 2j, 3.5 + 7j],
    "C.flip(0)": [3.5, 1 + 2j],
    "torch.cat([C, C[:1]])": [1 + 2j, 3.5, 1 + 2j],
    "torch.ones(2, dtype=torch.half) * C": [1 + 2j, 3.5],
    "torch.ones(2, dtype=torch.half) + 1j": [1 + 1j, 1 + 1j],
    "torch.complex(C.real, C.imag)": [1 + 2j, 3.5],
    "torch.view_as_complex(torch.view_as_real(C))": [1 + 2j, 3.5],
    "torch.where(C == C, C, 0)": [1 + 2j, 3.5],
    "C.masked_fill(C == 3.5, 1j)": [1 + 2j, 1j],
    "C.chalf()": [1 + 2j, 3.5],
    "torch.tensor([1.0, 2.0]).chalf()": [1, 2],
    "torch.full((2,), 1j, dtype=torch.chalf)": [1j, 1j],
    "torch.from_dlpack(C)": [1 + 2j, 3.5],
    "torch.mm(C[:, None], C[None])": [[-3 + 4j, 3.5 + 7j], [3.5 + 7j, 12.25]],
}


@pytest.mark.parametrize("expression", ANSWERS)
def test_complex32_computes(expression: str) -> None:
    found = eval(expression)
    assert found.dtype is torch.complex32
    assert found.tolist() == ANSWERS[expression]


def test_parts_of_complex32_are_views() -> None:
    x = C.clone()
    assert x.real.tolist() == [1.0, 3.5]
    assert x.imag.dtype is torch.float16
    x.imag[1] = 4.0
    assert x.tolist() == [1 + 2j, 3.5 + 4j]
    assert x.view(torch.float16).tolist() == [1.0, 2.0, 3.5, 4.0]
    assert x[:, None].expand(2, 2).real.tolist() == [[1.0, 1.0], [3.5, 3.5]]


def test_complex32_to_others() -> None:
    assert C.half().tolist() == C.float().tolist() == [1.0, 3.5]
    assert C.to(torch.bool).tolist() == [True, True]
    assert C.to(torch.complex128).tolist() == [1 + 2j, 3.5]
    assert C.abs().tolist() == [2.236328125, 3.5]  # sqrt(5), rounded to float16
    assert repr(C) == "tensor([1.0000+2.j, 3.5000+0.j], dtype=torch.complex32)"
    assert torch.zeros(2).copy_(C).tolist() == [1.0, 3.5]


def test_gradients_in_complex32() -> None:
    x = C.clone().requires_grad_()
    (x * x).abs().sum().backward()
    gradient = x.grad.to(torch.complex64).numpy()
    np.testing.assert_allclose(gradient, [2 + 4j, 7], rtol=2e-3)  # |x^2| = |x|^2, of gradient 2 x


@pytest.mark.parametrize("draw", [torch.rand, torch.randn])
def test_complex32_is_drawn_as_torch_draws(draw: Any) -> None:
    torch.manual_seed(0)
    found = draw(3, dtype=torch.complex32)
    torch.manual_seed(0)
    parts = draw(3, 2, dtype=torch.half) / (2**0.5 if draw is torch.randn else 1)
    np.testing.assert_allclose(torch.view_as_real(found).numpy(), parts.numpy(), rtol=2e-3)


# -- bcomplex32 ------------------------------------------------------------------------------------


def test_bfloat16_with_complex_numbers_is_bcomplex32() -> None:
    """Promotion is PyTorch 2.14.1's, which computes nothing of this type; here it is complex64, rounded once."""
    b = torch.tensor([1.5, 3.0], dtype=torch.bfloat16)
    found = b * 1j + 2
    assert found.dtype is torch.bcomplex32
    assert found.tolist() == [2 + 1.5j, 2 + 3j]
    assert repr(found[:1]) == "tensor([2.+1.5000j], dtype=torch.bcomplex32)"
    assert found.real.dtype is torch.bfloat16
    assert (b + torch.tensor(1j)).dtype is torch.bcomplex32
    assert (b + torch.tensor([1j])).dtype is torch.complex64
    assert torch.where(b > 2, b, 1j).tolist() == [1j, 3 + 0j]
    third = torch.tensor([1 / 3 + 1j / 3]).to(torch.bcomplex32)
    assert third.tolist() == [0.333984375 + 0.333984375j]
    assert third.abs().dtype is torch.bfloat16
    assert torch.bfloat16.to_complex() is torch.bcomplex32
    assert torch.bcomplex32.to_real() is torch.bfloat16


def test_the_default_bfloat16_keeps_complex64() -> None:
    torch.set_default_dtype(torch.bfloat16)
    try:
        assert torch.tensor(1j).dtype is torch.complex64
        assert (torch.tensor([1]) + 1j).dtype is torch.complex64
    finally:
        torch.set_default_dtype(torch.float32)
