"""Backward: accumulation, freeing, hooks, custom functions, in-place history, deep graphs."""

from __future__ import annotations

import gc
import weakref

import pytest

import flambeau as torch


def leaf(*values: float) -> torch.Tensor:
    return torch.tensor(list(values), requires_grad=True)


def test_grads_accumulate_and_do_not_share_memory() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).sum().backward()
    x.grad.add_(10)
    assert y.grad.tolist() == [1.0, 1.0]
    (x * 2).sum().backward()
    assert x.grad.tolist() == [13.0, 13.0]


def test_a_given_gradient_stays_the_users() -> None:
    x, g = leaf(1.0, 2.0), torch.ones(2)
    (x + 0).backward(g)
    x.grad.zero_()
    assert g.tolist() == [1.0, 1.0]


def test_twice_needs_retain_graph() -> None:
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_what_saved_nothing_can_go_back_twice() -> None:
    x = leaf(2.0)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0]


def test_gradients_of_gradients() -> None:
    x = leaf(2.0)
    (first,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    assert (first.item(), second.item(), third.item()) == (12.0, 12.0, 6.0)


def test_unused_inputs() -> None:
    x, y = leaf(1.0), leaf(1.0)
    out = (x * 2).sum()
    with pytest.raises(RuntimeError, match="allow_unused"):
        torch.autograd.grad(out, [x, y], retain_graph=True)
    assert torch.autograd.grad(out, [x, y], allow_unused=True, retain_graph=True)[1] is None
    assert torch.autograd.grad(out, [x, y], materialize_grads=True)[1].tolist() == [0.0]


def test_a_saved_value_that_was_modified_is_found() -> None:
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_leaves_and_their_views_are_not_written_in_place() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="a view of a leaf"):
        x[0:1].add_(1)
    assert x.tolist() == [1.0, 2.0]


def test_writing_a_view_changes_its_bases_history() -> None:
    x = leaf(2.0, 3.0)
    base = torch.zeros(3)
    other = base[0:2]
    part = base[1:]
    part.add_(x)
    assert (base.grad_fn.name(), other.grad_fn.name()) == ("CopySlices", "AsStridedBackward0")
    (base * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [10.0, 100.0]


def test_multiplying_a_view_in_place() -> None:
    x, w = leaf(1.0, 2.0, 3.0), leaf(5.0, 6.0)
    base = x * 1
    base[1:].mul_(w)
    base.sum().backward()
    assert x.grad.tolist() == [1.0, 5.0, 6.0]
    assert w.grad.tolist() == [2.0, 3.0]


def test_tensor_hooks_and_retained_grads() -> None:
    x = leaf(1.0)
    y = x * 3
    y.retain_grad()
    handle = x.register_hook(lambda g: g * 10)
    (y * 2).backward()
    assert (y.grad.item(), x.grad.item()) == (2.0, 60.0)
    handle.remove()
    (x * 1).backward()
    assert x.grad.item() == 61.0


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


def test_custom_functions_to_second_order() -> None:
    x = leaf(2.0)
    y = Cube.apply(x)
    assert y.grad_fn.name() == "CubeBackward"
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    first.backward()
    assert (first.item(), x.grad.item()) == (12.0, 12.0)


def test_no_grad_as_context_decorator_and_on_generators() -> None:
    x = leaf(1.0)

    @torch.no_grad()
    def doubled():
        return (x * 2).requires_grad

    @torch.no_grad()
    def stream():
        yield (x * 2).requires_grad
        yield (x * 2).requires_grad

    assert not doubled()
    seen = [(inside, (x * 2).requires_grad) for inside in stream()]
    assert seen == [(False, True), (False, True)]


def test_deep_graphs_neither_recurse_nor_leak() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1.0
    del y


def test_graphs_are_freed_without_the_collector() -> None:
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = (x.exp() * 2).view(2, 1)
        alive = weakref.ref(y.grad_fn)
        y.sum().backward()
        del y
        assert alive() is None
    finally:
        gc.enable()
