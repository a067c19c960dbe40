"""Every operation in the registry on a CUDA device: results and gradients, and their layout, as on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.dispatch.registry import OPERATIONS
from tests import elsewhere
from tests.ops import sample
from tests.ops.placed import facts, placed, tensors_of
from tests.ops.test_registry import caller, formulas, samples

# Said once in a process, by whichever test comes first.
pytestmark = pytest.mark.filterwarnings("ignore:.* has no CUDA form")

DRAWN = {
    "drawn": "a GPU draws other numbers, which tests/kernels/cuda/random compares with PyTorch's"
}
"""Programs whose results are others, each with its reason."""

PLACE = elsewhere.place if elsewhere.place.startswith("cuda") else "cuda"
"""The tests' device: ``--device cuda:1`` asks for another one than the current."""


def gradients(results: list[torch.Tensor], inputs: list[torch.Tensor]) -> list[Any]:
    wanted = [result for result in results if result.requires_grad]
    if not wanted or not inputs:
        return []
    arriving = [
        torch.linspace(0.5, 1.5, r.numel(), device="cpu").reshape(r.shape).to(r.device, r.dtype)
        for r in wanted
    ]
    return list(torch.autograd.grad(wanted, inputs, arriving, allow_unused=True))


def assert_same(got: Any, want: Any, close: float, where: str) -> None:
    if want is None or got is None:
        assert got is want, where
        return
    assert facts(got) == facts(want), where
    assert got.device.type == "cuda", where
    left, right = (
        x.detach().cpu().resolve_conj().double()
        if not x.is_complex()
        else x.detach().cpu().resolve_conj()
        for x in (got, want)
    )
    np.testing.assert_allclose(left.numpy(), right.numpy(), rtol=close, atol=close, err_msg=where)


def assert_alike(
    call: Callable, on_device: Callable, arrays: list[np.ndarray], close: float = 1e-9
) -> None:
    with torch.device("cpu"):
        inputs = [torch.tensor(a).requires_grad_(a.dtype.kind == "f") for a in arrays]
        want = tensors_of(call(*inputs))
    moved = [x.detach().to(PLACE).requires_grad_(x.requires_grad) for x in inputs]
    with torch.device(PLACE):
        got = tensors_of(on_device(*moved))
    assert len(got) == len(want)
    for i, (y, right) in enumerate(zip(got, want)):
        assert_same(y, right, close, f"result {i}")
        assert y.requires_grad == right.requires_grad
    floating = [x for x in inputs if x.requires_grad]
    try:
        expected = gradients(want, floating)
    except RuntimeError:
        return  # no derivative, which test_registry.py checks
    found = gradients(got, [x for x in moved if x.requires_grad])
    for i, (g, right) in enumerate(zip(found, expected, strict=True)):
        assert_same(g, right, close, f"gradient {i}")


@pytest.mark.parametrize("name", formulas())
def test_formulas(name: str) -> None:
    call, arrays = caller(OPERATIONS[name]), samples(OPERATIONS[name])
    assert_alike(call, call, arrays)
    assert_alike(call, call, [a.astype(np.float32) for a in arrays], 2e-5)


@pytest.mark.filterwarnings("ignore:.*in beta")
@pytest.mark.parametrize("name", [name for name in sample.PROGRAMS if name not in DRAWN])
def test_programs(name: str) -> None:
    function, inputs = sample.PROGRAMS[name]
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(0.2, 0.8, x) if isinstance(x, tuple) else x for x in inputs]
    torch.manual_seed(0)
    assert_alike(placed(function, "cpu"), placed(function, PLACE), arrays)
