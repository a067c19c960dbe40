"""Checks shared by the tests of operations: against recorded answers, and against differences."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flambeau as torch

DATA = Path(__file__).parent.parent / "data"


def arrays(shapes: Sequence[tuple[int, ...]], kind: str, seed: int = 0) -> list[np.ndarray]:
    """Normal numbers, of which the recorded answers were computed too."""
    rng = np.random.default_rng(seed)
    made = [rng.normal(size=shape) for shape in shapes]
    if kind == "complex128":
        made = [a + 1j * rng.normal(size=a.shape) for a in made]
    return made


def weights(shape: tuple[int, ...], complex_: bool) -> np.ndarray:
    """What arrives at an output: fixed numbers without a pattern."""
    i = np.arange(int(np.prod(shape))).reshape(shape)
    real = 0.25 + np.cos(0.7 * i + 0.3)
    return np.asarray(real + 1j * np.sin(1.3 * i + 0.2) if complex_ else real)


def differentiate(t: Any, case: Callable, inputs: Sequence[np.ndarray], second: bool) -> list[Any]:
    """The output, its gradients, and their gradients in turn, of a function in the namespace t."""
    leaves = [t.from_numpy(a.copy()).requires_grad_() for a in inputs]
    out = case(t, *leaves)
    found = [out.numpy(force=True)]
    if not out.requires_grad:
        return found
    v = t.from_numpy(weights(tuple(out.shape), out.is_complex()))
    grads = t.autograd.grad(out, leaves, v, create_graph=second)
    found += [g.numpy(force=True) for g in grads]
    if second:
        total = 0
        for g in grads:
            w = t.from_numpy(weights(tuple(g.shape), g.is_complex()))
            product = g * w.conj() if g.is_complex() else g * w
            total = total + (product.real if g.is_complex() else product).sum()
        if total.requires_grad:
            again = t.autograd.grad(total, leaves, allow_unused=True)
            found += [
                np.zeros(a.shape) if g is None else g.numpy(force=True)
                for g, a in zip(again, inputs)
            ]
    return found


def plain(array: np.ndarray) -> Any:
    """An array as JSON."""
    if np.iscomplexobj(array):
        return {"real": array.real.tolist(), "imag": array.imag.tolist()}
    return array.tolist()


def loaded(value: Any) -> np.ndarray:
    if isinstance(value, dict):
        return np.array(value["real"]) + 1j * np.array(value["imag"])
    return np.array(value)


@pytest.fixture(scope="session")
def assert_recorded() -> Callable:
    """Output, gradients and second gradients agree with recorded answers of PyTorch."""
    files: dict[str, Any] = {}

    def check(file: str, name: str, kind: str, case: Callable, shapes: list, second: bool = True):
        if file not in files:
            files[file] = json.loads((DATA / file).read_text())
        want = files[file][f"{name} {kind}"]
        got = differentiate(torch, case, arrays(shapes, kind), second)
        assert len(got) == len(want)
        for value, answer in zip(got, want):
            np.testing.assert_allclose(value, loaded(answer), rtol=1e-6, atol=1e-8)

    return check


@pytest.fixture(scope="session")
def assert_differences() -> Callable:
    """Gradients to second order agree with central differences."""

    def slope(function: Callable, inputs: list[np.ndarray], step: float) -> list[np.ndarray]:
        found = []
        for k, a in enumerate(inputs):
            grad = np.zeros_like(a)
            for i in np.ndindex(a.shape):
                moved = [[x.copy() for x in inputs] for _ in range(2)]
                moved[0][k][i] += step
                moved[1][k][i] -= step
                grad[i] = (function(moved[0]) - function(moved[1])) / (2 * step)
            found.append(grad)
        return found

    def check(case: Callable, shapes: list, second: bool = True) -> None:
        inputs = arrays(shapes, "float64")
        n = len(inputs)
        got = differentiate(torch, case, inputs, second)

        def value(xs: list[np.ndarray]) -> float:
            out = case(torch, *(torch.from_numpy(x) for x in xs))
            w = weights(tuple(out.shape), out.is_complex())
            return float((out.numpy() * np.conj(w)).sum().real)

        def first(xs: list[np.ndarray]) -> float:
            parts = differentiate(torch, case, xs, False)[1:]
            return float(sum((g * weights(g.shape, False)).sum() for g in parts))

        for g, want in zip(got[1 : 1 + n], slope(value, inputs, 1e-6)):
            np.testing.assert_allclose(g, want, rtol=1e-5, atol=1e-7)
        for g, want in zip(got[1 + n :], slope(first, inputs, 1e-6)):
            np.testing.assert_allclose(g, want, rtol=1e-4, atol=1e-5)

    return check
