"""Functions of elements against PyTorch's recorded answers: dtypes by the promotion table, values, and the
exceptions for dtypes that have no meaning (tests/data/elementwise.json,
recorded from PyTorch 2.13, and from 2.14 where that refuses by another error)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.dispatch.registry import OPERATIONS

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "elementwise.json").read_text())

TOLERANCE = {
    "float16": 1e-3,
    "bfloat16": 8e-3,
    "float32": 2e-6,
    "float64": 1e-12,
    "complex64": 5e-6,
    "complex128": 1e-12,
}

OURS = {
    "nn.functional.gelu bfloat16": "PyTorch's vector kernel gives nan at inf, its other kernel inf",
    "nn.functional.gelu float32": "the same",
    "ldexp complex64 float16": "PyTorch has no pow of complex32",
    **{
        f"nn.functional.softsign {dtype}": "the limit at inf is 1, PyTorch divides inf by inf"
        for dtype in ("float16", "bfloat16", "float32", "float64")
    },
    **{
        f"ldexp {pair}": "PyTorch's pow refuses bool exponents for some bases and not for others"
        for pair in ("float16 bool", "float32 bool", "float64 bool")
    },
    "ldexp float32 float16": "PyTorch rounds 2 to the power of a half number to half",
    "ldexp float64 float16": "the same",
}
"""What differs from PyTorch on purpose, each with its reason."""


def inputs(which: str, dtype: str) -> list[Any]:
    table = RECORDED["inputs"][which]
    kind = dtype if dtype in table else dtype[0] if dtype[0] in "ic" else "f"
    return [float(v) if isinstance(v, str) else v for v in table[kind]]


def tensor(values: list[Any], dtype: str) -> torch.Tensor:
    numbers = [complex(*v) for v in values] if dtype.startswith("complex") else values
    return torch.tensor(numbers, dtype=getattr(torch, dtype))


def function(name: str) -> Any:
    found: Any = torch
    for part in name.split("."):
        found = getattr(found, part)
    return found


def assert_recorded(want: Any, call: Any, *operands: torch.Tensor) -> None:
    """The call gives the recorded dtype and values, or raises the recorded exception."""
    if isinstance(want, str):
        with pytest.raises(Exception) as caught:
            call(*operands)
        assert type(caught.value).__name__ == want
        return
    result = call(*operands)
    dtype, values = want
    assert str(result.dtype) == f"torch.{dtype}"
    if result.is_complex():
        right = np.array([[float(part) for part in v] for v in values])
        got = torch.view_as_real(result).numpy().astype(np.float64)
    else:
        right = np.array([float(v) for v in values])
        got = np.array([float(v) for v in result.tolist()])
    np.testing.assert_allclose(got, right, rtol=TOLERANCE.get(dtype, 0), atol=1e-7)


@pytest.mark.parametrize("name", RECORDED["unary"])
def test_of_one_operand(name: str) -> None:
    for dtype, want in RECORDED["unary"][name].items():
        if f"{name} {dtype}" not in OURS:
            assert_recorded(want, function(name), tensor(inputs("x", dtype), dtype))


@pytest.mark.parametrize("name", RECORDED["binary"])
def test_of_two_operands(name: str) -> None:
    for pair, want in RECORDED["binary"][name].items():
        first, second = pair.split()
        if f"{name} {pair}" in OURS:
            continue
        x, y = inputs("x", first), inputs("y", second)
        count = min(len(x), len(y))
        assert_recorded(want, function(name), tensor(x[:count], first), tensor(y[:count], second))


def variants(name: str) -> list[str]:
    """The names of a function's method and in-place method, where it has them."""
    return [m for m in (name, f"{name}_") if hasattr(torch.Tensor, m)]


@pytest.mark.parametrize(
    "name", [n for n in (*RECORDED["unary"], *RECORDED["binary"]) if "." not in n]
)
def test_every_form_of_a_function_gives_the_same(name: str) -> None:
    binary = name in RECORDED["binary"]
    dtype = "float64" if name not in INTEGER else "int64"
    operands = [tensor(inputs("x", dtype)[:2], dtype)]
    if binary:
        operands.append(tensor(inputs("y", dtype)[:2], dtype))
    before = [x.clone() for x in operands]
    want = function(name)(*operands)
    forms = {}
    for method in variants(name):
        own, *rest = (x.clone() for x in operands)
        forms[method] = getattr(own, method)(*rest)
        if method.endswith("_"):
            assert forms[method] is own
    if name not in WITHOUT_OUT:
        out = torch.empty(0, dtype=want.dtype)
        forms["out="] = function(name)(*operands, out=out)
        assert forms["out="] is out
    for form, result in forms.items():
        np.testing.assert_array_equal(result.numpy().astype(want.numpy().dtype), want.numpy(), form)
    for x, old in zip(operands, before):
        np.testing.assert_array_equal(x.numpy(), old.numpy())


INTEGER = frozenset(
    ("bitwise_not", "gcd", "lcm", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift")
)
WITHOUT_OUT = frozenset(
    ("positive", "relu", "celu", "selu", "isreal", "isfinite", "isinf", "isnan", "hardshrink")
)
"""Functions without out= in PyTorch."""


def test_the_check_goes_red_for_a_swapped_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    operation = OPERATIONS["exp"]
    x = torch.tensor([0.5], dtype=torch.float64)
    torch.exp(x)
    for spec in operation.specializations.values():
        monkeypatch.setattr(spec, "run", np.expm1)
    with pytest.raises(AssertionError):
        test_of_one_operand("exp")


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("gcd", (2, 3)),
        ("maximum", (torch.ones(2), 3)),
        ("eq", (2, 3)),
        ("eq", (2, torch.ones(2))),
        ("hypot", (2, torch.ones(2))),
        ("sin", (2,)),
        ("sum", (2,)),
        ("addcmul", (torch.ones(2), 2, torch.ones(2))),
        ("fmod", (2, torch.ones(2))),
        ("remainder", (2, 3)),
        ("lerp", (2, torch.ones(2), torch.ones(2))),
        ("clamp", (2, 3)),
        ("logaddexp", (torch.ones(2), 1.0)),
    ],
)
def test_numbers_are_refused_where_pytorch_wants_tensors(name: str, numbers: tuple) -> None:
    with pytest.raises(TypeError, match="must be Tensor"):
        function(name)(*numbers)


def test_numbers_are_taken_where_pytorch_takes_them() -> None:
    assert torch.add(2, 3).item() == 5
    assert torch.pow(2, torch.tensor([3])).tolist() == [8]
    assert torch.remainder(5, torch.tensor([3])).tolist() == [2]
    assert torch.where(torch.tensor([True, False]), 1, 2).tolist() == [1, 2]
    assert (torch.tensor([6]) & 3).tolist() == [2]
    assert torch.lerp(torch.zeros(1), torch.ones(1), 0.25).tolist() == [0.25]
