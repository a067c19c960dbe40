"""Views, indexing, scattering, joining, sorting: a thousand calls and what PyTorch answered."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flambeau as torch

DATA = Path(__file__).parent.parent / "data"
CALLS = json.loads((DATA / "structure.json").read_text())
GRADIENTS = json.loads((DATA / "structure_gradients.json").read_text())


def operands() -> dict[str, Any]:
    """What the recorded calls speak of."""
    nan = float("nan")
    return {
        "torch": torch,
        "np": np,
        "nan": nan,
        "x": torch.arange(6.0).reshape(2, 3),
        "xi": torch.arange(6).reshape(2, 3),
        "w": torch.arange(24.0).reshape(2, 3, 4),
        "i": torch.tensor([0, 1]),
        "b": torch.tensor([True, False]),
        "z": torch.tensor(3.0),
        "e": torch.zeros(0, 3),
        "c": torch.tensor([[1 + 2j, -3j], [0.5 + 0j, 2 - 1j]]),
        "r": torch.arange(6.0).reshape(2, 3).requires_grad_(),
        "n": torch.tensor([[1.0, nan, 3.0, 3.0], [2.0, 2.0, 5.0, nan]]),
    }


def run(text: str, scope: dict[str, Any]) -> Any:
    """The value of the last of some statements."""
    *statements, last = text.split("; ")
    for statement in statements:
        exec(statement, scope)
    return eval(last, scope)


def numbers(nested: Any) -> np.ndarray:
    text = json.dumps(nested).replace('"nan"', "NaN").replace('"inf"', "Infinity")
    return np.array(json.loads(text.replace('"-inf"', "-Infinity")), np.float64)


def assert_same(got: Any, want: Any) -> None:
    if isinstance(want, list):
        assert len(got) == len(want)
        for part, expected in zip(got, want, strict=True):
            assert_same(part, expected)
    elif isinstance(want, dict):
        assert list(got.shape) == want["shape"]
        assert str(got.dtype) == f"torch.{want['dtype']}"
        assert_same_strides(got, want.get("stride", got.stride()))
        plain = torch.view_as_real(got) if got.is_complex() else got
        np.testing.assert_allclose(
            np.array(plain.detach().tolist(), np.float64).ravel(),
            numbers(want["values"]).ravel(),
            rtol=2e-6,
        )
    else:
        assert repr(got) == want


def assert_same_strides(got: torch.Tensor, want: list[int]) -> None:
    """Equal strides where an element shows them."""
    if got.numel():
        for size, mine, theirs in zip(got.shape, got.stride(), want, strict=True):
            assert size == 1 or mine == theirs, (got.stride(), want)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call["expr"])
def test_a_call_gives_what_pytorch_gives(call: dict[str, Any]) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        if "error" in call:
            with pytest.raises(Exception) as caught:
                run(call["expr"], operands())
            assert type(caught.value).__name__ == call["error"]
            assert str(caught.value).startswith(call["text"][:40])
        else:
            assert_same(run(call["expr"], operands()), call["result"])
    assert [str(w.message)[:40] for w in seen] == call.get("warns", [])


def leaves() -> list[torch.Tensor]:
    x = [[0.5, -1.25, 2.0, 0.75], [-0.6, 1.1, 0.3, -2.2], [1.7, 0.9, -0.4, 1.3]]
    s = [[1.5, 0.2, -0.7, 0.4], [0.8, -1.4, 0.6, 2.1], [-0.3, 0.35, 1.2, -0.9]]
    o = [[0.5, 0.0, 2.0, 0.75], *x[1:]]
    return [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (x, s, o)]


def weights(tensor: torch.Tensor, step: float, start: float, wave: Any) -> torch.Tensor:
    values = [wave(step * k + start) for k in range(tensor.numel())]
    return torch.tensor(values, dtype=torch.float64).reshape(tuple(tensor.shape))


def assert_gradient(got: torch.Tensor | None, want: list[float] | None) -> None:
    value = np.zeros(1) if got is None else got.detach().numpy().ravel()
    np.testing.assert_allclose(value, 0 if want is None else want, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("call", GRADIENTS, ids=lambda call: call["expr"])
def test_first_and_second_gradients(call: dict[str, Any]) -> None:
    variables = leaves()
    scope = {
        "torch": torch,
        "i": torch.tensor([2, 0, 2]),
        "g": torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2], [2, 0, 0, 1]]),
        "p": torch.tensor([2, 0, 1]),
        "q": torch.tensor([3, -1]),
        **dict(zip("xso", variables, strict=True)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the test above is about warnings
        y = run(call["expr"], scope)
    assert list(y.shape) == call["shape"]
    np.testing.assert_allclose(y.detach().numpy().ravel(), call["values"], rtol=1e-10, atol=1e-12)
    total = (y * weights(y, 0.37, 0.5, math.cos)).sum()
    first = torch.autograd.grad(total, variables, create_graph=True, allow_unused=True)
    for got, want in zip(first, call["first"], strict=True):
        assert_gradient(got, want)
    parts = [
        (g * weights(g, 0.7, 0.2, math.sin)).sum()
        for g in first
        if g is not None and g.requires_grad
    ]
    if not parts:
        assert call["second"] == [None, None, None]
        return
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + part
    second = torch.autograd.grad(joined, variables, allow_unused=True)
    for got, want in zip(second, call["second"], strict=True):
        assert_gradient(got, want)
