"""Every formula in the registry: its gradients to second order against float64 differences, at real and
at complex numbers, with operands that broadcast, 0-d, empty, strided and reversed, and in half types."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from flambeau.autograd import engine
from flambeau.core.tensor import wrap
from flambeau.dispatch.formula.formula_operation import FormulaOperation
from flambeau.dispatch.formula.rowwise import RowOperation
from flambeau.dispatch.registry import OPERATIONS
from flambeau.formula import primitive
from flambeau.ops import families
from tests.ops.checker import assert_first_order, assert_gradients
from tests.ops.sample import RANGES, UNDERIVED, UNREAL

for _family in ("elementwise.activation", "elementwise.special", "reduction.extreme"):
    families.load(_family)
for _family in ("reduction.norm", "reduction.softmax", "reduction.variance"):
    families.load(_family)


def formulas(rows: bool | None = None) -> list[str]:
    """Those that can be called with one array for each operand; test_rule.py covers the others."""
    return sorted(
        name
        for name, op in OPERATIONS.items()
        if isinstance(op, FormulaOperation)
        and not (op.not_promoted or op.reduced)
        and name not in UNREAL
        and (rows is None or isinstance(op, RowOperation) == rows)
    )


def caller(operation: FormulaOperation):
    """The operation as a function of tensors, options at their defaults."""
    statics = tuple(operation.defaults[n] for n in operation.statics)
    numbers = tuple(float(operation.defaults[n]) for n in operation.parameters)

    def call(*operands: torch.Tensor):
        if isinstance(operation, RowOperation):
            return operation(*operands, dim=-1, statics=statics, parameters=numbers)
        return operation.general(operands, statics, numbers)

    return call


def samples(operation: FormulaOperation, shape: tuple[int, ...] = (2, 3)) -> list[np.ndarray]:
    low, high = RANGES.get(operation.name, (0.2, 0.8))
    rng = np.random.default_rng(len(operation.name))
    return [rng.uniform(low, high, shape) for _ in operation.operands]


def several(result) -> list[torch.Tensor]:
    return list(result) if isinstance(result, tuple) else [result]


def derivable(operation: FormulaOperation):
    """The operation as a function of the operands that it has a derivative by, and samples of those."""
    call, arrays = caller(operation), samples(operation)
    skip = UNDERIVED.get(operation.name, 0)
    fixed = [torch.from_numpy(a) for a in arrays[:skip]]
    return (lambda *operands: call(*fixed, *operands)), arrays[skip:]


@pytest.mark.parametrize("name", formulas())
def test_gradients_agree_with_differences(name: str) -> None:
    function, arrays = derivable(OPERATIONS[name])
    results = several(function(*(torch.from_numpy(a).requires_grad_() for a in arrays)))
    for result in results:
        assert result.requires_grad == (bool(arrays) and result.is_floating_point())
    if arrays and any(result.is_floating_point() for result in results):
        assert_gradients(function, arrays)


@pytest.mark.parametrize("name", UNDERIVED)
def test_what_has_no_derivative_says_so_in_backward(name: str) -> None:
    operands = [torch.from_numpy(a).requires_grad_() for a in samples(OPERATIONS[name])]
    result = caller(OPERATIONS[name])(*operands).sum()
    with pytest.raises(RuntimeError, match=r"derivative for aten::.* is not implemented"):
        result.backward()


@pytest.mark.parametrize("name", formulas())
def test_complex_gradients_agree_with_differences(name: str) -> None:
    operation = OPERATIONS[name]
    function, arrays = derivable(operation)
    rng = np.random.default_rng(3)
    parts = [np.stack([a, rng.uniform(0.1, 0.4, a.shape)], -1) for a in arrays]

    def of_parts(*pairs: torch.Tensor):
        return function(*map(torch.view_as_complex, pairs))

    try:
        results = several(of_parts(*map(torch.from_numpy, parts)))
    except (NotImplementedError, RuntimeError, TypeError):
        return  # it takes real numbers only, as test_elementwise.py checks
    if arrays and any(r.is_floating_point() or r.is_complex() for r in results):
        assert_gradients(of_parts, parts)


@pytest.mark.parametrize("name", formulas(rows=False))
def test_broadcast_operands_get_gradients_of_their_shape(name: str) -> None:
    function, arrays = derivable(OPERATIONS[name])
    if len(arrays) < 2:
        return
    shapes = [((2, 1, 3), (4, 1), (1, 3))[i % 3] for i in range(len(arrays))]
    small = [
        a.ravel()[0] + np.linspace(0, 0.01, int(np.prod(s))).reshape(s)
        for a, s in zip(arrays, shapes)
    ]
    if any(r.is_floating_point() for r in several(function(*map(torch.from_numpy, small)))):
        assert_first_order(function, small)


def reversed_in_memory(array: np.ndarray) -> torch.Tensor:
    """A tensor with a negative stride, such as gradients and flips may hand around inside."""
    stored = torch.from_numpy(np.ascontiguousarray(array[::-1]))
    return wrap(stored._array[::-1], stored._kind)


@pytest.mark.parametrize("name", formulas())
def test_layout_does_not_matter(name: str) -> None:
    operation = OPERATIONS[name]
    arrays, call = samples(operation, (4, 6)), caller(operation)
    want = [y.numpy() for y in several(call(*map(torch.from_numpy, arrays)))]
    wide = [np.repeat(a, 2, 1) for a in arrays]
    layouts = {
        "columns": [torch.from_numpy(np.asfortranarray(a)) for a in arrays],
        "every other": [torch.from_numpy(a)[:, ::2] for a in wide],
        "reversed": [reversed_in_memory(a) for a in arrays],
    }
    for layout, tensors in layouts.items():
        before = [t.numpy().copy() for t in tensors]
        for got, right in zip(several(call(*tensors)), want, strict=True):
            np.testing.assert_allclose(got.numpy(), right, rtol=1e-12, err_msg=layout)
        for tensor, old in zip(tensors, before):
            np.testing.assert_array_equal(tensor.numpy(), old)


@pytest.mark.parametrize("name", formulas(rows=False))
def test_no_dimensions_and_no_elements(name: str) -> None:
    operation = OPERATIONS[name]
    arrays, call = samples(operation), caller(operation)
    want = [y.numpy()[1, 2] for y in several(call(*map(torch.from_numpy, arrays)))]
    single = several(call(*(torch.from_numpy(np.array(a[1, 2])) for a in arrays)))
    for got, right in zip(single, want, strict=True):
        assert tuple(got.shape) == ()
        np.testing.assert_allclose(got.numpy(), right, rtol=1e-12)
    nothing = [torch.zeros((0, 3), dtype=torch.float64, requires_grad=True) for _ in arrays]
    for got in several(call(*nothing)):
        assert tuple(got.shape) == (0, 3)


@pytest.mark.parametrize("name", formulas())
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_types_are_computed_in_float32_and_rounded_once(name: str, half: str) -> None:
    operation = OPERATIONS[name]
    call, dtype = caller(operation), getattr(torch, half)
    operands = [torch.from_numpy(a).to(dtype) for a in samples(operation)]
    try:
        results = several(call(*operands))
    except NotImplementedError:
        return
    wide = several(call(*(x.float() for x in operands)))
    for got, right in zip(results, wide, strict=True):
        assert got.dtype is (dtype if right.is_floating_point() else right.dtype)
        assert torch.equal(got, right.to(got.dtype))


# ------------------------------------------------------------------------- negative controls


@pytest.fixture
def untraced(monkeypatch: pytest.MonkeyPatch):
    """Lets a test change how an operation is made: it is traced anew, before and after."""

    def forget(name: str) -> FormulaOperation:
        operation = OPERATIONS[name]
        for table in ("specializations", "same", "promoted"):
            monkeypatch.setattr(operation, table, type(getattr(operation, table))())
        return operation

    return forget


@pytest.mark.parametrize("name", ["tanh", "mul", "sigmoid"])
@pytest.mark.parametrize("error", [lambda g: g * 1.01, lambda g: -g])
def test_the_check_goes_red_for_a_wrong_derivative(name: str, error, untraced, monkeypatch) -> None:
    operation = untraced(name)
    owner = {"tanh": primitive.tanh, "mul": primitive.multiply, "sigmoid": primitive.sigmoid}[name]
    right = owner.derivative
    monkeypatch.setattr(
        owner, "derivative", lambda g, out, *args: tuple(map(error, right(g, out, *args)))
    )
    monkeypatch.setattr(operation, "explicit", None)
    with pytest.raises(AssertionError):
        test_gradients_agree_with_differences(name)


def test_the_check_goes_red_for_a_broadcast_that_is_dropped(monkeypatch) -> None:
    monkeypatch.setattr(
        engine, "fit", lambda part, shape: part[tuple(slice(0, n) for n in shape)].reshape(shape)
    )
    with pytest.raises((AssertionError, ValueError, IndexError)):
        test_broadcast_operands_get_gradients_of_their_shape("mul")


def test_the_check_goes_red_for_double_rounding(untraced) -> None:
    operation = untraced("square")
    half = torch.ones(2, 3, dtype=torch.float16)
    caller(operation)(half)
    spec = operation.specializations[next(iter(operation.specializations))]
    run = spec.run
    spec.run = lambda *args: (run(*args) * np.float16(1.001)).astype(np.float16)
    with pytest.raises(AssertionError):
        test_half_types_are_computed_in_float32_and_rounded_once("square", "float16")
