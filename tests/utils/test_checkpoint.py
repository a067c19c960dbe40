"""Checkpointing: values and gradients as without, how often functions run, and what goes wrong."""

from __future__ import annotations

import contextlib
import gc
import math
import weakref

import pytest

import flambeau as torch
from flambeau.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_debug_enabled,
    set_checkpoint_early_stop,
)

HERE = torch.get_default_device()


def leaf(*values: float) -> torch.Tensor:
    return torch.tensor(list(values), requires_grad=True)


class Logged:
    """A function that notes whether its runs were recorded."""

    def __init__(self) -> None:
        self.runs: list[bool] = []

    def __call__(self, x, k=2):
        self.runs.append(torch.is_grad_enabled())
        return (x * x).exp() * k


@pytest.mark.parametrize(
    ("reentrant", "runs", "name"),
    [(True, [False, True], "CheckpointFunctionBackward"), (False, [True, True], "MulBackward0")],
)
def test_backward_runs_the_function_again(reentrant, runs, name) -> None:
    function, x = Logged(), leaf(0.5, 1.0)
    y = checkpoint(function, x, use_reentrant=reentrant)
    assert (len(function.runs), y.grad_fn.name()) == (1, name)
    y.sum().backward()
    assert function.runs == runs
    assert x.grad.tolist() == pytest.approx([2.5681, 10.8731], rel=1e-4)


@pytest.mark.parametrize("reentrant", [True, False])
def test_each_backward_of_a_retained_graph_runs_it_again(reentrant) -> None:
    function, x = Logged(), leaf(0.5, 1.0)
    y = checkpoint(function, x, use_reentrant=reentrant).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert len(function.runs) == 3
    assert x.grad.tolist() == pytest.approx([5.1361, 21.7463], rel=1e-4)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_only_the_first_way_has_limits() -> None:
    message = "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad"
    x = leaf(0.5, 1.0)
    with pytest.raises(RuntimeError, match=message):
        torch.autograd.grad(checkpoint(Logged(), x, use_reentrant=True).sum(), x)
    with pytest.raises(RuntimeError, match=message):
        checkpoint(Logged(), x, use_reentrant=True).sum().backward(inputs=[x])
    (g,) = torch.autograd.grad(
        checkpoint(Logged(), x, use_reentrant=False).sum(), x, create_graph=True
    )
    (h,) = torch.autograd.grad(g.sum(), x)
    assert h.tolist() == pytest.approx([7.7042, 32.6194], rel=1e-4)


@pytest.mark.parametrize("reentrant", [True, False])
def test_arguments_and_results_may_be_anything(reentrant) -> None:
    x = leaf(2.0)
    y = checkpoint(
        lambda x, n, d: x * n * d["a"], x, 3, {"a": torch.ones(1)}, use_reentrant=reentrant
    )
    assert y.tolist() == [6.0]
    a, b, none = checkpoint(lambda x: (x * 2, x * 3, None), x, use_reentrant=reentrant)
    (a + b).backward()
    assert none is None
    assert x.grad.tolist() == [5.0]


def test_keywords_go_to_the_function_only_one_way() -> None:
    x = leaf(0.5, 1.0)
    checkpoint(Logged(), x, use_reentrant=False, k=3).sum().backward()
    assert x.grad.tolist() == pytest.approx([3.8521, 16.3097], rel=1e-4)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: k"):
        checkpoint(Logged(), x, use_reentrant=True, k=3)
    with pytest.raises(ValueError, match="only supported when use_reentrant=False"):
        checkpoint(Logged(), x, use_reentrant=True, debug=True)
    with pytest.raises(ValueError, match="determinism_check should be one of"):
        checkpoint(Logged(), x, use_reentrant=False, determinism_check="x")


def test_not_saying_which_way_warns() -> None:
    with pytest.warns(UserWarning, match="the use_reentrant parameter should be passed explicitly"):
        y = checkpoint(Logged(), leaf(1.0))
    assert y.grad_fn.name() == "CheckpointFunctionBackward"
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        assert not checkpoint(Logged(), torch.ones(2), use_reentrant=True).requires_grad
    assert not checkpoint(Logged(), torch.ones(2), use_reentrant=False).requires_grad


def test_a_result_without_history_is_an_error_of_the_first_way() -> None:
    y = checkpoint(lambda x: x.detach() * 2, leaf(2.0), use_reentrant=True)
    with pytest.raises(RuntimeError, match="none of output has requires_grad=True"):
        y.backward()


@pytest.mark.parametrize("reentrant", [True, False])
def test_random_numbers_are_drawn_again(reentrant) -> None:
    def noisy(x):
        return x * torch.rand(100) * x

    x = torch.ones(100, requires_grad=True)
    y = checkpoint(noisy, x, use_reentrant=reentrant)
    after = torch.rand(1)
    y.sum().backward()
    assert torch.allclose(x.grad, 2 * y.detach())
    torch.manual_seed(0)
    x.grad = None
    y = checkpoint(noisy, x, use_reentrant=reentrant)
    assert torch.rand(1).item() == after.item()  # nor does the second run move the generator on
    y = checkpoint(noisy, x, use_reentrant=reentrant, preserve_rng_state=False)
    y.sum().backward()
    assert not torch.allclose(x.grad, 2 * y.detach())


def test_the_second_run_stops_when_everything_is_there() -> None:
    log = []

    def function(x):
        y = x.exp().exp()
        log.append("end")
        return y

    checkpoint(function, leaf(0.5), use_reentrant=False).backward()
    assert log == ["end"]
    checkpoint(function, leaf(0.5), use_reentrant=False, early_stop=False).backward()
    assert len(log) == 3
    with set_checkpoint_early_stop(False):
        y = checkpoint(function, leaf(0.5), use_reentrant=False)
    y.backward()
    assert len(log) == 5


def varying(first, then):
    runs = []

    def function(x):
        runs.append(1)
        return (first if len(runs) == 1 else then)(x)

    return function


def once(x):
    return x.exp()


def twice(x):
    return x.exp().exp()


@pytest.mark.parametrize(
    ("function", "options", "text"),
    [
        (
            varying(once, twice),
            {"early_stop": False},
            "trying to save more tensors during recomputation",
        ),
        (
            varying(twice, once),
            {},
            "A different number of tensors was saved during the original forward and recomputation.\n"
            "Number of tensors saved during forward: 2\nNumber of tensors saved during recomputation: 1.",
        ),
        (
            varying(twice, lambda x: twice(x[:1])),
            {},
            "tensor at position 0:\nsaved metadata: {'shape': torch.Size([2]), 'dtype': torch.float32, "
            f"'device': {HERE!r}}}\nrecomputed metadata: {{'shape': torch.Size([1]), 'dtype': "
            f"torch.float32, 'device': {HERE!r}}}\ntensor at position 1:",
        ),
    ],
)
def test_a_second_run_that_differs_is_found(function, options, text) -> None:
    y = checkpoint(function, leaf(0.5, 1.0), use_reentrant=False, **options)
    with pytest.raises(CheckpointError) as caught:
        y.sum().backward()
    assert text in str(caught.value)


def test_what_differs_harmlessly_passes() -> None:
    checkpoint(varying(once, twice), leaf(0.5), use_reentrant=False).backward()
    same = varying(twice, lambda x: twice(x[:1]))
    checkpoint(same, leaf(0.5, 1.0), use_reentrant=False, determinism_check="none").sum().backward()


def test_debug_lists_the_lines_of_both_runs() -> None:
    for option, block in (
        (True, contextlib.nullcontext()),
        (False, set_checkpoint_debug_enabled(True)),
    ):
        with block:
            y = checkpoint(varying(twice, once), leaf(0.5), use_reentrant=False, debug=option)
        with pytest.raises(CheckpointError) as caught:
            y.backward()
        text = str(caught.value)
        assert text.count("(`return x.exp().exp()`)") == 2
        assert text.count("(`return x.exp()`)") == 1


def test_contexts_surround_both_runs() -> None:
    log = []

    @contextlib.contextmanager
    def context(name: str):
        log.append(f"in {name}")
        yield
        log.append(f"out {name}")

    x = leaf(0.5)
    y = checkpoint(
        torch.exp, x, use_reentrant=False, context_fn=lambda: (context("first"), context("second"))
    )
    assert log == ["in first", "out first"]
    y.backward()
    assert log[2:] == ["in second"]  # it ends by an exception, as in PyTorch


def test_checkpoints_within_checkpoints_run_as_often_as_pytorchs() -> None:
    log = []

    def inner(x):
        log.append("i")
        return x.exp().sin()

    def outer(x):
        log.append("o")
        return checkpoint(inner, checkpoint(inner, x, use_reentrant=False), use_reentrant=False)

    x = leaf(0.5)
    checkpoint(outer, x, use_reentrant=False).backward()
    assert "".join(log) == "oiioiii"
    assert x.grad.item() == pytest.approx(0.3159, rel=1e-3)


def test_between_the_runs_only_the_inputs_are_kept() -> None:
    kept = []

    def function(x):
        y = x.exp()
        kept.append(weakref.ref(y._array))
        return y.sin().sum()

    gc.disable()
    try:
        x = torch.ones(3, requires_grad=True)
        for reentrant in (True, False):
            kept.clear()
            y = checkpoint(function, x, use_reentrant=reentrant)
            assert kept[0]() is None
            y.backward()
            assert [ref() for ref in kept] == [None, None]
    finally:
        gc.enable()


def test_functions_that_ask_for_saved_tensors_twice() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * (ctx.saved_tensors[0] + ctx.saved_tensors[0])

    x = leaf(3.0)
    checkpoint(lambda x: Square.apply(x.exp()), x, use_reentrant=False).backward()
    assert x.grad.item() == pytest.approx(2 * 403.4288, rel=1e-4)


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("segments", [1, 2, 3, 4])
def test_sequences_in_segments(reentrant, segments) -> None:
    x = leaf(0.5, 1.0)
    steps = [torch.sin, torch.exp, torch.cos, torch.tanh]
    y = checkpoint_sequential(steps, segments, x, use_reentrant=reentrant)
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx([-1.4133, -0.5961], rel=1e-3)


def test_sequences_take_modules_and_no_unknown_options() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    x = leaf(0.5, 1.0)
    checkpoint_sequential(net, 2, x, use_reentrant=False).backward()
    first = net[0].weight.grad.tolist()
    net.zero_grad()
    net(x).backward()
    assert net[0].weight.grad.tolist() == first
    with pytest.raises(ValueError, match="Unexpected keyword arguments: foo"):
        checkpoint_sequential(net, 2, x, use_reentrant=False, foo=1)


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_the_second_run_is_under_the_autocast_of_the_first(use_reentrant):
    seen = []

    def function(x):
        y = x @ x
        seen.append(y.dtype)
        return y.exp()

    x = torch.ones(2, 2, requires_grad=True)
    with torch.autocast(HERE.type):
        inside = checkpoint(function, x, use_reentrant=use_reentrant).sum()
    inside.backward()
    outside = checkpoint(function, x, use_reentrant=use_reentrant).sum()
    with torch.autocast(HERE.type, torch.float16):
        outside.backward()
    low = torch.get_autocast_dtype(HERE.type)
    assert seen == [low, low, torch.float32, torch.float32]


def test_states_of_other_devices():
    module = torch.utils.checkpoint
    on_cpu = [torch.ones(2, device="cpu"), 3]
    assert module.get_device_states(on_cpu[0], {"a": on_cpu}) == ([], [])
    module.set_device_states([], [])
    assert module.DefaultDeviceType.get_device_type() == HERE.type
    with pytest.raises(RuntimeError):
        module.set_device_states([0], [torch.get_rng_state()], device_type="absent")


def test_checkpoint_decorates():
    calls = []

    @checkpoint(use_reentrant=False)
    def block(x, scale=1.0):
        calls.append(scale)
        return x.exp() * scale

    x = torch.tensor([1.0], requires_grad=True)
    y = block(x, scale=2.0)
    y.backward()
    assert block.__name__ == "block"
    assert calls == [2.0, 2.0]
    assert x.grad.item() == pytest.approx(2 * math.e)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: scale"):
        checkpoint(scale=1)


def test_states_of_devices_under_their_old_names() -> None:
    names = torch.utils.checkpoint
    assert names.get_device_states((torch.ones(1, device="cpu"), {"a": [3]})) == ([], [])
    assert names.set_device_states([], []) is None
    assert names.DefaultDeviceType.get_device_type() == HERE.type
    y = torch.ones(2, requires_grad=True) * 2
    (found, other) = names.detach_variable((y, 3))
    assert (found.is_leaf, found.requires_grad, other) == (True, True, 3)
    with pytest.raises(RuntimeError, match="Only tuple of tensors"):
        names.detach_variable([y])
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        names.check_backward_validity([torch.ones(1)])
