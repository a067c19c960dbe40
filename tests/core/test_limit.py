"""Tensors of 33 to 64 dimensions work everywhere; what no array can be is a RuntimeError, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import flambeau as torch

DEEP = (2, *(1,) * 30, 3, *(1,) * 15, 2)  # 48 dimensions, 12 elements
FLAT = (2, 3, 2)


def values(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.tensor([5, 1, 4, 2, 3, 6, 0, 2, 5, 1, 4, 3], dtype=dtype).reshape(FLAT)


def nested(depth: int) -> list:
    """[[...[2.0]...]]"""
    found: list = [2.0]
    for _ in range(depth - 1):
        found = [found]
    return found


FUNCTIONS: dict[str, Callable] = {
    "sum of two": lambda x: x + x * 2,
    "with a row": lambda x: x + x[:1],
    "compared": lambda x: x > 2,
    "chosen": lambda x: torch.where(x > 2, x, -x),
    "clamped": lambda x: x.clamp(1, 4),
    "exp": torch.exp,
    "special": lambda x: torch.special.gammainc(x + 1, x),
    "polynomial": lambda x: torch.special.chebyshev_polynomial_t(x, 3),
    "written at an index": lambda x: x.index_put((torch.tensor([1, 1]),), x, accumulate=True),
    "added at an index": lambda x: x.index_add(0, torch.tensor([1, 1]), x),
    "scattered": lambda x: x.scatter_add(0, torch.zeros_like(x, dtype=torch.int64), x),
    "scattered largest": lambda x: x.scatter_reduce(
        0, torch.zeros_like(x, dtype=torch.int64), x, "amax"
    ),
    "set at an index": lambda x: x.index_fill(0, torch.tensor([1]), 7.0),
    "complex": lambda x: torch.complex(x, x).real,
    "bfloat16": lambda x: (x.bfloat16() * 1.5).double(),
    "float16": lambda x: (x.half() * 1.5).double(),
    "integers": lambda x: x.int() // 2,
    "copied": lambda x: x.transpose(0, -1).contiguous().transpose(0, -1),
    "flipped": lambda x: x.flip(0, -1),
    "rolled": lambda x: x.roll(1, 0),
    "sorted": lambda x: x.sort(0).values,
    "sorted along the last": lambda x: x.sort(-1, descending=True).values,
    "order": lambda x: x.argsort(0),
    "running sum": lambda x: x.cumsum(0),
    "running maximum": lambda x: x.cummax(0).values,
    "softmax": lambda x: x.softmax(0),
    "joined": lambda x: torch.cat([x, x])[:2],
    "repeated": lambda x: x.repeat_interleave(2, 0)[::2],
    "masked": lambda x: x.masked_fill(x > 3, 0),
    "lower triangle": lambda x: x.transpose(0, -2).tril().transpose(0, -2) * 0 + x,
    "gathered": lambda x: x.gather(0, torch.zeros_like(x, dtype=torch.int64)),
    "taken": lambda x: x[torch.tensor([1, 0])],
    "selected": lambda x: x.index_select(-1, torch.tensor([1, 0])),
    "in place": lambda x: x.clone().mul_(2).add_(x),
    "written": lambda x: x.clone().copy_(x.float()),
    "converted": lambda x: x.to(torch.int16).to(torch.float64),
    "filled": lambda x: torch.full_like(x, 3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_many_dimensions(name: str) -> None:
    """They do what they do to the same elements in few."""
    function, x = FUNCTIONS[name], values()
    found = function(x.reshape(DEEP))
    assert tuple(found.shape) == DEEP
    np.testing.assert_array_equal(found.reshape(FLAT).numpy(), function(x).numpy())


@pytest.mark.parametrize("ndim", [33, 48, 63, 64])
def test_views_of_many_dimensions(ndim: int) -> None:
    x = values().reshape(2, *(1,) * (ndim - 2), 6)
    assert x.ndim == x.expand(2, *(-1,) * (ndim - 1)).ndim == x.permute(*range(ndim)).ndim == ndim
    assert x.movedim(0, -1).shape == (*(1,) * (ndim - 2), 6, 2)
    assert x.transpose(0, -1).shape == (6, *(1,) * (ndim - 2), 2)
    assert x[0, ..., 5].ndim == ndim - 2
    assert (
        x.squeeze().tolist()
        == x.flatten().reshape(2, 6).tolist()
        == values().reshape(2, 6).tolist()
    )
    assert x.as_strided((2, *(1,) * (ndim - 1)), (6, *(0,) * (ndim - 1))).flatten().tolist() == [
        5,
        0,
    ]
    assert torch.equal(torch.stack([x[0], x[1]]), x)
    assert x.narrow(0, 1, 1).squeeze(0).unsqueeze(0).select(0, 0).ndim == ndim - 1


@pytest.mark.parametrize("ndim", [33, 64])
def test_creation_and_printing_of_many_dimensions(ndim: int) -> None:
    shape = (1,) * ndim
    for make in (torch.zeros, torch.ones, torch.empty, torch.rand, torch.randn):
        assert make(shape).shape == shape
    x = torch.tensor(nested(ndim))
    assert x.shape == shape
    assert x.tolist() == nested(ndim)
    assert repr(x) == f"tensor({'[' * ndim}2.{']' * ndim})"


def test_gradients_of_many_dimensions() -> None:
    x = values().reshape(DEEP).requires_grad_()
    y = x[:1] * x.expand(DEEP).transpose(0, -1).transpose(0, -1) + x.sort(0).values
    y.sum().backward()
    few = values().requires_grad_()
    (few[:1] * few + few.sort(0).values).sum().backward()
    np.testing.assert_array_equal(x.grad.reshape(FLAT).numpy(), few.grad.numpy())


def test_shapes_of_many_dimensions_that_do_not_fit() -> None:
    x = torch.zeros((1,) * 40 + (2,))
    with pytest.raises(RuntimeError, match="must match the size"):
        x + torch.zeros((1,) * 40 + (3,))


ONE, DEEPEST = torch.ones(1), torch.zeros((1,) * 64)
TOO_DEEP = (1,) * 65
TOO_MANY = {
    "empty": lambda: torch.empty(TOO_DEEP),
    "zeros": lambda: torch.zeros(TOO_DEEP),
    "full": lambda: torch.full(TOO_DEEP, 1.0),
    "rand": lambda: torch.rand(TOO_DEEP),
    "randn": lambda: torch.randn(TOO_DEEP),
    "new_zeros": lambda: ONE.new_zeros(TOO_DEEP),
    "tensor": lambda: torch.tensor(nested(65)),
    "view": lambda: ONE.view(TOO_DEEP),
    "reshape": lambda: ONE.reshape(TOO_DEEP),
    "expand": lambda: ONE.expand(TOO_DEEP),
    "broadcast_to": lambda: torch.broadcast_to(ONE, TOO_DEEP),
    "repeat": lambda: ONE.repeat(TOO_DEEP),
    "unflatten": lambda: ONE.unflatten(0, TOO_DEEP),
    "as_strided": lambda: ONE.as_strided(TOO_DEEP, TOO_DEEP),
    "unsqueeze": lambda: DEEPEST.unsqueeze(0),
    "None": lambda: DEEPEST[None],
    "unfold": lambda: DEEPEST.unfold(0, 1, 1),
    "stack": lambda: torch.stack([DEEPEST]),
    "diag_embed": lambda: torch.diag_embed(DEEPEST),
    "view_as_real": lambda: torch.view_as_real(DEEPEST.to(torch.complex64)),
}


@pytest.mark.parametrize("name", TOO_MANY)
def test_more_than_64_dimensions_are_refused(name: str) -> None:
    with pytest.raises(RuntimeError, match=r"at most 64 dimensions|can't allocate memory"):
        TOO_MANY[name]()


def test_an_index_is_out_of_bounds_for_a_dimension() -> None:
    """And not for an axis of an array."""
    index = torch.tensor([0])
    with pytest.raises(IndexError, match=r"out of bounds for (a )?dimension .*size 0"):
        torch._unsafe_masked_index(torch.zeros(0), torch.tensor([True]), (index,), 0)


HUGE = 1 << 62
TOO_LARGE = {
    "empty": lambda: torch.empty(HUGE),
    "rand": lambda: torch.rand(HUGE),
    "randn": lambda: torch.randn(HUGE, 4),
    "arange": lambda: torch.arange(HUGE),
    "eye": lambda: torch.eye(HUGE),
    "linspace": lambda: torch.linspace(0, 1, HUGE),
    "expand": lambda: ONE.expand(HUGE),
    "repeat": lambda: ONE.repeat(HUGE),
    "as_strided": lambda: ONE.as_strided((HUGE,), (0,)),
    "pad": lambda: torch.nn.functional.pad(ONE, (HUGE, 0)),
    "resize_": lambda: torch.ones(1).resize_(HUGE),
    "diag": lambda: torch.diag(ONE.expand(1 << 40)),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_more_elements_than_there_are_addresses_are_refused(name: str) -> None:
    with pytest.raises(RuntimeError):
        TOO_LARGE[name]()
