"""Hooks of tensors and nodes: order, replacement, what they may return."""

from __future__ import annotations

import pytest

import flambeau as torch


def leaf(*values: float) -> torch.Tensor:
    return torch.tensor(list(values), requires_grad=True)


def five(like: torch.Tensor) -> torch.Tensor:
    return torch.full((2,), 5.0)


def test_hooks_run_in_pytorchs_order() -> None:
    log = []
    x = leaf(1.0, 2.0)
    y = x * 2
    y.grad_fn.register_hook(lambda ins, outs: log.append("post"))
    y.grad_fn.register_prehook(lambda outs: log.append("pre"))
    y.retain_grad()
    y.register_hook(lambda g: log.append("first"))
    y.register_hook(lambda g: (log.append("second"), g * 3)[1])
    x.register_hook(lambda g: log.append("leaf"))
    x.register_post_accumulate_grad_hook(lambda t: log.append(t.grad.tolist()))
    y.sum().backward()
    assert log == ["first", "second", "pre", "post", "leaf", [6.0, 6.0]]
    assert y.grad.tolist() == [3.0, 3.0]
    assert x.grad.tolist() == [6.0, 6.0]


def test_a_tensors_hooks_run_where_its_gradient_is_only_caught() -> None:
    log = []
    x = leaf(1.0, 2.0)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    x.register_post_accumulate_grad_hook(lambda t: log.append("after"))
    assert torch.autograd.grad(y.sum(), y, retain_graph=True)[0].tolist() == [10.0, 10.0]
    assert torch.autograd.grad(y.sum(), x, retain_graph=True)[0].tolist() == [20.0, 20.0]
    assert log == []
    y.sum().backward(inputs=[x])
    assert log == ["after"]
    assert x.grad.tolist() == [20.0, 20.0]


@pytest.mark.parametrize(
    ("result", "error", "text"),
    [
        (3, TypeError, "expected Variable, but hook returned 'int'"),
        (torch.ones(3), RuntimeError, "hook 'replace' has changed the size of value"),
        (torch.ones(1), RuntimeError, "hook 'replace' has changed the size of value"),
        (torch.ones(2).double(), RuntimeError, "hook 'replace' has changed the type of value"),
    ],
)
def test_what_a_tensor_hook_returns_is_checked(result, error, text) -> None:
    def replace(g):
        return result

    x = leaf(1.0, 2.0)
    x.register_hook(replace)
    with pytest.raises(error, match=text):
        (x * 2).sum().backward()


@pytest.mark.parametrize(
    ("result", "error", "text"),
    [
        ((torch.ones(2),), RuntimeError, "incorrect number of values .got 1, but expected 2"),
        ((torch.ones(3), None), RuntimeError, "has changed the size of value"),
        (torch.ones(2), TypeError, "expected tuple, but hook returned 'Tensor'"),
        ((3, None), TypeError, "expected Variable, but hook returned 'int'"),
    ],
)
def test_what_a_node_hook_returns_is_checked(result, error, text) -> None:
    y = leaf(1.0, 2.0) * 2
    y.grad_fn.register_hook(lambda ins, outs: result)
    with pytest.raises(error, match=text):
        y.sum().backward()


@pytest.mark.parametrize(
    ("result", "error"),
    [
        ((torch.ones(2), None), RuntimeError),
        ((torch.ones(3),), RuntimeError),
        (torch.ones(2), TypeError),
    ],
)
def test_what_a_node_prehook_returns_is_checked(result, error) -> None:
    y = leaf(1.0, 2.0) * 2
    y.grad_fn.register_prehook(lambda outs: result)
    with pytest.raises(error):
        y.sum().backward()


def test_node_hooks_replace_gradients_and_see_one_for_each_operand() -> None:
    seen = []
    x = leaf(1.0, 2.0)
    y = x * 2
    handle = y.grad_fn.register_hook(
        lambda ins, outs: (seen.append((ins, outs)), (five(x), None))[1]
    )
    y.sum().backward(retain_graph=True)
    ins, outs = seen[0]
    assert [g if g is None else g.tolist() for g in ins] == [[2.0, 2.0], None]
    assert [g.tolist() for g in outs] == [[1.0, 1.0]]
    assert x.grad.tolist() == [5.0, 5.0]
    handle.remove()
    with y.grad_fn.register_prehook(lambda outs: (five(x),)):
        y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [15.0, 15.0]
    y.sum().backward()
    assert x.grad.tolist() == [17.0, 17.0]


def test_hooks_see_tensors_with_history_under_create_graph() -> None:
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    assert (g.item(), h.item()) == (8.0, 8.0)  # d(2x²)/dx = 4x


def test_hooks_of_outputs_of_one_node_are_apart() -> None:
    log = []
    x = leaf(1.0, 2.0, 3.0)
    a, b = (x * 1).split([1, 2])
    a.register_hook(lambda g: log.append(("a", g.tolist())))
    b.register_hook(lambda g: log.append(("b", g.tolist())))
    b.sum().backward(retain_graph=True)
    (a.sum() * 2 + b.sum()).backward()
    assert log == [("b", [1.0, 1.0]), ("a", [2.0]), ("b", [1.0, 1.0])]


def test_hooks_stay_with_the_value_they_were_registered_on() -> None:
    log = []
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: log.append(("old", g.item())))
    y.mul_(3)
    y.register_hook(lambda g: log.append(("new", g.item())))
    y.backward()
    assert log == [("new", 1.0), ("old", 3.0)]


def test_retain_grad_is_about_the_newest_value() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    y.sum().backward()
    assert y.grad.tolist() == [1.0, 1.0]
    b = x * 1
    b.retain_grad()
    b[0:1].mul_(2)
    b.sum().backward()
    assert b.grad.tolist() == [1.0, 1.0]


def test_hooks_need_gradients() -> None:
    x = torch.ones(1)
    message = "cannot register a hook on a tensor that doesn't require gradient"
    with pytest.raises(RuntimeError, match=message):
        x.register_hook(print)
    with pytest.raises(RuntimeError, match=message):
        x.register_post_accumulate_grad_hook(print)
    with pytest.raises(RuntimeError, match="cannot be registered on non-leaf tensors"):
        (leaf(1.0) * 2).register_post_accumulate_grad_hook(print)
    with pytest.raises(
        RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"
    ):
        x.retain_grad()


def test_node_prehooks_run_only_where_the_node_runs() -> None:
    log = []
    x = leaf(1.0, 2.0)
    y = x * 2
    y.grad_fn.register_prehook(lambda outs: log.append("pre"))
    torch.autograd.grad(y.sum(), y, retain_graph=True)
    assert log == []
    torch.autograd.grad(y.sum(), [x, y], retain_graph=True)
    assert log == ["pre"]


def test_hooks_of_the_node_that_accumulates() -> None:
    log = []
    x = leaf(1.0, 1.0)
    accumulate = x.expand_as(x).grad_fn.next_functions[0][0]
    accumulate.register_prehook(lambda outs: (outs[0] * 3,))
    accumulate.register_hook(lambda ins, outs: log.append((ins, outs[0].tolist(), x.grad.tolist())))
    (x * 2).sum().backward()
    assert log == [((), [6.0, 6.0], [6.0, 6.0])]
    (x * 2).sum().backward(create_graph=True)
    assert log[1] == ((), [6.0, 6.0], [12.0, 12.0])
    assert torch.autograd.grad((x * 2).sum(), x)[0].tolist() == [2.0, 2.0]
    assert len(log) == 2


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_of_a_tensor_see_one_object(create_graph: bool) -> None:
    """Libraries that explain predictions leave notes on a gradient for the next hook."""
    seen = []
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(seen.append)
    y.register_hook(lambda g: seen.append(g) or g * 3)
    y.register_hook(seen.append)
    y.register_hook(lambda g: setattr(g, "note", "left") or seen.append(g))
    y.sum().backward(create_graph=create_graph)
    assert seen[0] is seen[1]
    assert seen[2] is seen[3]
    assert seen[2].note == "left"
    assert x.grad.tolist() == [6.0, 6.0]
