"""Attention's derivatives of both orders, through the kernel and through the composite."""

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
