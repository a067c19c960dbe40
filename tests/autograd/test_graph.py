"""autograd.graph: saved-tensor hooks, edges, hooks on several tensors."""

from __future__ import annotations

import gc
import weakref

import pytest

import flambeau as torch
from flambeau.autograd import graph


def leaf(*values: float) -> torch.Tensor:
    return torch.tensor(list(values), requires_grad=True)


def through_lists():
    return graph.saved_tensors_hooks(
        lambda t: (t.tolist(), t.dtype), lambda packed: torch.tensor(packed[0], dtype=packed[1])
    )


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        product = x * y
        ctx.save_for_backward(x, None, product, y)
        return product

    @staticmethod
    def backward(ctx, g):
        x, none, product, y = ctx.saved_tensors
        assert none is None
        return g * product / x, g * product / y


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x * y,
        lambda x, y: x.exp() + y.tanh(),
        lambda x, y: x @ y,
        lambda x, y: torch.softmax(x * y, 0),
        lambda x, y: torch.cat([x, y]).sort()[0] * x[0],
        lambda x, y: x.max() * y[torch.tensor([1, 0])],
        lambda x, y: torch.nn.functional.mse_loss(x, y),
        lambda x, y: (x * 1).mul_(y),
        Scale.apply,
    ],
)
def test_every_kind_of_node_saves_through_the_hooks(function) -> None:
    def gradients(hooks: bool, create: bool):
        x, y = leaf(0.5, 2.0), leaf(3.0, -1.0)
        packed = []
        if hooks:
            pack = graph.saved_tensors_hooks(
                lambda t: (packed.append(1), t.tolist(), t.dtype)[1:],
                lambda p: torch.tensor(p[0], dtype=p[1]),
            )
            with pack:
                z = function(x, y).sum()
            assert packed
        else:
            z = function(x, y).sum()
        found = torch.autograd.grad(z, [x, y], create_graph=create)
        if create:
            found = torch.autograd.grad(
                sum((g * g).sum() for g in found), [x, y], materialize_grads=True
            )
        return [g.tolist() for g in found]

    for create in (False, True):
        assert gradients(True, create) == gradients(False, create)


def test_hooks_of_an_inner_block_hide_the_outer_ones() -> None:
    log = []

    def hooks(name: str):
        return graph.saved_tensors_hooks(
            lambda t: (log.append(f"pack {name}"), t)[1],
            lambda t: (log.append(f"unpack {name}"), t)[1],
        )

    x = leaf(1.0)
    with hooks("outer"):
        y = x.exp()
        with hooks("inner"):
            z = y.exp()
    z.exp().backward()
    assert log == ["pack outer", "pack inner", "unpack inner", "unpack outer"]


def test_pack_sees_tensors_and_records_nothing() -> None:
    seen = []
    x = leaf(1.0, 2.0)
    with graph.saved_tensors_hooks(
        lambda t: (seen.append((t * 2).requires_grad), t)[1], lambda t: t
    ):
        x.exp()
    assert seen == [False]


def test_what_the_hooks_may_not_do() -> None:
    x = leaf(1.0)
    with (
        pytest.raises(RuntimeError, match="pack hook is modifying its input in place"),
        graph.saved_tensors_hooks(lambda t: t.add_(1), lambda t: t),
    ):
        x.exp()
    with graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
        y = x.exp()
    with pytest.raises(
        TypeError, match="unpack_hook expected to be a Tensor but got result of type int"
    ):
        y.backward()


def test_packed_values_may_be_modified() -> None:
    x = leaf(1.0)
    with graph.allow_mutation_on_saved_tensors() as mutations:
        y = x.clone()
        z = (y * y).sum()
        y.mul_(10)
    z.backward()
    mutations.clear()
    assert x.grad.tolist() == [2.0]


def test_hooks_can_be_forbidden() -> None:
    with (
        graph.disable_saved_tensors_hooks("not here"),
        pytest.raises(RuntimeError, match="not here"),
        through_lists(),
    ):
        pass
    with (
        through_lists(),
        pytest.raises(RuntimeError, match="no"),
        graph.disable_saved_tensors_hooks("no"),
    ):
        pass
    with through_lists():
        leaf(1.0).exp().backward()


def test_save_on_cpu_keeps_copies() -> None:
    x = leaf(1.0, 2.0)
    with graph.save_on_cpu():
        y = (x * x).sum()
    with torch.no_grad():
        x.zero_()
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]
    with pytest.raises(RuntimeError, match="pin_memory"):
        graph.save_on_cpu(pin_memory=True)


def test_packed_objects_live_as_long_as_the_graph_needs_them() -> None:
    class Packed:
        def __init__(self, tensor):
            self.tensor = tensor

    alive = []
    gc.disable()
    try:
        x = leaf(1.0)
        for run in (True, False):
            alive.clear()
            with graph.saved_tensors_hooks(
                lambda t: (p := Packed(t), alive.append(weakref.ref(p)))[0], lambda p: p.tensor
            ):
                y = Scale.apply(x.exp(), x)
            assert all(ref() is not None for ref in alive)
            if run:
                y.backward()
            else:
                del y
            assert all(ref() is None for ref in alive)
    finally:
        gc.enable()


def test_pack_may_return_nothing_at_all() -> None:
    kept = []
    x = leaf(2.0)
    with graph.saved_tensors_hooks(lambda t: kept.append(t), lambda nothing: kept.pop()):
        y = x.exp()
        z = Scale.apply(y, y)
    (g,) = torch.autograd.grad(z, y)
    assert g.item() == pytest.approx(2 * 7.389056)


# ----------------------------------------------------------------------- edges and multi hooks


def test_edges_name_node_and_output() -> None:
    x = leaf(2.0, 1.0)
    values, _ = torch.sort(x)
    first, second = (x * 1).split(1)
    assert graph.get_gradient_edge(values) == (values.grad_fn, 0)
    assert graph.get_gradient_edge(second) == (first.grad_fn, 1)
    assert graph.get_gradient_edge(x).node.variable is x
    with pytest.raises(RuntimeError, match="does not require gradients"):
        graph.get_gradient_edge(torch.ones(1))


def test_a_hook_on_several_tensors_waits_for_all_that_will_come() -> None:
    calls = []
    x, y, z = leaf(1.0), leaf(2.0), leaf(3.0)
    handle = graph.register_multi_grad_hook(
        [x, y, z], lambda gs: calls.append([g if g is None else g.item() for g in gs])
    )
    (x * y).backward()
    (x * y * z).backward()
    (x * 5).backward()
    assert calls == [[2.0, 1.0, None], [6.0, 3.0, 2.0], [5.0, None, None]]
    torch.autograd.grad(x * y, x)
    assert calls[3:] == [[2.0, None, None]]
    handle.remove()
    (x * y).backward()
    assert len(calls) == 4


def test_a_hook_on_any_of_several_tensors_runs_once_a_backward() -> None:
    calls = []
    x, y = leaf(1.0), leaf(2.0)
    graph.register_multi_grad_hook([x, y], lambda g: calls.append(g.item()), mode="any")
    z = x * 3 + y * 3
    z.backward(retain_graph=True)
    z.backward()
    assert calls == [3.0, 3.0]
    with pytest.raises(ValueError, match="Expects mode to be one of"):
        graph.register_multi_grad_hook([x], print, mode="some")


def test_increment_version_makes_saved_values_stale() -> None:
    x = leaf(1.0)
    w = torch.ones(1)
    y = x * w
    graph.increment_version(w)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    graph.increment_version([w, x.detach()])
    assert (w._version, x._version) == (2, 1)


def test_every_new_node_is_shown():
    x = torch.ones(2, requires_grad=True)
    seen, outer = [], []
    with torch.autograd.graph.node_creation_hook(lambda node: outer.append(node.name())):
        y = (x * 2).exp()
        with torch.autograd.graph.node_creation_hook(seen.append):
            z = torch.stack([y, y]).sum()
            _ = y.detach() * 3
            y.add_(1)
    _ = x * 2
    assert [node.name() for node in seen] == ["StackBackward0", "SumBackward0", "AddBackward0"]
    assert seen[1] is z.grad_fn
    assert outer == [
        "torch::autograd::AccumulateGrad",
        "MulBackward0",
        "ExpBackward0",
        *(n.name() for n in seen),
    ]
    with (
        torch.autograd.graph.node_creation_hook(lambda node: x * 2),
        pytest.raises(RuntimeError, match="only look at its node"),
    ):
        x.exp()
