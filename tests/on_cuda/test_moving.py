"""Tensors on their way to a GPU and back: values, and how they lie in memory; strides are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import flambeau as torch

X = torch.arange(24.0, device="cpu").view(1, 2, 3, 4)
VIEWS = {
    "whole": (lambda x: x, (24, 12, 4, 1)),
    "transposed": (lambda x: x.transpose(1, 3), (24, 1, 4, 12)),
    "channels_last": (lambda x: x.to(memory_format=torch.channels_last), (24, 1, 8, 2)),
    "every second": (lambda x: x[..., ::2], (12, 6, 2, 1)),
    "expanded": (lambda x: x[:, :1].expand(1, 2, 3, 4), (24, 12, 4, 1)),
    "none": (lambda x: x[:, :0], (24, 12, 4, 1)),
    "a number": (lambda x: x[0, 1, 2, 3], ()),
}


@pytest.mark.parametrize(("view", "strides"), VIEWS.values(), ids=VIEWS)
def test_the_order_in_memory_is_kept(view: Callable, strides: tuple[int, ...]) -> None:
    x = view(X)
    there = x.cuda()
    assert there.device.type == "cuda"
    assert there.tolist() == x.tolist()
    if x.numel():
        assert there.stride() == strides
    back = view(X.cuda()).cpu()
    assert back.tolist() == x.tolist()
    if x.numel():
        assert back.stride() == strides


def test_a_format_that_is_asked_for() -> None:
    x = X.to(memory_format=torch.channels_last)
    there = x.to("cuda", memory_format=torch.contiguous_format)
    assert there.stride() == (24, 12, 4, 1)
    assert there.tolist() == x.tolist()
    assert X.to("cuda", memory_format=torch.channels_last).stride() == (24, 1, 8, 2)
    assert x.to("cuda", torch.float64).stride() == (24, 1, 8, 2)


def test_gradients_come_back() -> None:
    x = X.clone().requires_grad_()
    (x.transpose(1, 3).cuda() * torch.arange(4.0, device="cuda").view(1, 4, 1, 1)).sum().backward()
    assert x.grad.device.type == "cpu"
    assert x.grad[0, 0, 0].tolist() == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.special.chebyshev_polynomial_t(x, 3),
        lambda x: torch.special.laguerre_polynomial_l(x, torch.arange(4, device=x.device)),
        lambda x: torch.special.zeta(x + 1.5, 2.0),
    ],
    ids=["chebyshev", "laguerre", "zeta"],
)
def test_functions_of_families_that_load_late(function: Callable) -> None:
    x = torch.tensor([0.25, 1.0, -0.5, 3.0], device="cpu")
    there = function(x.cuda())
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), function(x))


def test_shapes_and_storages_as_tensors() -> None:
    x = torch.tensor([1.0, 2.0], device="cuda")
    assert torch._shape_as_tensor(x).device.type == "cpu"
    assert torch._shape_as_tensor(x).tolist() == [2]
    whole = torch.asarray(x.untyped_storage(), dtype=torch.float32)
    assert whole.device.type == "cuda"
    assert whole.data_ptr() == x.data_ptr()
    assert whole.tolist() == [1.0, 2.0]
