"""Histograms and counts, with literals from PyTorch."""

from __future__ import annotations

import pytest

import flambeau as torch


def test_histc() -> None:
    x = torch.tensor([1.0, 2, 1, 5, -3])
    assert torch.histc(x, bins=4, min=0, max=4).tolist() == [0.0, 2.0, 1.0, 0.0]
    assert torch.histc(torch.ones(3), bins=3).tolist() == [0.0, 3.0, 0.0]
    assert x.histc(2).tolist() == [1.0, 4.0]


def test_histogram() -> None:
    hist, edges = torch.histogram(torch.arange(4.0), 3)
    assert hist.tolist() == [1.0, 1.0, 2.0]
    assert edges.tolist() == [0.0, 1.0, 2.0, 3.0]
    given = torch.histogram(torch.arange(4.0), torch.tensor([0.0, 2, 3]), density=True)
    assert given.hist.tolist() == [0.25, 0.5]
    weighted = torch.histogram(
        torch.arange(4.0), 2, range=(0.0, 4.0), weight=torch.tensor([1.0, 2, 3, 4])
    )
    assert weighted.hist.tolist() == [3.0, 7.0]


def test_histogramdd() -> None:
    x = torch.tensor([[0.0, 0], [1, 1], [2, 0.4]])
    hist, edges = torch.histogramdd(x, bins=[2, 2])
    assert hist.tolist() == [[1.0, 0.0], [1.0, 1.0]]
    assert [e.tolist() for e in edges] == [[0.0, 1.0, 2.0], [0.0, 0.5, 1.0]]


def test_bincount() -> None:
    x = torch.tensor([1, 2, 2])
    assert torch.bincount(x, minlength=5).tolist() == [0, 1, 2, 0, 0]
    half = torch.bincount(x, weights=torch.tensor([0.5, 1, 1]))
    assert half.tolist() == [0.0, 0.5, 2.0]
    assert half.dtype is torch.float32
    assert x.bincount(torch.tensor([1, 2, 3])).dtype is torch.float64


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: torch.histc(torch.ones(3), bins=0), RuntimeError, "bins must be > 0, but got 0"),
        (lambda: torch.histc(torch.ones(3), 3, 2, 1), RuntimeError, "max must be larger than min"),
        (lambda: torch.histc(torch.tensor([1.0, float("inf")])), RuntimeError, "is not finite"),
        (lambda: torch.histc(torch.arange(3)), NotImplementedError, "not implemented for 'Long'"),
        (
            lambda: torch.histogram(torch.ones(3), 2, range=(1.0, 0.0)),
            RuntimeError,
            "min should not exceed max, but got min 1 max 0",
        ),
        (lambda: torch.bincount(torch.tensor([-1])), RuntimeError, "1-d non-negative integral"),
        (lambda: torch.bincount(torch.ones(2)), NotImplementedError, "not implemented for 'Float'"),
        (
            lambda: torch.bincount(torch.tensor([1, 2]), torch.ones(3)),
            RuntimeError,
            "same length as input",
        ),
    ],
)
def test_refused(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call()
