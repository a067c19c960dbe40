"""Matrix products: values, gradients against NumPy, and errors."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from tests.ops.checker import assert_gradients


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 4), (4, 5)),
        ((4,), (4,)),
        ((3, 4), (4,)),
        ((4,), (4, 5)),
        ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 5)),
        ((5, 1, 3, 4), (2, 4, 5)),
    ],
)
def test_matmul_and_its_gradients(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left), rng.normal(size=right)
    x, y = (torch.from_numpy(v).requires_grad_() for v in (a, b))
    out = x @ y
    np.testing.assert_allclose(out.detach().numpy(), a @ b)
    weights = rng.normal(size=tuple(out.shape))
    out.backward(torch.from_numpy(weights))
    step = 1e-6
    for tensor, array, moved in ((x, a, lambda v: v @ b), (y, b, lambda v: a @ v)):
        assert tuple(tensor.grad.shape) == array.shape
        direction = rng.normal(size=array.shape)
        slope = (
            (moved(array + step * direction) - moved(array - step * direction)) * weights
        ).sum() / (2 * step)
        assert (tensor.grad.numpy() * direction).sum() == pytest.approx(slope, rel=1e-6)


def test_products_can_be_differentiated_twice() -> None:
    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    y = torch.tensor([[3.0], [4.0]], requires_grad=True)
    (gx,) = torch.autograd.grad((x @ y) ** 2, x, torch.ones(1, 1), create_graph=True)
    (gxx,) = torch.autograd.grad(gx.sum(), x)
    assert gx.tolist() == [[66.0, 88.0]]
    assert gxx.tolist() == [[42.0, 56.0]]


def test_einsum_agrees_with_numpy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    for equation in ("bij,bkj->bik", "bij,bkj->", "bij,bkj->kb"):
        got = torch.einsum(equation, torch.from_numpy(a), torch.from_numpy(b))
        np.testing.assert_allclose(got.numpy(), np.einsum(equation, a, b))
    square = rng.normal(size=(3, 3))
    np.testing.assert_allclose(
        torch.einsum("ii->i", torch.from_numpy(square)).numpy(), np.diag(square)
    )


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(
        RuntimeError, match=r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 4x5\)"
    ):
        torch.ones(2, 3) @ torch.ones(4, 5)
    with pytest.raises(RuntimeError, match="dtype"):
        torch.ones(2, 2) @ torch.ones(2, 2).double()


NAMES = {
    "addmm": ((2, 3), (2, 4), (4, 3)),
    "addmv": ((2,), (2, 4), (4,)),
    "addr": ((2, 3), (2,), (3,)),
    "baddbmm": ((2, 2, 3), (2, 2, 4), (2, 4, 3)),
    "addbmm": ((2, 3), (2, 2, 4), (2, 4, 3)),
}


@pytest.mark.parametrize("name", NAMES)
def test_products_that_are_added(name: str) -> None:
    """By factors, with gradients to second order, of complex numbers too, in place and with out=."""
    arrays = [np.random.default_rng(4).normal(size=s) for s in NAMES[name]]
    function = getattr(torch, name)
    assert_gradients(lambda *x: function(*x, beta=0.5, alpha=-2.0), arrays)
    assert function(
        torch.from_numpy(arrays[0]).requires_grad_(), *map(torch.from_numpy, arrays[1:])
    ).grad_fn.name() == (f"{name.capitalize()}Backward0")
    pairs = [np.stack([a, a[::-1]], -1) for a in arrays]
    assert_gradients(
        lambda *x: function(*map(torch.view_as_complex, x), beta=0.5 - 1j, alpha=1j), pairs
    )
    x, *factors = map(torch.from_numpy, arrays)
    want = function(x, *factors, beta=0.5, alpha=2)
    assert torch.equal(getattr(x.clone(), f"{name}_")(*factors, beta=0.5, alpha=2), want)
    out = torch.empty(0, dtype=torch.float64)
    assert function(x, *factors, beta=0.5, alpha=2, out=out) is out
    assert torch.equal(out, want)
    nothing = function(x * float("nan"), *factors, beta=0)
    assert torch.equal(nothing, function(x * 0, *factors))


STARTS = {
    "addmm": [(2, 3), (3,), (1, 3), (2, 1), (1,), ()],
    "addmv": [(2,), (1,), ()],
    "addr": [(2, 3), (3,)],
    "baddbmm": [(2, 2, 3), (2, 3), (3,), (1, 1, 3), (2, 1, 3), ()],
    "addbmm": [(2, 3), (3,), (1, 3), (2, 1), ()],
}
PRODUCTS = {
    "addr": np.outer,
    "addbmm": lambda x, y: np.matmul(x, y).sum(0),
}


@pytest.mark.parametrize(("name", "start"), [(n, s) for n in STARTS for s in STARTS[n]])
def test_products_added_to_what_broadcasts(name: str, start: tuple[int, ...]) -> None:
    """Without factors, with gradients to second order, of complex numbers and of views too."""
    rng = np.random.default_rng(7)
    arrays = [rng.normal(size=s) for s in (start, *NAMES[name][1:])]
    function = getattr(torch, name)
    given = [torch.from_numpy(a) for a in arrays]
    want = arrays[0] + PRODUCTS.get(name, np.matmul)(*arrays[1:])
    np.testing.assert_allclose(function(*given).numpy(), want, rtol=1e-13)
    turned = [torch.from_numpy(a.T.copy()).permute(*range(a.ndim)[::-1]) for a in arrays]
    np.testing.assert_allclose(function(*turned).numpy(), want, rtol=1e-13)
    assert_gradients(function, arrays)
    pairs = [np.stack([a, a[::-1] if a.ndim else -a], -1) for a in arrays]
    assert_gradients(lambda *x: function(*map(torch.view_as_complex, x)), pairs)


@pytest.mark.parametrize("name", STARTS)
@pytest.mark.parametrize("start", [(4,), (2, 2, 2, 3), (3, 3), (1, 2)])
def test_products_are_not_added_to_what_does_not_broadcast(name: str, start: tuple) -> None:
    factors = [torch.ones(*s) for s in NAMES[name][1:]]
    if name == "addmv" and start == (1, 2):
        start = (2, 2)
    with pytest.raises(RuntimeError):
        getattr(torch, name)(torch.ones(*start), *factors)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_products_are_added_in_float32(dtype: torch.dtype) -> None:
    """Products and sum are rounded once: 2048 + 1 + 1 in float16 is not 2048."""
    big = 2.0 / torch.finfo(dtype).eps
    start = torch.full((1, 1), big, dtype=dtype)
    x = torch.ones(1, 2, dtype=dtype)
    exact = start.double() + 2
    assert torch.addmm(start, x, x.t()).double().item() == exact.item()
    assert torch.addmm(start, x, x.t() * 0.75).dtype is dtype
    stack = torch.ones(2, 1, 1, dtype=dtype)
    assert torch.addbmm(start, stack, stack).double().item() == exact.item()


def test_products_of_integers_take_the_whole_part_of_factors() -> None:
    """Recorded from PyTorch."""
    one = torch.ones(2, 2, dtype=torch.int64)
    assert torch.addmm(one, one, one, beta=0.5, alpha=2.5).tolist() == [[4, 4], [4, 4]]
    with pytest.raises(RuntimeError, match="argument beta must not be a floating point"):
        torch.addr(one, one[0], one[0], beta=0.5)
    with pytest.raises(RuntimeError, match="must have the same dtype"):
        torch.addmm(one, one.double(), one.double())
    with pytest.raises(NotImplementedError, match="Bool"):
        torch.addmm(one.bool(), one.bool(), one.bool())


def test_complex_factors_reach_the_gradient_conjugated() -> None:
    """A factor that was traced as real first is not taken for the complex one."""
    for alpha in (2.0, 2.0 - 1j):
        x = torch.tensor([1 + 1j], dtype=torch.complex128, requires_grad=True)
        torch.add(torch.zeros_like(x), x, alpha=alpha).backward(torch.ones_like(x))
        assert x.grad.item() == np.conj(alpha)


@pytest.mark.parametrize("strategy", ["auto", "auto-hq", "greedy", "optimal", None])
def test_einsum_of_many_operands(strategy: str | None) -> None:
    """Every order gives the same; a size of 1 broadcasts, and dimensions may stand for "..."."""
    rng = np.random.default_rng(0)
    for equation, shapes in (
        ("ij,jk,kl->il", [(2, 9), (9, 3), (3, 7)]),
        ("bi,bij,j->b", [(4, 2), (4, 2, 3), (3,)]),
        ("...i,ij,jk,k...->...", [(5, 2), (2, 3), (3, 4), (4, 5)]),
        ("ij,jk,kl,lm,m->i", [(2, 3), (3, 4), (4, 5), (5, 6), (6,)]),
        ("i,j,k->kji", [(2,), (3,), (4,)]),
        (",ij,j->i", [(), (2, 3), (3,)]),
        ("ij,jk,kl->", [(2, 3), (3, 4), (4, 5)]),
    ):
        arrays = [rng.standard_normal(shape) for shape in shapes]
        tensors = [torch.from_numpy(a).requires_grad_() for a in arrays]
        with torch.backends.opt_einsum.flags(enabled=strategy is not None, strategy=strategy):
            got = torch.einsum(equation, *tensors)
        np.testing.assert_allclose(got.detach().numpy(), np.einsum(equation, *arrays), rtol=1e-9)
        got.sum().backward()
        assert all(x.grad is not None and x.grad.shape == x.shape for x in tensors)


def test_einsum_multiplies_in_the_order_that_costs_least() -> None:
    """From left to right this would make a matrix of 4000 x 4000."""
    x, y, z = torch.ones(4000, 1), torch.ones(1, 4000), torch.ones(4000, 2)
    with torch.profiler.profile(record_shapes=True) as prof:
        assert torch.einsum("ij,jk,kl->il", x, y, z)[0].tolist() == [4000, 4000]
    assert all(4000 * 4000 not in [np.prod(s) for s in e.input_shapes] for e in prof.events())


def test_einsum_flags() -> None:
    flags = torch.backends.opt_einsum
    assert flags.enabled
    assert flags.strategy == "auto"
    with flags.flags(enabled=False):
        assert not flags.enabled
        assert flags.strategy is None
        with pytest.raises(ValueError, match="does not make sense"):
            flags.strategy = "greedy"
    with pytest.raises(ValueError, match="must be one of"):
        flags.strategy = "best"
    assert flags.strategy == "auto"


def test_einsum_with_lists_of_dimensions() -> None:
    x, y = torch.arange(6.0).reshape(2, 3), torch.arange(12.0).reshape(3, 4)
    assert torch.einsum(x, [0, 1], y, [1, 2], [0, 2]).tolist() == (x @ y).tolist()
    assert torch.einsum(x, [0, 1], y, [1, 2]).tolist() == (x @ y).tolist()
    assert torch.einsum(x, [..., 0], [...]).tolist() == x.sum(1).tolist()
