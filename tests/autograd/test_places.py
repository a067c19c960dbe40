"""Gradients of parts are added to what has arrived of the whole, in place where only the engine holds it."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.core.dtype import BY_NUMPY


def _numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).integers(-9, 9, shape).astype(np.float32)


@pytest.mark.parametrize("middle", [False, True], ids=("leaf", "between"))
@pytest.mark.parametrize(
    "parts",
    [
        (1, 0, 1),
        (slice(1, 3), slice(2, 4), 0),
        ((slice(None), 2), (slice(None), 2), (Ellipsis, slice(None, None, 2))),
        (Ellipsis, 2),
        ((None, 3, slice(1, 2)), slice(0, 0)),
    ],
    ids=str,
)
def test_sums_of_parts_are_numpys(parts, middle):
    x = torch.from_numpy(_numbers(4, 5, 6)).requires_grad_()
    whole = x * 1.0 if middle else x
    wanted, total = np.zeros((4, 5, 6), np.float32), 0.0
    for count, part in enumerate(parts, 1):
        weight = _numbers(*wanted[part].shape) + count
        wanted[part] += weight
        total = total + (whole[part] * torch.from_numpy(weight)).sum()
    total.backward()
    assert np.array_equal(x.grad.numpy(), wanted)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.complex64])
def test_other_dtypes(dtype):
    x = torch.ones(3, 64, dtype=dtype, requires_grad=True)
    (x[0] * 2 + x[1] + x[0] + x.select(1, 3).sum()).sum().real.backward()
    wanted = np.zeros((3, 64))
    wanted[0], wanted[1] = 3, 1
    wanted[:, 3] += 64
    assert np.array_equal(x.grad.to(torch.complex64).numpy().real, wanted)
    assert BY_NUMPY[x.grad._array.dtype] is dtype


def test_what_others_hold_is_left_alone():
    """The same array arrives at both operands of a sum; a part is added to one of them only."""
    x, y = (torch.from_numpy(_numbers(3, 900)).requires_grad_() for _ in range(2))
    a, b = x * 1.0, y * 1.0
    (a[0].sum() + (a + b).sum() + a[1].sum()).backward()
    assert np.array_equal(y.grad.numpy(), np.ones((3, 900)))
    assert np.array_equal(x.grad.numpy(), np.full((3, 900), [[2], [2], [1]]))


def test_a_weight_used_often():
    x, w = torch.from_numpy(_numbers(6, 3, 50)), torch.ones(50, 60, requires_grad=True)
    for _ in range(2):
        sum((part @ w).sum() for part in x).backward()
    assert np.array_equal(w.grad.numpy(), np.repeat(2 * x.sum((0, 1)).numpy()[:, None], 60, 1))


def test_diagonal_and_wanted_gradients():
    x = torch.from_numpy(_numbers(5, 5)).requires_grad_()
    y = x * 2.0
    loss = y.diagonal().sum() + y[2:].sum() + y.diagonal(1)[1:].sum()
    found = torch.autograd.grad(loss, (y, x), retain_graph=True)
    wanted = np.eye(5) + (np.arange(5) > 1)[:, None]
    wanted[[1, 2, 3], [2, 3, 4]] += 1
    assert np.array_equal(found[0].numpy(), wanted)
    assert np.array_equal(found[1].numpy(), 2 * wanted)
    y.retain_grad()
    loss.backward()
    assert np.array_equal(y.grad.numpy(), wanted)


def test_hooks_see_the_gradient_of_the_whole():
    x, seen = torch.ones(4, 3, requires_grad=True), []
    y = x * 1.0
    part = y[1]
    part.grad_fn.register_hook(lambda inputs, outputs: seen.append(inputs[0].numpy().copy()))
    (part.sum() + y[1:].sum()).backward()
    assert np.array_equal(seen[0], np.array([[0], [1], [0], [0]]) * np.ones(3))
    assert np.array_equal(x.grad.numpy(), np.array([[0], [2], [1], [1]]) * np.ones(3))


def test_recorded_gradients_of_parts():
    x = torch.from_numpy(_numbers(3, 4)).double().requires_grad_()
    (g,) = torch.autograd.grad((x[0] ** 2 * x[1]).sum() + x[:, 1].sum(), x, create_graph=True)
    g[0].sum().backward()
    wanted = np.zeros((3, 4))
    wanted[0], wanted[1] = 2 * x[1].detach().numpy(), 2 * x[0].detach().numpy()
    assert np.array_equal(x.grad.numpy(), wanted)


def test_profiler_shows_the_nodes():
    x = torch.ones(4, 3, requires_grad=True)
    with torch.profiler.profile() as prof:
        (x[0] + x[1]).sum().backward()
    (row,) = (
        row
        for row in prof.key_averages()
        if row.key == "SelectBackward0" or row.key == "SliceBackward0"
    )
    assert row.count == 2
