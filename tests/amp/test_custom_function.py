"""Functions of one's own under autocast: cast inputs, or the autocast of forward again in backward."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau.amp import custom_bwd, custom_fwd

DEVICE = torch.get_default_device().type


def product(cast_inputs: torch.dtype | None, seen: list) -> type[torch.autograd.Function]:
    class Product(torch.autograd.Function):
        @staticmethod
        @custom_fwd(device_type=DEVICE, cast_inputs=cast_inputs)
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            seen.append((a.dtype, torch.is_autocast_enabled(DEVICE)))
            return a @ b

        @staticmethod
        @custom_bwd(device_type=DEVICE)
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            seen.append((g.dtype, torch.is_autocast_enabled(DEVICE)))
            return g @ b.t(), a.t() @ g

    return Product


def test_inputs_are_cast_and_autocast_is_off_inside() -> None:
    seen: list = []
    a = torch.ones(2, 2, requires_grad=True)
    with torch.autocast(DEVICE):
        y = product(torch.float32, seen).apply(a.bfloat16(), a)
    y.sum().backward()
    assert y.dtype == torch.float32
    assert seen == [(torch.float32, False), (torch.float32, False)]


def test_backward_runs_under_the_autocast_of_forward() -> None:
    seen: list = []
    a = torch.ones(2, 2, requires_grad=True)
    with torch.autocast(DEVICE):
        y = product(None, seen).apply(a, a)
    assert not torch.is_autocast_enabled(DEVICE)
    y.sum().backward()
    assert y.dtype == torch.get_autocast_dtype(DEVICE)
    assert [on for _, on in seen] == [True, True]
    assert a.grad.tolist() == [[4.0, 4.0], [4.0, 4.0]]


def test_without_autocast_nothing_is_cast() -> None:
    seen: list = []
    a = torch.ones(2, 2, dtype=torch.float64)
    assert product(torch.bfloat16, seen).apply(a, a).dtype == torch.float64
    assert seen == [(torch.float64, False)]


def test_the_device_type_is_a_name() -> None:
    with pytest.raises(ValueError, match="device_type"):
        custom_fwd(device_type=0)
