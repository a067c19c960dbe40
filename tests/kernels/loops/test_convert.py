"""Conversions by machine code, against NumPy's and PyTorch's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import flambeau as torch

REAL = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
WHOLE = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@pytest.mark.parametrize("source", [*REAL, *WHOLE], ids=str)
@pytest.mark.parametrize("target", [*REAL, *WHOLE], ids=str)
def test_every_pair(source: torch.dtype, target: torch.dtype) -> None:
    numbers = torch.tensor([0.0, 1.0, 2.5, 3.75, 100.0, 127.0, 17.0, 0.0] * 40)
    x = numbers.to(source)
    plain = x.tolist()
    if target is torch.bool:
        wanted = [bool(v) for v in plain]
    elif target in WHOLE:
        wanted = [int(v) for v in plain]
    else:
        wanted = [float(v) for v in plain]  # all of them are numbers of every float type
    assert x.to(target).tolist() == wanted
    assert x.to(target).dtype is target
    square = x.reshape(16, 20)
    for view in (square.t(), square[:, ::2], square[1:, 3:]):
        assert torch.equal(view.to(target), view.contiguous().to(target))
        written = torch.zeros(view.shape, dtype=target)
        assert torch.equal(written.copy_(view), view.to(target))
        across = torch.zeros(view.shape[::-1], dtype=target).t()
        assert torch.equal(across.copy_(view), view.to(target))


def test_float64_is_rounded_to_float16_once() -> None:
    halfway = np.array([1 + 2.0**-11, 2049.0, 65520.0, 3 * 2.0**-25])
    x = np.concatenate([halfway, halfway * (1 + 2.0**-50), halfway * (1 - 2.0**-50), -halfway])
    x = np.concatenate([x, [np.inf, -np.inf, np.nan, 1e300, 5e-324, -0.0]] * 9)
    with np.errstate(over="ignore"):
        wanted = x.astype(np.float16)
    found = torch.from_numpy(x).to(torch.float16).numpy()
    assert np.array_equal(found.view(np.uint16), wanted.view(np.uint16))


def test_special_numbers() -> None:
    x = torch.tensor([float("inf"), -float("inf"), float("nan"), -0.0, 3.3895e38] * 9)
    half = x.to(torch.bfloat16)
    assert str(half[:5].tolist()) == "[inf, -inf, nan, -0.0, 3.3895313892515355e+38]"
    assert x.to(torch.bool)[:5].tolist() == [True, True, True, False, True]
    assert str(half.to(torch.float64)[:4].tolist()) == "[inf, -inf, nan, -0.0]"


def test_memory_order_stays() -> None:
    x = torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert x.to(torch.float64).stride() == x.stride()
    assert x.transpose(0, 1).clone().stride() == (1, 60, 15, 3)
    assert torch.zeros(3, 8)[:, ::2].to(torch.int32).stride() == (4, 1)


def test_gradients_of_half_types() -> None:
    for dtype, op in itertools.product((torch.bfloat16, torch.float16), ("row", "mean", "exp")):
        x = torch.linspace(-1, 1, 1200).reshape(30, 40).to(dtype).requires_grad_()
        row = torch.linspace(0.5, 2, 40).to(dtype).requires_grad_()
        out = x * row if op == "row" else x.mean(1) if op == "mean" else x.t().exp()
        out.sum().backward()
        assert x.grad.dtype is dtype
        exact = x.detach().double()
        wanted = {
            "row": row.detach().double().expand(30, 40),
            "mean": torch.full((30, 40), 1 / 40).double(),
            "exp": exact.exp(),
        }[op]
        unit = 2.0**-8 if dtype is torch.bfloat16 else 2.0**-11
        assert ((x.grad.double() - wanted).abs() <= 1.01 * unit * wanted).all()
        if op == "row":
            assert torch.allclose(row.grad.double(), exact.sum(0), rtol=8 * unit, atol=8 * unit)
