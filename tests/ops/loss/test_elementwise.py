"""Losses, normalisation and similarities of nn.functional against PyTorch's recorded answers, gradients and
node names (tests/data/loss.json, recorded from PyTorch 2.13 in float64)."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import functional as F

RECORDED = json.loads((Path(__file__).parents[2] / "data" / "loss.json").read_text())

NODES = frozenset(
    (
        "MseLossBackward0",
        "NllLossBackward0",
        "BinaryCrossEntropyBackward0",
        "BinaryCrossEntropyWithLogitsBackward0",
        "HuberLossBackward0",
        "SmoothL1LossBackward0",
        "SoftMarginLossBackward0",
        "MultiMarginLossBackward0",
        "NativeBatchNormBackward0",
        "NativeLayerNormBackward0",
    )
)
"""Names of nodes that a reduced loss or a normalisation has here as it has in PyTorch."""


def tensor(value: Any) -> Any:
    if isinstance(value, str) and value in RECORDED["tensors"]:
        made = torch.tensor(RECORDED["tensors"][value])
        return made.double() if made.is_floating_point() else made
    return value


def title(case: dict) -> str:
    options = ",".join(f"{k}={v}" for k, v in case["kwargs"].items())
    return f"{case['call']}({','.join(map(str, case['args']))},{options})"


@pytest.mark.parametrize("case", RECORDED["cases"], ids=title)
@pytest.mark.filterwarnings("ignore:reduction. 'mean'|size_average and reduce:UserWarning")
def test_as_recorded(case: dict) -> None:
    args = [tensor(value) for value in case["args"]]
    options = {name: tensor(value) for name, value in case["kwargs"].items()}
    leaf = next(x for x in args if isinstance(x, torch.Tensor) and x.is_floating_point())
    leaf.requires_grad_()
    function = getattr(F, case["call"])
    if "error" in case:
        with pytest.raises(Exception) as caught:
            function(*args, **options)
        assert type(caught.value).__name__ == case["error"]
        return
    result = function(*args, **options)
    np.testing.assert_allclose(result.detach().numpy(), np.array(case["want"], float), 1e-9, 1e-15)
    (grad,) = torch.autograd.grad(result.sum(), leaf)
    np.testing.assert_allclose(grad.numpy(), np.array(case["grad"], float), rtol=1e-8, atol=1e-12)
    if (
        case["node"] in NODES
        and case["kwargs"].keys() <= {"reduction"}
        and "ci" not in case["args"]
    ):
        assert result.grad_fn.name() == case["node"]


def test_old_arguments_warn_and_mean_what_they_meant() -> None:
    x, y = torch.zeros(2), torch.ones(2)
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        assert F.mse_loss(x, y, size_average=False).item() == 2
    with pytest.warns(UserWarning, match="please use reduction='none' instead"):
        assert F.mse_loss(x, y, None, False).tolist() == [1, 1]


def test_a_target_of_another_shape_warns() -> None:
    with pytest.warns(UserWarning, match="different to the input size"):
        F.mse_loss(torch.zeros(2, 3), torch.zeros(3))


def test_a_mean_by_weights_divides_by_them() -> None:
    """Recorded from PyTorch."""
    x, w = torch.arange(4.0), torch.tensor([1.0, 2, 3, 4])
    assert F.mse_loss(x, x * 2, weight=w).item() == 5
    assert F.l1_loss(x, x * 2, weight=w).item() == 2
    assert F.huber_loss(x, x * 2, weight=w).item() == 3.875


def test_batch_norm_updates_running_statistics() -> None:
    """Recorded from PyTorch: momentum 0.1, and the unbiased variance."""
    x = torch.tensor([[0.3, -1.2], [2.0, 0.5], [0.7, 0.1]], dtype=torch.float64)
    mean, var = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    F.batch_norm(x, mean, var, training=True)
    np.testing.assert_allclose(mean.numpy(), [0.1, -0.02], rtol=1e-12)
    np.testing.assert_allclose(var.numpy(), [0.979, 0.979], rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 3])), IndexError, "Target 3 is out"),
        (lambda: F.cross_entropy(torch.zeros(2, 3), torch.tensor([0])), ValueError, "batch_size"),
        (lambda: F.nll_loss(torch.zeros(2, 3), torch.zeros(2)), RuntimeError, "Long or Byte"),
        (lambda: F.nll_loss(torch.tensor(1.0), torch.tensor(0)), ValueError, "1 or more dimensions"),
        (
            lambda: F.batch_norm(torch.zeros(1, 3), None, None, training=True),
            ValueError,
            "more than 1 value per channel",
        ),
        (lambda: F.group_norm(torch.zeros(4), 2), RuntimeError, "at least 2 dimensions"),
        (lambda: F.multilabel_margin_loss(torch.zeros(1, 2), torch.tensor([[2, -1]])), RuntimeError, "out of range"),
        (
            lambda: F.gaussian_nll_loss(torch.zeros(2), torch.zeros(2), -torch.ones(2)),
            ValueError,
            "negative entry",
        ),
        (lambda: F.layer_norm(torch.zeros(2, 3), 3), TypeError, "must be tuple of ints"),
    ],
)  # fmt: skip
def test_errors_say_what_was_wrong(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()


def test_no_loss_warns_by_itself() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.kl_div(torch.zeros(2, 2), torch.ones(2, 2), reduction="batchmean")
        F.cross_entropy(torch.zeros(2, 2), torch.tensor([0, 1]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_binary_cross_entropy_of_logits_far_out(dtype):
    """The limits; and no cancellation where the logit is right."""
    inf = float("inf")
    x = torch.tensor([inf, -inf, inf, -inf, 20.0, 0.0], dtype=dtype, requires_grad=True)
    target = torch.tensor([1.0, 0.0, 0.0, 0.3, 1.0, 0.25], dtype=dtype)
    y = F.binary_cross_entropy_with_logits(x, target, reduction="none")
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(g.sum(), x)
    tail = 2.0611536181902037e-09
    np.testing.assert_allclose(y.tolist(), [0, 0, inf, inf, tail, np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(g.tolist(), [0, 0, 1, -0.3, -tail, 0.25], rtol=1e-6)
    assert second[-1].item() == 0.25


@pytest.mark.parametrize("loss", [F.smooth_l1_loss, F.huber_loss])
def test_an_infinite_error_has_the_slope_of_a_large_one(loss):
    x = torch.tensor([float("inf"), -float("inf"), 0.5], requires_grad=True)
    loss(x, torch.zeros(3), reduction="sum").backward()
    assert x.grad.tolist() == [1.0, -1.0, 0.5]
