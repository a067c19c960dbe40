"""embedding: which index is wrong, and how many rows there are."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau import nn

F = torch.nn.functional


@pytest.mark.parametrize(
    ("indices", "bad", "place"),
    [([[1, 2], [10, -3]], 10, r" at \[1, 0\]"), ([3, -1], -1, r" at \[1\]"), (10, 10, "")],
)
def test_the_first_index_that_names_no_row(indices: object, bad: int, place: str) -> None:
    for look in (
        lambda i: nn.Embedding(10, 4)(i),
        lambda i: F.embedding(i.int(), torch.ones(10, 4)),
    ):
        with pytest.raises(
            IndexError, match=rf"index out of range in self: {bad}{place} .* 10 rows"
        ):
            look(torch.tensor(indices))


def test_the_error_stands_alone() -> None:
    with pytest.raises(IndexError) as caught:
        F.embedding(torch.tensor([7]), torch.ones(2, 2))
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_bags_name_it_too() -> None:
    with pytest.raises(IndexError, match=r"11 at \[1\] .* 10 rows"):
        F.embedding_bag(torch.tensor([[1, 11]]), torch.ones(10, 2))
