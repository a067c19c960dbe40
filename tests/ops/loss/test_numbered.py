"""Losses of the torch namespace, whose reductions are numbers; values are PyTorch 2.13.0's."""

import warnings

import pytest

import flambeau as torch

SIGNS = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])


def given():
    a = torch.tensor([[0.5, -1.0], [2.0, 0.3]], requires_grad=True)
    return a, torch.tensor([[0.2, 0.8], [1.0, -1.0]]), torch.tensor([[1.0, 1.0], [0.0, 0.5]])


CASES = {
    "kl_div": (
        lambda a, c, d, r: torch.kl_div(a.log_softmax(1), c.softmax(1), r),
        ([-0.296258, 0.816061, 0.035988, -0.03089], 0.131225, 0.524901),
    ),
    "kl_div of logarithms": (
        lambda a, c, d, r: torch.kl_div(a.log_softmax(1), c.log_softmax(1), r, log_target=True),
        ([-0.296258, 0.816061, 0.035988, -0.03089], 0.131225, 0.524901),
    ),
    "hinge_embedding_loss": (
        lambda a, c, d, r: torch.hinge_embedding_loss(a, SIGNS, 1.5, r),
        ([0.5, 2.5, 0.0, 0.3], 0.825, 3.3),
    ),
    "margin_ranking_loss": (
        lambda a, c, d, r: torch.margin_ranking_loss(a, c, SIGNS, 0.5, r),
        ([0.2, 0.0, 1.5, 0.0], 0.425, 1.7),
    ),
    "cosine_embedding_loss": (
        lambda a, c, d, r: torch.cosine_embedding_loss(a, c, SIGNS[0], 0.1, r),
        ([1.759257, 0.494391], 1.126824, 2.253648),
    ),
    "triplet_margin_loss": (
        lambda a, c, d, r: torch.triplet_margin_loss(a, c, d, 1.0, 2, 1e-6, True, r),
        ([2.000208, 0.837348], 1.418778, 2.837556),
    ),
    "poisson_nll_loss": (
        lambda a, c, d, r: torch.poisson_nll_loss(a, c.abs() * 3, True, True, 1e-8, r),
        ([1.348721, 3.825678, 3.153138, 2.21394], 2.635369, 10.541477),
    ),
    "binary_cross_entropy_with_logits": (
        lambda a, c, d, r: torch.binary_cross_entropy_with_logits(
            a, c.abs(), None, torch.tensor([2.0, 1.0]), r
        ),
        ([0.968892, 1.113262, 0.253856, 0.554355], 0.722591, 2.890365),
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("reduction", range(3))
def test_losses_and_their_reductions(name, reduction):
    function, expected = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nn.functional.kl_div warns of its mean
        result = function(*given(), reduction)
    wanted = torch.tensor(expected[reduction])
    torch.testing.assert_close(result.detach().flatten(), wanted.flatten(), atol=2e-6, rtol=1e-5)
    assert result.requires_grad


def test_the_mean_is_what_they_give_where_nothing_is_said():
    a, c, _ = given()
    assert torch.hinge_embedding_loss(a, SIGNS).item() == pytest.approx(0.7)
    assert torch.kl_div(a.log_softmax(1), c.softmax(1)).item() == pytest.approx(0.131225, abs=1e-6)


def test_reductions_that_are_none():
    a, c, _ = given()
    with pytest.raises(TypeError, match="'reduction' must be int, not str"):
        torch.kl_div(a, c, "mean")
    with pytest.raises(ValueError, match=r"0 \(none\), 1 \(mean\) or 2 \(sum\), not 7"):
        torch.hinge_embedding_loss(a, c, 1.0, 7)
