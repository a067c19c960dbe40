"""PyTorch's private helpers of attention, beside the layer that does the same."""

from __future__ import annotations

import pytest

import flambeau as torch

F = torch.nn.functional


def test_projections() -> None:
    q, k, v = torch.randn(3, 5, 4).unbind(0)
    w, b = torch.randn(12, 4), torch.randn(12)
    wanted = [x @ part.t() + bias for x, part, bias in zip((q, k, v), w.chunk(3), b.chunk(3))]
    for found, expected in zip(F._in_projection_packed(q, k, v, w, b), wanted):
        torch.testing.assert_close(found, expected)
    for found, expected in zip(F._in_projection(q, k, v, *w.chunk(3), *b.chunk(3)), wanted):
        torch.testing.assert_close(found, expected)
    for keys, values in ((k, k), (q, q)):
        found = F._in_projection_packed(q, keys, values, w)
        for x, part, result in zip((q, keys, values), w.chunk(3), found):
            torch.testing.assert_close(result, x @ part.t())
    with pytest.raises(AssertionError, match=r"w_k: expecting a shape of \(4, 4\)"):
        F._in_projection(q, k, v, w[:4], w[:3], w[8:])


def test_masks() -> None:
    mask = torch.tensor([True, False])
    found = F._canonical_mask(mask, "a", None, "b", torch.float32)
    assert found.tolist() == [float("-inf"), 0.0]
    assert F._canonical_mask(found, "a", None, "b", torch.float32) is found
    assert F._canonical_mask(None, "a", None, "b", torch.float32) is None
    with pytest.warns(UserWarning, match="Support for mismatched a and b is deprecated"):
        F._canonical_mask(mask, "a", torch.float32, "b", torch.float32)
    with pytest.raises(AssertionError, match="only bool and floating types of a"):
        F._canonical_mask(torch.ones(2, dtype=torch.int64), "a", None, "b", torch.float32)
    assert F._none_or_dtype(mask) is torch.bool


def test_shapes() -> None:
    x = torch.ones(2, 3, 4)
    assert F._mha_shape_check(x, x, x, None, None, 2)
    assert not F._mha_shape_check(x[0], x[0], x[0], None, torch.ones(2, 3, 3), 2)
    with pytest.raises(AssertionError, match="expected `key` to be 3-D but found a 2-D"):
        F._mha_shape_check(x, x[0], x, None, None, 2)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        F._verify_batch_size([1, 3, 1])
    assert F._pair(3) == (3, 3)
