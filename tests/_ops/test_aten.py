"""Operations of ATen whose arguments stand in another order than the public functions'; values recorded from PyTorch
2.14.1."""

import pytest

import flambeau as torch

aten = torch.ops.aten
X = torch.linspace(-1, 1, 6).view(2, 3)
Y = torch.linspace(-0.5, 0.7, 6).view(2, 3)
T = torch.tensor([0, 2])


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: aten.nll_loss(X, T, None, 2, -100), 0.0),
        (lambda: aten.margin_ranking_loss(X[0], X[1], torch.ones(3), 0.1, 2), 3.9),
        (lambda: aten.poisson_nll_loss(X, Y, True, False, 1e-8, 2), 5.8172),
        (lambda: aten.multi_margin_loss(X, T, 1, 1.0, None, 2), 1.3333),
        (lambda: aten.binary_cross_entropy_with_logits(X, Y, None, None, 2), 2.8178),
        (lambda: aten.elu(X[0], 1.5, 2.0, 0.5), [-1.1804, -0.7775, -0.2855]),
        (lambda: aten.unfold(X[0], 0, 2, 1), [[-1.0, -0.6], [-0.6, -0.2]]),
        (lambda: aten.std(X[0], False), 0.3266),
        (
            lambda: aten.max_unpool2d(torch.ones(1, 1, 1), torch.tensor([[[3]]]), [2, 2]),
            [[[0, 0], [0, 1]]],
        ),
        (
            lambda: torch.view_as_real(
                aten.stft(torch.arange(8.0), 4, 2, None, None, False, True, True)
            ),
            [
                [[6.0, 0.0], [14.0, 0.0], [22.0, 0.0]],
                [[-2.0, 2.0], [-2.0, 2.0], [-2.0, 2.0]],
                [[-2.0, 0.0], [-2.0, 0.0], [-2.0, 0.0]],
            ],
        ),
        (
            lambda: aten.embedding_bag(Y, torch.tensor([0, 1, 1]), torch.tensor([0, 2]))[0],
            [[-0.28, 0.2, 0.68], [0.22, 0.46, 0.7]],
        ),
    ],
)
def test_arguments_in_the_schemas_order(call, expected):
    torch.testing.assert_close(call(), torch.tensor(expected), rtol=0, atol=1e-4, check_dtype=False)


def test_an_operation_does_not_take_numbers_for_inplace():
    x = X.clone()
    aten.elu(x, 1.0, 1.0, 1.0)
    assert torch.equal(x, X)
