"""Python functions of elements, in place."""

from __future__ import annotations

import pytest

import flambeau as torch


def test_each_element_in_order_and_in_place() -> None:
    x = torch.arange(6).reshape(2, 3).t()
    seen: list[int] = []
    same = x.apply_(lambda v: seen.append(v) or v * 10)
    assert same is x
    assert seen == [0, 3, 1, 4, 2, 5]
    assert x.tolist() == [[0, 30], [10, 40], [20, 50]]


def test_others_broadcast() -> None:
    x = torch.ones(2, 2)
    assert x.map_(torch.tensor([1.0, 2.0]), lambda a, b: a - b).tolist() == [[0.0, -1.0]] * 2
    assert x.map2_(x, torch.tensor([2.0]), lambda a, b, c: a + b * c).tolist() == [[0.0, -3.0]] * 2


def test_a_function_that_fails_leaves_the_tensor_alone() -> None:
    x = torch.tensor([1.0, 0.0])
    with pytest.raises(ZeroDivisionError):
        x.apply_(lambda v: 1 / v)
    assert x.tolist() == [1.0, 0.0]


def test_gradients_are_refused() -> None:
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"detach\(\)\.apply_"):
        x.apply_(abs)
    with pytest.raises(RuntimeError, match="map_"):
        torch.ones(2).map_(x, max)
    x.detach().apply_(lambda v: v + 1)
    assert x.tolist() == [2.0, 2.0]
