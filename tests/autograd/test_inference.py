"""Inference tensors: which tensors are, and what may not be done with them outside."""

from __future__ import annotations

import threading

import pytest

import flambeau as torch


@pytest.fixture
def made() -> torch.Tensor:
    with torch.inference_mode():
        return torch.ones(2)


def test_results_and_fresh_tensors_are_inference_tensors() -> None:
    normal, weight = torch.ones(2, 2), torch.ones(2, 2, requires_grad=True)
    with torch.inference_mode():
        results = [
            torch.zeros(2),
            torch.ones(2, requires_grad=True),
            normal + 1,
            normal * normal,
            weight * 2,
            weight @ normal,
            normal.exp(),
            normal.sum(),
            normal.softmax(0),
            normal.clone(),
            normal.to(torch.float64),
            torch.cat([normal, normal]),
            torch.rand(2),
            torch.tensor([1.0]),
        ]
        shared = [normal, normal.view(4), normal[0], normal.detach(), normal.contiguous()]
        shared += [normal.add_(1), weight[0]]
        with torch.inference_mode(False):
            shared.append(torch.ones(1))
    assert [x.is_inference() for x in results] == [True] * len(results)
    assert [torch.is_inference(x) for x in shared] == [False] * len(shared)
    assert normal._version == 1
    assert not (normal + 1).is_inference()


def test_views_outside_are_inference_tensors_and_results_are_not(made) -> None:
    assert [made.view(2).is_inference(), made[0].is_inference(), made.detach().is_inference()] == [
        True
    ] * 3
    assert [(made + 1).is_inference(), made.clone().is_inference()] == [False] * 2
    with torch.no_grad():
        assert not torch.ones(1).is_inference()


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.add_(1),
        lambda t: t.__setitem__(0, 3.0),
        lambda t: t[0:1].mul_(2),
        lambda t: t.copy_(torch.ones(2)),
        lambda t: t.zero_(),
        lambda t: torch.add(torch.ones(2), 1, out=t),
        lambda t: torch.no_grad()(lambda: t.add_(1))(),
    ],
)
def test_they_are_written_only_in_inference_mode(made, write) -> None:
    message = "Inplace update to inference tensor outside InferenceMode is not allowed"
    with pytest.raises(RuntimeError, match=message):
        write(made)
    assert made.tolist() == [1.0, 1.0]
    with torch.inference_mode():
        write(made)


def test_they_have_no_version_and_ask_for_no_gradient(made) -> None:
    with pytest.raises(RuntimeError, match="Inference tensors do not track version counter"):
        _ = made._version
    message = "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed"
    with pytest.raises(RuntimeError, match=message):
        made.requires_grad_()
    with pytest.raises(RuntimeError, match=message):
        made.requires_grad = True
    assert made.requires_grad_(False) is made


class Keep(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(y)
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0], None


@pytest.mark.parametrize(
    "function",
    [
        lambda w, t: w * t,
        lambda w, t: t * w,
        lambda w, t: w @ t,
        lambda w, t: torch.nn.functional.mse_loss(w, t),
        Keep.apply,
    ],
)
def test_backward_refuses_what_was_saved_of_them(made, function) -> None:
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        function(w, made).sum().backward()
    (function(w, made.clone())).sum().backward()
    (w + made).sum().backward()  # saves nothing


def test_the_modes_flags() -> None:
    with torch.inference_mode():
        assert (torch.is_inference_mode_enabled(), torch.is_grad_enabled()) == (True, False)
        with torch.inference_mode(False):
            assert (torch.is_inference_mode_enabled(), torch.is_grad_enabled()) == (False, True)
        with torch.enable_grad():
            assert not (torch.ones(1, requires_grad=True) * 2).requires_grad
    assert (torch.is_inference_mode_enabled(), torch.is_grad_enabled()) == (False, True)


def test_other_threads_make_ordinary_tensors_meanwhile() -> None:
    seen = []

    def work() -> None:
        x = torch.ones(1, requires_grad=True)
        y = x * 2
        y.backward()
        seen.append((x.is_inference(), y.is_inference(), y.requires_grad, x.grad.is_inference()))

    with torch.inference_mode():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert torch.ones(1).is_inference()
    assert seen == [(False, False, True, False)]


def test_a_block_that_closes_while_another_threads_is_open_changes_nothing() -> None:
    inside, leave = threading.Event(), threading.Event()
    seen = []

    def stay() -> None:
        with torch.inference_mode():
            inside.set()
            leave.wait(10)
            seen.append(torch.ones(1).is_inference())

    thread = threading.Thread(target=stay)
    with torch.inference_mode():
        thread.start()
        inside.wait(10)
    assert not torch.ones(1).is_inference()
    leave.set()
    thread.join()
    assert seen == [True]
    assert not torch.ones(1).is_inference()
