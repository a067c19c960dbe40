"""Derivatives by float64 differences: what the generic tests hold every operation against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import flambeau as torch

Function = Callable[..., Any]


def floating(result: Any) -> list[torch.Tensor]:
    """The outputs that can have a gradient, as real numbers."""
    outputs = result if isinstance(result, (tuple, list)) else [result]
    return [
        torch.view_as_real(y) if y.is_complex() else y
        for y in outputs
        if y.is_floating_point() or y.is_complex()
    ]


def cotangents(function: Function, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    outputs = floating(function(*map(torch.from_numpy, arrays)))
    return [rng.uniform(0.5, 1.5, tuple(y.shape)) for y in outputs]


def value(function: Function, arrays: Sequence[np.ndarray], weights: list[np.ndarray]) -> float:
    outputs = floating(function(*(torch.from_numpy(a.copy()) for a in arrays)))
    return sum(float((y.numpy() * w).sum()) for y, w in zip(outputs, weights, strict=True))


def numeric(
    function: Callable[[list[np.ndarray]], float],
    arrays: Sequence[np.ndarray],
    step: float = 1e-6,
) -> list[np.ndarray]:
    """Central differences of a function of arrays that gives a number."""
    grads = []
    for k, array in enumerate(arrays):
        grad = np.zeros_like(array)
        for i in np.ndindex(array.shape):
            values = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[k][i] += sign * step
                values.append(function(moved))
            grad[i] = (values[0] - values[1]) / (2 * step)
        grads.append(grad)
    return grads


def derived(
    function: Function,
    arrays: Sequence[np.ndarray],
    weights: list[np.ndarray],
    create_graph: bool = False,
) -> tuple[list[torch.Tensor], list[torch.Tensor | None]]:
    inputs = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    pairs = [
        (y, torch.from_numpy(w))
        for y, w in zip(floating(function(*inputs)), weights, strict=True)
        if y.requires_grad
    ]
    if not pairs:
        return inputs, [None] * len(inputs)
    outputs, gs = zip(*pairs)
    grads = torch.autograd.grad(outputs, inputs, gs, create_graph=create_graph, allow_unused=True)
    return inputs, list(grads)


def assert_first_order(function: Function, arrays: Sequence[np.ndarray]) -> None:
    weights = cotangents(function, arrays)
    grads = derived(function, arrays, weights)[1]
    for got, want in zip(
        grads, numeric(lambda a: value(function, a, weights), arrays), strict=True
    ):
        given = np.zeros_like(want) if got is None else got.numpy()
        assert given.shape == want.shape
        np.testing.assert_allclose(given, want, rtol=2e-5, atol=2e-6)


def assert_second_order(function: Function, arrays: Sequence[np.ndarray]) -> None:
    weights = cotangents(function, arrays)
    directions = [
        np.random.default_rng(2 + i).uniform(0.5, 1.5, a.shape) for i, a in enumerate(arrays)
    ]

    def slope(arrays: list[np.ndarray]) -> float:
        grads = derived(function, arrays, weights)[1]
        return sum(
            float((g.numpy() * d).sum())
            for g, d in zip(grads, directions, strict=True)
            if g is not None
        )

    inputs, grads = derived(function, arrays, weights, create_graph=True)
    total = [
        (g * torch.from_numpy(d)).sum()
        for g, d in zip(grads, directions, strict=True)
        if g is not None and g.requires_grad
    ]
    want = numeric(slope, arrays)
    if not total:
        for part in want:
            np.testing.assert_allclose(part, 0, atol=1e-5)
        return
    joined = total[0]
    for part in total[1:]:
        joined = joined + part
    second = torch.autograd.grad(joined, inputs, allow_unused=True)
    for got, part in zip(second, want, strict=True):
        given = np.zeros_like(part) if got is None else got.numpy()
        np.testing.assert_allclose(given, part, rtol=1e-4, atol=2e-5)


def assert_gradients(function: Function, arrays: Sequence[np.ndarray]) -> None:
    """First and second derivatives agree with differences."""
    assert_first_order(function, arrays)
    assert_second_order(function, arrays)
