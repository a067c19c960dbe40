"""Forward mode: dual tensors, views and writes, both orders of forward and reverse, Functions, checks.

Values beside calls are PyTorch's.
"""

from __future__ import annotations

import pytest

import flambeau as torch
import flambeau.autograd.forward_ad as fwAD
from flambeau.autograd.mode import mode

X = torch.tensor([1.0, 2.0])
T = torch.tensor([1.0, 3.0])


def tangent(f, x=X, t=T):
    """The tangent that a function gives, as numbers."""
    with fwAD.dual_level():
        return fwAD.unpack_dual(f(fwAD.make_dual(x, t))).tangent.tolist()


def test_duals_are_plain_outside_of_their_level() -> None:
    with fwAD.dual_level() as number:
        assert number == 0
        x = fwAD.make_dual(X, T)
        y = x * x
        assert (x.requires_grad, x.grad_fn, x.is_leaf, y.requires_grad) == (
            False,
            None,
            True,
            False,
        )
        assert repr(y) == "tensor([1., 4.], tangent=tensor([ 2., 12.]))"
        primal, along = fwAD.unpack_dual(y)
        assert (primal.tolist(), along.tolist()) == ([1.0, 4.0], [2.0, 12.0])
        assert fwAD.unpack_dual(primal).tangent is None
        assert fwAD.unpack_dual(X) == fwAD.UnpackedDualTensor(X, None)
        assert fwAD.unpack_dual(x > 1).tangent is None
        assert fwAD.unpack_dual(y.detach()).tangent is None
    assert fwAD.unpack_dual(y).tangent is None
    assert y._node is None
    assert repr(y * 1) == "tensor([1., 4.])"
    assert (mode.levels, mode.follow, mode.watchers) == ((), None, ())


def test_errors() -> None:
    with pytest.raises(RuntimeError, match="no level exists"):
        fwAD.make_dual(X, T)
    with pytest.raises(RuntimeError, match="Dual level must be a positive number"):
        fwAD.exit_dual_level()
    with fwAD.dual_level():
        with pytest.raises(RuntimeError, match="Nested forward mode AD is not supported"):
            fwAD.enter_dual_level()
        with pytest.raises(RuntimeError, match=r"Tensor is of size \[2\] .* is of size \[3\]"):
            fwAD.make_dual(X, torch.ones(3))
        with pytest.raises(ValueError, match=r"Expected primal .* torch\.int64"):
            fwAD.make_dual(torch.ones(2, dtype=torch.int64), T)
        with pytest.raises(RuntimeError, match="already has a forward gradient at the same level"):
            fwAD.make_dual(fwAD.make_dual(X, T), T)
        with pytest.raises(RuntimeError, match="Invalid level"):
            fwAD.make_dual(X, T, level=3)
        with pytest.raises(TypeError, match="must be Tensor, not int"):
            fwAD.unpack_dual(3)
        with pytest.raises(NotImplementedError, match="is an out= function"):
            torch.mul(fwAD.make_dual(X, T), 2, out=torch.empty(2))


def test_views_and_writes_carry_tangents() -> None:
    def written(x: torch.Tensor) -> torch.Tensor:
        whole = torch.zeros(3, 2)
        whole[0] = x
        row = whole[0]
        row.mul_(3)
        whole[1].copy_(x * x)
        whole.t()[1].sin_()
        return whole

    value = [[3.0, 0.0], [2.0, 0.0], [0.0, 0.0]]
    found = torch.tensor(tangent(written))
    cosines = torch.cos(torch.tensor([6.0, 4.0]))
    want = torch.tensor(value)
    want[:2, 1] = cosines * torch.tensor([9.0, 12.0])
    assert torch.allclose(found, want)
    assert tangent(lambda x: x.clone().mul_(x)) == [2.0, 12.0]
    assert tangent(lambda x: x.clone().fill_(5.0)) == [0.0, 0.0]
    assert tangent(lambda x: (x * 1).view(2, 1).expand(2, 2)[1]) == [3.0, 3.0]
    # A write leaves the direction that was given as it is; PyTorch writes into it.
    x, t = X.clone(), T.clone()
    assert tangent(lambda x: x.mul_(3), x, t) == [3.0, 9.0]
    assert (x.tolist(), t.tolist()) == ([3.0, 6.0], [1.0, 3.0])


def test_recording_and_tangents_are_switched_apart() -> None:
    assert tangent(torch.no_grad()(lambda x: x * x)) == [2.0, 12.0]
    w = torch.tensor([1.0, 1.0], requires_grad=True)
    with fwAD.dual_level():
        x = fwAD.make_dual(X, T)
        with torch.no_grad():
            assert not torch.is_grad_enabled()
            assert not (w * x).requires_grad
            assert fwAD.unpack_dual(w * x).tangent.tolist() == [1.0, 3.0]
            w.add_(1)  # not recorded: a leaf may be written to
        assert w.requires_grad
        with fwAD._set_fwd_grad_enabled(False):
            assert not fwAD._is_fwd_grad_enabled()
            assert not (x * x).requires_grad
            off = x * x
        assert fwAD.unpack_dual(off).tangent is None
        with torch.inference_mode():
            assert fwAD.unpack_dual(x * 2).tangent is None


def test_forward_over_reverse_and_reverse_over_forward() -> None:
    x = torch.tensor([3.0, 4.0], requires_grad=True)
    with fwAD.dual_level():
        y = (fwAD.make_dual(x, torch.tensor([1.0, 2.0])) ** 3).sum()
        (g,) = torch.autograd.grad(y, x)
        assert fwAD.unpack_dual(g).tangent.tolist() == [18.0, 48.0]
        assert not g.requires_grad
    with fwAD.dual_level():
        y = fwAD.unpack_dual((fwAD.make_dual(x, torch.ones(2)) ** 3).sum()).tangent
        y.backward()
    assert x.grad.tolist() == [18.0, 24.0]
    with fwAD.dual_level():
        x.grad = None
        (fwAD.make_dual(x, torch.ones(2)) ** 2).sum().backward()
        assert fwAD.unpack_dual(x.grad).tangent is None
    with fwAD.dual_level():
        leaf = fwAD.make_dual(X, T).requires_grad_()
        assert fwAD.unpack_dual(leaf * 2).tangent.tolist() == [2.0, 6.0]


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b, factor):
        ctx.save_for_forward(a, b)
        ctx.save_for_backward(b, a)
        return a * b, a + 1, factor

    @staticmethod
    def backward(ctx, g, h, _):
        b, a = ctx.saved_tensors
        return g * b + h, g * a, None

    @staticmethod
    def jvp(ctx, ta, tb, factor):
        assert factor is None
        a, b = ctx.saved_tensors
        return ta * b + tb * a, ta, None


def test_a_function_has_its_jvp() -> None:
    with fwAD.dual_level():
        product, moved, factor = Product.apply(fwAD.make_dual(X, T), torch.tensor([5.0, 7.0]), 3)
        assert fwAD.unpack_dual(product).tangent.tolist() == [5.0, 21.0]
        assert fwAD.unpack_dual(moved).tangent.tolist() == [1.0, 3.0]
        assert factor == 3

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def jvp(ctx, t):
            return t.new_ones(3)

    with pytest.raises(RuntimeError, match=r"Tensor is of size \[2\] while .* of size \[3\]"):
        tangent(Wrong.apply)

    class Square(torch.autograd.Function):  # no jvp: it has it from its backward
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    assert tangent(Square.apply) == [2.0, 12.0]
    value, along = torch.func.linearize(lambda x: Product.apply(x, x, 1)[0], X)
    assert (value.tolist(), along(T).tolist()) == ([1.0, 4.0], [2.0, 12.0])


def test_a_bilinear_form_of_a_complex_number() -> None:
    z, t = torch.tensor(1 + 2j), torch.tensor(1 - 1j)
    with fwAD.dual_level():
        x = fwAD.make_dual(z, t)
        assert fwAD.unpack_dual(x * x).tangent.item() == 2 * (1 + 2j) * (1 - 1j)
        assert fwAD.unpack_dual(x.conj() * x).tangent.item() == 2 * (1 - 2)
        assert fwAD.unpack_dual(x.imag).tangent.item() == -1.0
        assert fwAD.unpack_dual(torch.view_as_real(x)).tangent.tolist() == [1.0, -1.0]
        assert fwAD.unpack_dual(x.abs()).tangent.item() == pytest.approx((1 - 2) / 5**0.5)


def test_gradcheck_looks_forward() -> None:
    check = torch.autograd.gradcheck
    x = torch.tensor([0.3, 0.6], dtype=torch.float64, requires_grad=True)
    z = torch.tensor([1 + 2j, 2 - 1j], dtype=torch.complex128, requires_grad=True)
    forward = {"check_forward_ad": True, "check_batched_forward_grad": True}
    assert check(lambda x, z: (x * z).abs() * x, (x, z), **forward)
    assert check(torch.exp, x, fast_mode=True, check_backward_ad=False, **forward)
    assert torch.autograd.gradgradcheck(lambda x: x.softmax(0) * x, x, check_fwd_over_rev=True)
    with pytest.raises(AssertionError, match="requires check_forward_ad"):
        check(torch.exp, x, check_batched_forward_grad=True)

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def jvp(ctx, t):
            return t * 3

    for fast in (False, True):
        with pytest.raises(torch.autograd.GradcheckError, match="computed with forward mode"):
            check(
                Wrong.apply, x, check_forward_ad=True, check_backward_ad=False, fast_mode=fast,
                check_undefined_grad=False,
            )  # fmt: skip
