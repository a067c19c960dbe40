"""torch.masked against the same function of the elements that count, row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest

import flambeau as torch

M = torch.masked
X = torch.tensor([[3.0, -1.0, 2.0, 5.0], [0.5, 4.0, 1.0, -2.0]], dtype=torch.float64)
MASK = torch.tensor([[True, False, True, True], [False, True, True, False]])
ROWS = [x[m] for x, m in zip(X.numpy(), MASK.numpy())]

REDUCTIONS = {
    "sum": np.sum,
    "prod": np.prod,
    "mean": np.mean,
    "amax": np.max,
    "amin": np.min,
    "var": lambda row: np.var(row, ddof=1),
    "std": lambda row: np.std(row, ddof=1),
    "logsumexp": lambda row: np.log(np.exp(row).sum()),
    "norm": lambda row: np.sqrt((row * row).sum()),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name: str) -> None:
    got = getattr(M, name)(X, dim=1, mask=MASK)
    want = [REDUCTIONS[name](row) for row in ROWS]
    np.testing.assert_allclose(got.numpy(), want)
    kept = getattr(M, name)(X, dim=-1, keepdim=True, mask=MASK)
    assert kept.shape == (2, 1)
    whole = getattr(M, name)(X, mask=MASK)
    assert whole.item() == pytest.approx(REDUCTIONS[name](np.concatenate(ROWS)))
    x = X.clone().requires_grad_()
    getattr(M, name)(x, mask=MASK).backward()
    assert (x.grad[~MASK] == 0).all()


NOTHING = {
    "sum": 0.0,
    "prod": 1.0,
    "mean": math.nan,
    "amax": -math.inf,
    "amin": math.inf,
    "logsumexp": -math.inf,
    "norm": 0.0,
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_nothing_counts(name: str) -> None:
    got = getattr(M, name)(X[0], mask=torch.zeros(4, dtype=torch.bool)).item()
    np.testing.assert_equal(got, NOTHING[name])


def test_positions_have_the_dtype_of_the_input() -> None:
    assert M.argmax(X, 1, mask=MASK).tolist() == [3.0, 1.0]
    assert M.argmin(X, 1, mask=MASK).tolist() == [2.0, 2.0]
    assert M.argmax(X.int(), 1, mask=MASK).dtype is torch.int32


def test_normalised_rows() -> None:
    soft = M.softmax(X, 1, mask=MASK)
    np.testing.assert_allclose(soft[0][MASK[0]].numpy(), np.exp(ROWS[0]) / np.exp(ROWS[0]).sum())
    assert (soft[~MASK] == 0).all()
    np.testing.assert_allclose(M.log_softmax(X, 1, mask=MASK).exp().numpy(), soft.numpy())
    np.testing.assert_allclose(M.softmin(-X, 1, mask=MASK).numpy(), soft.numpy())
    unit = M.normalize(X, 2.0, 1, mask=MASK)
    np.testing.assert_allclose(unit[1].numpy(), np.array([0, 4, 1, 0]) / math.sqrt(17))


def test_running_sums_and_pairs() -> None:
    assert M.cumsum(X, 1, mask=MASK).tolist() == [[3, 3, 5, 10], [0, 4, 5, 5]]
    both = M.logaddexp(X[0], X[0], input_mask=MASK[0])
    np.testing.assert_allclose(both.numpy(), X[0].numpy() + np.log(1.0 + MASK[0].numpy()))


def test_masks_broadcast_and_are_checked() -> None:
    assert M.sum(X, mask=torch.tensor([True, False, False, True])).item() == 6.5
    with pytest.raises(IndexError, match="dimensionality higher"):
        M.sum(X, mask=torch.ones(1, 2, 4, dtype=torch.bool))
    assert M.var(X, 1, False, mask=MASK)[0].item() == pytest.approx(np.var(ROWS[0]))
    assert M.amax(torch.tensor([3, 9]), mask=torch.tensor([True, False])).item() == 3
