"""Attention's derivatives of both orders, through the kernel and through the composite."""

import math

import pytest

import flambeau as torch
from flambeau.autograd import gradcheck, gradgradcheck
from flambeau.ops.nn import attention

F = torch.nn.functional


@pytest.mark.parametrize("masked", [None, "causal", "bool", "float", "float with gradient"])
@pytest.mark.parametrize("short", [0, 64])
def test_first_and_second_derivative(masked, short, monkeypatch):
    monkeypatch.setattr(attention, "SHORT", short)
    causal = masked == "causal"
    torch.manual_seed(3)
    q, k, v = (
        torch.randn(2, n, m, dtype=torch.float64, requires_grad=True)
        for n, m in ((4, 3), (5, 3), (5, 2))
    )
    mask = None
    if masked and not causal:
        mask = torch.randn(4, 5, dtype=torch.float64)
        mask = mask > -0.5 if masked == "bool" else mask
    if masked == "float with gradient":
        mask.requires_grad_()

    def attend(q, k, v, *rest):
        return F.scaled_dot_product_attention(q, k, v, *rest or (mask,), is_causal=causal)

    inputs = (q, k, v, mask) if masked == "float with gradient" else (q, k, v)
    assert gradcheck(attend, inputs)
    assert gradgradcheck(attend, inputs)


def test_a_mask_may_not_widen_the_scores():
    x = torch.ones(4, 8)
    y = F.scaled_dot_product_attention(x, x, x, torch.ones(3, 4, 4))
    assert y.shape == (3, 4, 8)


def test_subnormal_weights_are_zeros() -> None:
    """Of composite and one pass: what a processor would be slow to multiply adds nothing, and NaN is none of it."""
    scores = torch.tensor([[0.0, -80.0, -90.0, -100.0, -200.0]], requires_grad=True)
    weights = torch._safe_softmax(scores, -1)
    assert weights[0, 1].item() == pytest.approx(math.exp(-80), rel=1e-5)
    assert weights[0, 2:].tolist() == [0.0, 0.0, 0.0]
    (weights * torch.tensor([[0.0, 1e-10, 1.0, 1.0, 1.0]])).sum().backward()
    assert scores.grad[0, 1:].tolist() == [0.0, 0.0, 0.0, 0.0]
    assert torch._safe_softmax(torch.tensor([math.nan, -90.0]), -1).isnan().all()


@pytest.mark.parametrize("length", [3, 70])
def test_far_apart_scores_have_finite_gradients_as_in_double(length: int) -> None:
    """Both ways agree with float64, where no weight of these is subnormal."""
    torch.manual_seed(0)
    made = [torch.randn(1, 2, length, 8) * 6 for _ in range(3)]
    found = []
    for dtype in (torch.float32, torch.float64):
        q, k, v = (x.to(dtype, copy=True).requires_grad_() for x in made)
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        out.square().sum().backward()
        found.append([out, q.grad, k.grad, v.grad])
    for x, y in zip(*found):
        assert torch.allclose(x.double(), y, rtol=1e-3, atol=2e-2)
