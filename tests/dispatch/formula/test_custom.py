"""Operations of the user's own: `pointwise` and `rowwise` formulas, their gradients, and their errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import flambeau as torch
from flambeau.dispatch.registry import NAMESPACES, OPERATIONS
from flambeau.formula.expression import position
from flambeau.formula.primitive import (
    absolute,
    amax,
    conj,
    equal,
    exp,
    held,
    log,
    maximum,
    sin,
    where,
)
from flambeau.formula.primitive import sum as row_sum
from flambeau.ops import Operand, pointwise, rowwise
from tests.ops.checker import assert_gradients

RNG = np.random.default_rng(5)


@pointwise
def bump(x, width=1.0):
    return exp(-x * x / width)


@pointwise
def blend(x, y, w, hard: float = 2.0, mode="soft"):
    """An option, a parameter and three operands."""
    return sin(x * w) * hard + y if mode == "soft" else maximum(x, y) * w


@pointwise
def polar(x, y):
    return x * y, x / y + absolute(x)


@pointwise
def shifted(x, bias: Operand = None):
    return exp(x) if bias is None else exp(x) * bias


@rowwise
def tempered(x, heat=1.0):
    e = exp((x - held(amax(x))) / heat)
    return e / row_sum(e)


@rowwise
def share_and_total(x):
    total = row_sum(x * x)
    return x / total, log(total)


@rowwise(reduced="index", not_promoted="index")
def chosen(x, index):
    return row_sum(where(equal(position(), index), x * x, 0.0))


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (bump, [(2, 3)]),
        (lambda x: bump(x, width=0.5), [(2, 3)]),
        (blend, [(2, 3), (3,), (2, 1)]),
        (lambda x, y, w: blend(x, y, w, 0.5, mode="hard"), [(2, 1), (1, 3), ()]),
        (polar, [(2, 1), (4,)]),
        (lambda x: polar(x, x), [(3,)]),
        (shifted, [(3,)]),
        (shifted, [(2, 3), (3,)]),
        (lambda x: tempered(x, dim=0, heat=0.7), [(3, 2)]),
        (lambda x: tempered(x), [(3, 2)]),
        (lambda x: tempered(x, dim=(0, 2)), [(2, 2, 2)]),
        (lambda x: share_and_total(x, dim=1), [(2, 3)]),
        (lambda x: share_and_total(x, dim=1)[1], [(2, 3)]),
        (lambda x: share_and_total(x, dim=0, keepdim=True)[0], [(2, 3)]),
        (lambda x: share_and_total(x, dim=0), [()]),
        (lambda x: chosen(x, torch.tensor([[1], [0]]), dim=1), [(2, 3)]),
    ],
)
def test_gradients_to_second_order(function, shapes) -> None:
    assert_gradients(function, [RNG.uniform(0.3, 0.9, s) for s in shapes])


def test_values() -> None:
    x = torch.tensor([0.0, 1.0])
    np.testing.assert_allclose(bump(x).numpy(), [1.0, math.exp(-1)], rtol=1e-6)
    np.testing.assert_allclose(bump(x, 0.5).numpy(), [1.0, math.exp(-2)], rtol=1e-6)
    np.testing.assert_allclose(bump(x, width=torch.tensor(0.5)).numpy(), bump(x, 0.5).numpy())
    rows = tempered(torch.tensor([[0.0, 1.0]]), dim=1, heat=0.5).numpy()
    np.testing.assert_allclose(rows, [[0.11920292, 0.88079708]], rtol=1e-6)


def test_integers_bools_and_complex_numbers_are_operands_too() -> None:
    np.testing.assert_allclose(bump(torch.tensor([2])).numpy(), [math.exp(-4)], rtol=1e-6)
    np.testing.assert_allclose(bump(torch.tensor([True])).numpy(), [math.exp(-1)], rtol=1e-6)
    for whole in (
        torch.tensor([2]),
        torch.tensor([True]),
    ):  # what integers cannot hold is no integer
        found = bump(whole)
        assert (found.dtype, found.numpy().dtype) == (torch.float32, np.float32)

    @pointwise
    def energy(z):
        return z * conj(z)

    z = torch.tensor([1 + 2j], dtype=torch.complex128, requires_grad=True)
    energy(z).real.backward(torch.ones(1, dtype=torch.float64))
    assert z.grad.tolist() == [2 + 4j]
    parts = [RNG.uniform(0.3, 0.9, (3, 2))]
    assert_gradients(lambda x: energy(torch.view_as_complex(x)), parts)
    assert_gradients(lambda x: bump(torch.view_as_complex(x)), parts)


def test_a_gradient_given_by_hand_is_taken_and_differentiated() -> None:
    @pointwise
    def doubled(x):
        return x * x

    @doubled.gradient
    def _(g, x, y):
        return g * x * 3  # wrong on purpose: it shows

    x = torch.tensor([2.0], requires_grad=True)
    (g,) = torch.autograd.grad(doubled(x).sum(), x, create_graph=True)
    assert g.tolist() == [6.0]
    assert torch.autograd.grad(g.sum(), x)[0].tolist() == [3.0]


def test_a_formula_that_gives_its_operand_gives_memory_of_its_own() -> None:
    @pointwise
    def same(x):
        return x

    for function in (same, torch.floor, torch.nan_to_num):
        x = torch.tensor([1, 2])
        function(x).add_(5)
        assert x.tolist() == [1, 2]


def test_out_and_broadcasting() -> None:
    out = torch.empty(0)
    assert bump(torch.zeros(2, 1), out=out) is out
    assert out.tolist() == [[1.0], [1.0]]
    assert tuple(blend(torch.zeros(2, 1), torch.zeros(3), 1.0).shape) == (2, 3)
    with pytest.raises(RuntimeError, match="must match the size"):
        blend(torch.zeros(2), torch.zeros(3), 1.0)


def test_the_package_is_not_touched() -> None:
    before = torch.exp

    @pointwise
    def exp(x):
        return x + 1

    assert exp(torch.zeros(1)).tolist() == [1.0]
    assert NAMESPACES["torch"]["exp"] is before is torch.Tensor.exp
    assert OPERATIONS["exp"].function is before
    assert not hasattr(torch.Tensor, "bump")


class TestMisuseSaysWhatToDo:
    """Each message names the remedy."""

    x = torch.tensor([1.0, 2.0])

    @pytest.mark.parametrize(
        ("formula", "error", "remedy"),
        [
            (lambda x: x if x > 0 else -x, TypeError, r"write where\(condition, a, b\)"),
            (lambda x: x and 1.0, TypeError, r"write where\(condition, a, b\)"),
            (lambda x: np.exp(x), TypeError, "NumPy's exp .* flambeau.formula.primitive"),
            (lambda x: math.exp(x), TypeError, r"not those of math"),
            (
                lambda x: torch.exp(x),
                TypeError,
                "symbol of a formula: use the function of that name",
            ),
            (lambda x: x.exp(), AttributeError, r"write exp\(x\), with exp from"),
            (lambda x: x[0], TypeError, "index the tensor before it is passed"),
            (lambda x: next(iter(x)), TypeError, "one symbol, not a sequence"),
            (lambda x: None, TypeError, "returned None, which is no expression"),
            (lambda x: 1.0, TypeError, r"returned 1\.0, which is no expression"),
        ],
    )
    def test_in_the_formula(self, formula, error, remedy) -> None:
        formula.__name__ = "mine"
        with pytest.raises(error, match=remedy):
            pointwise(formula)(self.x)

    def test_in_its_signature(self) -> None:
        with pytest.raises(TypeError, match="name each of them"):

            @pointwise
            def wrong(x, *more):
                return x

    def test_in_the_call(self) -> None:
        with pytest.raises(TypeError, match="unexpected keyword argument 'wide'"):
            bump(self.x, wide=2)
        with pytest.raises(TypeError, match="it takes dim, keepdim, dtype, out, heat"):
            tempered(self.x, temperature=2)
        with pytest.raises(TypeError, match="options go by name"):
            tempered(self.x, 2.0)
        with pytest.raises(TypeError, match="must be Tensor, not str"):
            bump("text")
        with pytest.raises(IndexError, match="Dimension out of range"):
            tempered(self.x, dim=3)

    def test_a_parameter_that_wants_a_gradient(self) -> None:
        width = torch.tensor(1.0, requires_grad=True)
        with pytest.raises(TypeError, match="make it an operand"):
            bump(self.x, width=width)
        with pytest.raises(TypeError, match="make it an operand"):
            tempered(self.x, heat=width)
