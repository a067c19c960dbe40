"""max, sort, topk, cumsum, masked_fill, embedding: values and gradients that torch gives."""

from __future__ import annotations

import pytest

import flambeau as torch


def test_max_of_all_along_a_dimension_and_of_two() -> None:
    x = torch.tensor([[1.0, 5.0, 2.0], [7.0, 0.0, 7.0]], requires_grad=True)
    assert torch.max(x).item() == 7.0
    values, indices = x.max(1)
    assert (values.tolist(), indices.tolist()) == ([5.0, 7.0], [1, 0])
    values.sum().backward()
    assert x.grad.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    assert torch.max(x, torch.tensor(3.0)).tolist() == [[3.0, 5.0, 3.0], [7.0, 3.0, 7.0]]


def test_sort_and_topk() -> None:
    x = torch.tensor([3.0, 1.0, 3.0, 2.0], requires_grad=True)
    values, indices = x.sort(descending=True)
    assert (values.tolist(), indices.tolist()) == ([3.0, 3.0, 2.0, 1.0], [0, 2, 3, 1])
    (x.topk(2).values * torch.tensor([1.0, 10.0])).sum().backward()
    assert x.grad.tolist() == [1.0, 0.0, 10.0, 0.0]
    with pytest.raises(RuntimeError, match="out of range"):
        x.topk(5)


def test_cumsum_goes_back_as_a_reversed_one() -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x.cumsum(0)
    assert y.tolist() == [1.0, 3.0, 6.0]
    (y * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [111.0, 110.0, 100.0]


def test_masked_fill_and_ignored_classes() -> None:
    x = torch.zeros(3)
    assert x.masked_fill(torch.tensor([True, False, True]), 5).tolist() == [5.0, 0.0, 5.0]
    scores = torch.zeros(2, 4, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor([1, -100]))
    loss.backward()
    assert scores.grad.tolist() == [[0.25, -0.75, 0.25, 0.25], [0.0, 0.0, 0.0, 0.0]]


def test_nll_loss_gives_each_class_its_share() -> None:
    scores = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.nll_loss(scores, torch.tensor([2, 0])).backward()
    assert scores.grad.tolist() == [[0.0, 0.0, -0.5], [-0.5, 0.0, 0.0]]


def test_embedding_adds_up_where_an_index_repeats() -> None:
    table = torch.nn.Embedding(3, 2, padding_idx=0)
    table(torch.tensor([[1, 1, 0]])).sum().backward()
    assert table.weight.grad.tolist() == [[0.0, 0.0], [2.0, 2.0], [0.0, 0.0]]
    with pytest.raises(IndexError):
        table(torch.tensor([3]))


def test_parts_of_complex_numbers_are_views() -> None:
    z = torch.tensor([1 + 2j, 3 - 4j])
    assert (z.real.tolist(), z.imag.tolist()) == ([1.0, 3.0], [2.0, -4.0])
    z.real[0] = 9
    assert z.tolist() == [9 + 2j, 3 - 4j]
