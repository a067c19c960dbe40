"""nn.functional.ctc_loss against a sum over all paths, and targets that no path leads to."""

import itertools
import math

import numpy as np
import pytest

import flambeau as torch

F = torch.nn.functional
STEPS, CLASSES = 4, 3
TARGETS = {
    "usual": [1, 2],
    "repeated": [1, 1],
    "repeated, too long": [1, 1, 1],
    "too long": [1, 2, 1, 2, 1],
    "empty": [],
}


def scores(batch, dtype=torch.float64):
    values = torch.sin(torch.arange(STEPS * batch * CLASSES, dtype=dtype) * 1.3)
    return values.view(STEPS, batch, CLASSES).requires_grad_()


def spelled(path):
    """What a path says: repetitions and then blanks taken out."""
    return [label for label, _ in itertools.groupby(path) if label]


def likelihood(x, target, steps):
    """The sum of the probabilities of all paths that spell the target, and its gradient (STEPS, CLASSES)."""
    p = np.exp(x - np.log(np.exp(x).sum(-1, keepdims=True)))
    total, through = 0.0, np.zeros_like(x)
    for path in itertools.product(range(CLASSES), repeat=steps):
        if spelled(path) == list(target):
            probability = math.prod(p[t, label] for t, label in enumerate(path))
            total += probability
            for t, label in enumerate(path):
                through[t, label] += probability
    gradient = through / total if total else through
    whole = gradient.sum(-1, keepdims=True)  # 1 in the steps that count
    return total, gradient - p * whole


def right(x, targets, steps, zero):
    """Losses and the gradients of their sum with respect to the scores."""
    losses, gradient = [], np.zeros(x.shape)
    for n, (target, length) in enumerate(zip(targets, steps)):
        total, slope = likelihood(x[:, n], target, length)
        losses.append(-math.log(total) if total else 0.0 if zero else math.inf)
        gradient[:, n] = -slope
    return losses, gradient


def packed(targets, form, dtype):
    if form == "flat":
        return torch.tensor(list(itertools.chain(*targets)), dtype=dtype)
    width = max(map(len, targets))
    return torch.tensor([[*t, *[0] * (width - len(t))] for t in targets], dtype=dtype)


@pytest.mark.parametrize("form", ["flat", "rows"])
@pytest.mark.parametrize("index", [torch.int32, torch.int64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_no_path_costs_nothing_and_has_no_gradient(form, index, dtype, reduction):
    targets, steps = list(TARGETS.values()), [4, 3, 4, 4, 0]
    x = scores(len(targets), dtype)
    want, slopes = right(x.detach().double().numpy(), targets, steps, zero=True)
    sizes = [len(t) for t in targets]
    loss = F.ctc_loss(
        x.log_softmax(-1), packed(targets, form, index), steps, sizes, reduction=reduction,
        zero_infinity=True,
    )  # fmt: skip
    loss.sum().backward()
    by = np.maximum(sizes, 1) * len(sizes) if reduction == "mean" else np.ones(len(sizes))
    want = np.divide(want, by)
    tolerance = {"rtol": 1e-4, "atol": 1e-6} if dtype is torch.float32 else {"rtol": 1e-10}
    np.testing.assert_allclose(
        loss.detach(), want if reduction == "none" else want.sum(), **tolerance
    )
    np.testing.assert_allclose(
        x.grad, slopes / by[:, None], rtol=tolerance["rtol"], atol=tolerance.get("atol", 1e-12)
    )
    assert x.grad[:, 2].tolist() == x.grad[:, 3].tolist() == [[0.0] * CLASSES] * STEPS


def test_without_zero_infinity_the_loss_is_infinite():
    x = scores(2)
    loss = F.ctc_loss(
        x.log_softmax(-1), torch.tensor([1, 1, 1, 2]), [4, 4], [3, 1], reduction="none"
    )
    want, slopes = right(x.detach().numpy(), [[1, 1, 1], [2]], [4, 4], zero=False)
    np.testing.assert_allclose(loss.detach(), want, rtol=1e-10)
    loss.sum().backward()
    assert torch.isnan(x.grad[:, 0]).all()  # as in PyTorch: there is no slope
    np.testing.assert_allclose(x.grad[:, 1], slopes[:, 1], rtol=1e-10)


def test_one_sequence_without_a_batch():
    x = scores(1)
    logs = x.log_softmax(-1)[:, 0]
    loss = F.ctc_loss(logs, torch.tensor([1, 1, 1]), 4, 3, zero_infinity=True)
    loss.backward()
    assert loss.item() == 0
    assert x.grad.abs().sum().item() == 0


def test_a_class_that_cannot_be_has_no_gradient():
    """A score of -inf: probability 0, and no path goes through it."""
    x = torch.tensor([[[0.0, 1.0, -math.inf]], [[1.0, 0.0, -math.inf]]], dtype=torch.float64)
    x.requires_grad_()
    F.ctc_loss(x.log_softmax(-1), torch.tensor([[1]]), [2], [1]).backward()
    _, slopes = right(x.detach().numpy(), [[1]], [2], zero=False)
    np.testing.assert_allclose(x.grad, slopes, rtol=1e-10, atol=1e-15)
    assert x.grad[..., 2].tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (
            {"targets": torch.tensor([[1, 3]])},
            IndexError,
            "Target 3 is out of bounds: .* 3 classes",
        ),
        ({"targets": torch.tensor([[1, -1]])}, IndexError, "Target -1 is out of bounds"),
        ({"targets": torch.tensor([[1, 2]] * 3)}, RuntimeError, "size 1 at dimension 0"),
        ({"log_probs": torch.zeros(4, 0, 3)}, RuntimeError, "must not be empty"),
        ({"input_lengths": torch.tensor([4.0])}, RuntimeError, "must be integral"),
        ({"target_lengths": torch.tensor([2.0])}, RuntimeError, "must be integral"),
        ({"reduction": "most"}, ValueError, "not a valid value"),
    ],
)
def test_arguments_that_do_not_fit(change, error, words):
    usual = {
        "log_probs": torch.zeros(4, 1, 3), "targets": torch.tensor([[1, 2]]),
        "input_lengths": torch.tensor([4]), "target_lengths": torch.tensor([2]),
    }  # fmt: skip
    with pytest.raises(error, match=words):
        F.ctc_loss(**{**usual, **change})
