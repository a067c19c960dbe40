"""Graphs are freed by reference counting alone, and long ones neither recurse nor leak."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.utils.checkpoint import checkpoint


@pytest.fixture(autouse=True)
def _no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class KeepsBoth(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x * 1
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * (x / y)


LONG = {
    "add": lambda y: y + 1,
    "mul": lambda y: y * 1.0,
    "exp": lambda y: (y * 0).exp(),
    "view": lambda y: y.view(1),
    "split": lambda y: y.split(1)[0],
    "function": KeepsBoth.apply,
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("back", [True, False])
def test_a_graph_of_a_hundred_thousand_operations(name, back) -> None:
    x = torch.ones(1, requires_grad=True)
    y, step = x, LONG[name]
    for _ in range(100_000 if name in ("add", "view") else 20_000):
        y = step(y)
    if back:
        y.backward()
        assert x.grad.item() == (0.0 if name == "exp" else 1.0)
    node = weakref.ref(y.grad_fn)
    del y
    assert node() is None


@pytest.mark.skipif(
    sys.version_info[:2] == (3, 13),
    reason="CPython 3.13 frees 10,000 levels of nested objects, of any class, before it looks for a "
    "flat way, whatever the thread's stack; 3.12 did so after 50, and 3.14 looks at the stack",
)
def test_long_graphs_fit_a_small_stack() -> None:
    failed = []

    def work() -> None:
        x = torch.ones(1, requires_grad=True)
        y = x
        for _ in range(100_000):
            y = y * 1.0
        node = weakref.ref(y.grad_fn)
        del y
        failed.append(node() is not None)

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert failed == [False]


def test_a_long_history_of_writes_to_a_view() -> None:
    x = torch.ones(1, requires_grad=True)
    b = torch.ones(3)
    for _ in range(5_000):
        b[0:1].mul_(x)
    b.sum().backward()
    assert x.grad.item() == 5_000.0
    node = weakref.ref(b.grad_fn)
    del b
    assert node() is None


def test_long_graphs_with_create_graph_and_retain_graph() -> None:
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    y.backward(retain_graph=True)
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    assert (x.grad.item(), g.item()) == (1.0, 1.0)
    node = weakref.ref(y.grad_fn)
    del y, g
    assert node() is None


def hooked(x):
    y = x * 2
    y.register_hook(lambda g: g * 2)
    y.grad_fn.register_hook(lambda ins, outs: None)
    y.retain_grad()
    return y.exp()


def packed(x):
    with torch.autograd.graph.saved_tensors_hooks(lambda t: [t], lambda p: p[0]):
        return KeepsBoth.apply(x.exp()).tanh()


def written(x):
    b = x * 1
    v = b.view(2)
    v[0:1].mul_(x[1:])
    AddInPlace.apply(v)
    return b.exp()


class AddInPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x.add_(1)

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


def anomalous(x):
    with torch.autograd.set_detect_anomaly(True):
        return x.exp() * 2


def checkpointed(x):
    return checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False)


def reentrant(x):
    return checkpoint(lambda x: x.exp().sin(), x, use_reentrant=True)


def nested(x):
    def outer(x):
        return checkpoint(lambda x: x.exp().sin(), x * 2, use_reentrant=False)

    return checkpoint(outer, x, use_reentrant=False)


def network(x):
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.LayerNorm(3), nn.Linear(3, 1))(x)


@pytest.mark.parametrize("back", ["no", "once", "retained", "created"])
@pytest.mark.parametrize(
    "function",
    [
        hooked,
        packed,
        written,
        anomalous,
        checkpointed,
        reentrant,
        nested,
        network,
        torch.softmax,
        torch.sort,
    ],
)
def test_nothing_is_left_of_a_graph(function, back) -> None:
    if function is reentrant and back == "created":
        back = "no"  # it cannot be differentiated twice
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = function(x, 0) if function is torch.softmax else function(x)
    y = y[0] if isinstance(y, tuple) else y
    z = y.sum()
    alive = [weakref.ref(z.grad_fn), weakref.ref(y.grad_fn), weakref.ref(y)]
    if back == "once":
        z.backward()
    elif back == "retained":
        z.backward(retain_graph=True)
    elif back == "created":
        g = torch.autograd.grad(z, x, create_graph=True)
        del g
    del y, z
    assert [ref() for ref in alive] == [None] * 3


def test_backward_frees_what_was_saved_as_it_goes() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x.exp()
    array = weakref.ref(y._array)
    z = (y * y).sum()
    del y
    assert array() is not None
    z.backward()
    assert array() is None
    assert z.grad_fn is not None
