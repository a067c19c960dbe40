"""Every operation under jvp and vmap: tangents against differences and against the gradient, batches against loops."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.func import jvp, vmap
from tests.func.walk import DRAWN, PAGE, calls, directions, is_mapped, outputs, page, tensors

pytestmark = pytest.mark.filterwarnings("ignore:index_reduce.. is in beta:UserWarning")

CALLS = calls()
STEP = 1e-6


def close(got: torch.Tensor, want: torch.Tensor, tolerance: float) -> None:
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CALLS)
def test_tangents(name: str) -> None:
    """Of one direction: the central difference; and <v, J u> = <J' v, u>, for the gradient's J'."""
    function, arrays = CALLS[name]
    along = directions(arrays)

    def values(*xs: torch.Tensor) -> tuple:
        return tuple(outputs(function(*xs)))

    found, slopes = jvp(values, tuple(tensors(arrays)), tuple(along))
    ahead, behind = (
        values(*(x + sign * STEP * u for x, u in zip(tensors(arrays), along))) for sign in (1, -1)
    )
    for y, slope, a, b in zip(found, slopes, ahead, behind, strict=True):
        assert not slope.requires_grad
        assert slope.dtype is y.dtype
        if name not in DRAWN:
            close(slope, (a - b) / (2 * STEP), 2e-5)
    given = [x.requires_grad_() for x in tensors(arrays)]
    weights = [torch.full_like(y, 0.5 + i) for i, y in enumerate(found)]
    pairs = [(y, w) for y, w in zip(values(*given), weights) if y.requires_grad]
    back = torch.autograd.grad(
        [y for y, _ in pairs], given, [w for _, w in pairs], materialize_grads=True
    )
    forward = sum((w.conj() * slope).sum().real for w, slope in zip(weights, slopes))
    reverse = sum((g.conj() * u).sum().real for g, u in zip(back, along))
    assert float(forward) == pytest.approx(float(reverse), rel=1e-9, abs=1e-9)


MAPPED = sorted(filter(is_mapped, CALLS))
FORMULAS = [name for name in MAPPED if name.startswith("formula ")]
"""They have one rule of vmap: a part of them is tried."""


@pytest.mark.parametrize("name", [*FORMULAS[::4], *(n for n in MAPPED if n not in FORMULAS)])
def test_batches(name: str) -> None:
    """vmap over the first and the last dimension, nested, and with jvp inside, against single calls."""
    function, arrays = CALLS[name]
    single = tensors(arrays)
    other = [x.flip(0) * 0.99 if x.ndim else x * 0.99 for x in single]

    def values(*xs: torch.Tensor) -> tuple:
        return tuple(outputs(function(*xs)))

    want = [torch.stack(pair) for pair in zip(values(*single), values(*other))]
    first = [torch.stack(pair) for pair in zip(single, other)]
    last = [torch.stack(pair, -1) for pair in zip(single, other)]
    for got in (vmap(values)(*first), vmap(values, in_dims=-1)(*last)):
        for y, w in zip(got, want, strict=True):
            close(y, w, 1e-9)
    nested = vmap(vmap(values))(*(x[None] for x in first))
    for y, w in zip(nested, want, strict=True):
        close(y[0], w, 1e-9)


@pytest.mark.parametrize("name", MAPPED[::7])
def test_compositions(name: str) -> None:
    """jvp inside vmap, and vmap inside jvp, against jvp of single calls."""
    function, arrays = CALLS[name]
    single, along = tensors(arrays), directions(arrays)
    batch = [torch.stack([x, x * 0.99]) for x in single]
    ways = [torch.stack([u, u * 0.5]) for u in along]

    def values(*xs: torch.Tensor) -> tuple:
        return tuple(outputs(function(*xs)))

    def slopes(xs: tuple, us: tuple) -> tuple:
        return jvp(values, xs, us)[1]

    each = [slopes(tuple(x[i] for x in batch), tuple(u[i] for u in ways)) for i in (0, 1)]
    inside = vmap(slopes)(tuple(batch), tuple(ways))
    outside = jvp(vmap(values), tuple(batch), tuple(ways))[1]
    for a, b, *parts in zip(inside, outside, *each, strict=True):
        close(a, torch.stack(parts), 1e-9)
        close(b, torch.stack(parts), 1e-9)


@pytest.mark.skipif(not kernels.enabled(), reason="grid_sample is a composite without kernels")
def test_the_table_is_current() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.func.walk"


def test_the_checks_go_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: a tangent that is 1 % off, and a batch whose samples are exchanged."""
    from flambeau.dispatch.formula.formula_node import FormulaNode
    from flambeau.func.batched import Mapping

    right = FormulaNode.tangents
    with monkeypatch.context() as patch:
        patch.setattr(FormulaNode, "tangents", lambda *args: [t * 1.01 for t in right(*args)])
        with pytest.raises(AssertionError):
            test_tangents("formula tanh")
    wrap = Mapping.wrap
    with monkeypatch.context() as patch:
        patch.setattr(
            Mapping, "wrap", lambda self, x: wrap(self, x.flip(0) if torch.is_tensor(x) else x)
        )
        with pytest.raises(AssertionError):
            test_batches("formula tanh")
