"""Copying forms of views, and copies of tensors into themselves."""

import pytest

import flambeau as torch


def test_view_copy_takes_every_layout() -> None:
    x = torch.arange(6).reshape(2, 3).t()
    assert torch.view_copy(x, (6,)).tolist() == [0, 3, 1, 4, 2, 5]
    assert torch.view_copy(torch.zeros(2), dtype=torch.int32).tolist() == [0, 0]


def test_a_copy_into_itself_is_itself() -> None:
    """Even of an expanded tensor, whose elements any other write could give several values."""
    x = torch.arange(3).expand(2, 3)
    assert x.copy_(x) is x
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        x.copy_(x.clone())
