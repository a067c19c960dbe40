"""Every formula in the registry: its gradients to second order against float64 differences, its
dtype, its in-place form, broadcasting and strides. The operations come from the registry."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from flambeau.formula import primitive
from flambeau.ops.formula import FormulaOperation
from flambeau.ops.registry import OPERATIONS
from flambeau.ops.row import RowOperation

RANGES = {
    "acosh": (1.2, 3.0),
    "hardshrink": (0.6, 0.9),
    "softshrink": (0.6, 0.9),
    "lgamma": (1.2, 3.0),
    "ndtri": (0.2, 0.8),
    "threshold": (0.6, 0.9),
}
"""Where to sample an operation that has no derivative, or a kink, between 0.2 and 0.8."""

SKIPPED = {
    "ldexp_int": "its second operand is an integer",
    "gcd": "integers only",
    "lcm": "integers only",
    "bitwise_and": "integers only",
    "bitwise_or": "integers only",
    "bitwise_xor": "integers only",
    "bitwise_not": "integers only",
    "bitwise_left_shift": "integers only",
    "bitwise_right_shift": "integers only",
    "nextafter": "it steps, and has no gradient",
    "real_part": "complex numbers only",
    "imag_part": "complex numbers only",
}
"""The one list of skips, each with its reason."""


def formulas() -> list[str]:
    return sorted(
        name
        for name, op in OPERATIONS.items()
        if isinstance(op, FormulaOperation)
        and not op.aside
        and not op.reduced
        and name not in SKIPPED
    )


def call(operation: FormulaOperation, *operands: torch.Tensor) -> torch.Tensor:
    statics = tuple(operation.defaults[n] for n in operation.statics)
    numbers = tuple(float(operation.defaults[n]) for n in operation.parameters)
    if isinstance(operation, RowOperation):
        return operation(*operands, dim=-1, statics=statics, parameters=numbers)
    return operation.general(operands, statics, numbers)


def samples(operation: FormulaOperation, shape: tuple[int, ...] = (2, 3)) -> list[np.ndarray]:
    low, high = RANGES.get(operation.name, (0.2, 0.8))
    rng = np.random.default_rng(len(operation.name))
    return [rng.uniform(low, high, shape) for _ in operation.operands]


def differentiable(operation: FormulaOperation) -> bool:
    out = call(operation, *(torch.from_numpy(a) for a in samples(operation)))
    return isinstance(out, torch.Tensor) and out.is_floating_point()


def weighted(operation: FormulaOperation, arrays: list[np.ndarray], weights: np.ndarray) -> float:
    return float((call(operation, *map(torch.from_numpy, arrays)).numpy() * weights).sum())


def numeric(function, arrays: list[np.ndarray], step: float = 1e-6) -> list[np.ndarray]:
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
    operation: FormulaOperation,
    arrays: list[np.ndarray],
    weights: np.ndarray,
    create_graph: bool = False,
) -> tuple[list[torch.Tensor], list[torch.Tensor | None]]:
    inputs = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    out = call(operation, *inputs)
    grads = torch.autograd.grad(
        out, inputs, torch.from_numpy(weights), create_graph=create_graph, allow_unused=True
    )
    return inputs, list(grads)


def assert_first_order(operation: FormulaOperation) -> None:
    arrays = samples(operation)
    out = call(operation, *map(torch.from_numpy, arrays))
    weights = np.random.default_rng(1).uniform(0.5, 1.5, tuple(out.shape))
    _, grads = derived(operation, arrays, weights)
    for got, want in zip(
        grads, numeric(lambda a: weighted(operation, a, weights), arrays), strict=True
    ):
        value = np.zeros_like(want) if got is None else got.numpy()
        np.testing.assert_allclose(value, want, rtol=2e-5, atol=2e-6)


def assert_second_order(operation: FormulaOperation) -> None:
    arrays = samples(operation)
    out = call(operation, *map(torch.from_numpy, arrays))
    weights = np.random.default_rng(1).uniform(0.5, 1.5, tuple(out.shape))
    directions = [
        np.random.default_rng(2 + i).uniform(0.5, 1.5, a.shape) for i, a in enumerate(arrays)
    ]

    def slope(arrays: list[np.ndarray]) -> float:
        grads = derived(operation, arrays, weights)[1]
        return sum(
            float((g.numpy() * d).sum())
            for g, d in zip(grads, directions, strict=True)
            if g is not None
        )

    inputs, grads = derived(operation, arrays, weights, create_graph=True)
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
        value = np.zeros_like(part) if got is None else got.numpy()
        np.testing.assert_allclose(value, part, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", formulas())
def test_gradients_agree_with_differences(name: str) -> None:
    operation = OPERATIONS[name]
    if not differentiable(operation):
        assert not call(
            operation, *(torch.from_numpy(a).requires_grad_() for a in samples(operation))
        ).requires_grad
        return
    assert_first_order(operation)
    assert_second_order(operation)


@pytest.mark.parametrize("name", formulas())
def test_strided_and_scalar_inputs_give_the_same(name: str) -> None:
    operation = OPERATIONS[name]
    arrays = samples(operation, (4, 6))
    want = call(operation, *map(torch.from_numpy, arrays)).numpy()
    strided = [torch.from_numpy(np.asfortranarray(a)) for a in arrays]
    np.testing.assert_allclose(call(operation, *strided).numpy(), want, rtol=1e-12)
    if not isinstance(operation, RowOperation):
        single = call(operation, *(torch.from_numpy(np.array(a[1, 2])) for a in arrays))
        assert tuple(single.shape) == ()
        np.testing.assert_allclose(single.numpy(), want[1, 2], rtol=1e-12)


@pytest.mark.parametrize("name", ["tanh", "mul", "sigmoid"])
@pytest.mark.parametrize("error", [lambda g: g * 1.01, lambda g: -g])
def test_the_check_goes_red_for_a_wrong_derivative(name: str, error) -> None:
    """The negative control: a flipped or scaled rule is found."""
    operation = OPERATIONS[name]
    owner = {"tanh": primitive.tanh, "mul": primitive.multiply, "sigmoid": primitive.sigmoid}[name]
    right = owner.derivative
    explicit = operation.explicit
    saved = dict(operation.specializations), dict(operation.same)
    try:
        owner.derivative = lambda g, out, *args: tuple(error(part) for part in right(g, out, *args))
        operation.explicit = None
        operation.specializations.clear()
        operation.same.clear()
        with pytest.raises(AssertionError):
            assert_first_order(operation)
    finally:
        owner.derivative, operation.explicit = right, explicit
        operation.specializations.clear()
        operation.same.clear()
        operation.specializations.update(saved[0])
        operation.same.update(saved[1])
